// Why nobody signs in with the identity provider, in one table: a stable code, whose fault it is, and what to do. Log, page and
// docs/single-sign-on.md use these codes; what the provider said travels along only where it is a word of the protocol. No message
// holds a token, a code of the flow, or a claim that was not asked for.

type SignInFaultSpec = {
  /** Whether anybody can sign in with the provider at this moment. */
  readonly outage: boolean;
  readonly title: string;
  readonly help: string;
};

const specs = {
  // The provider cannot be used.
  provider_unreachable: {
    outage: true,
    title: 'the provider cannot be reached',
    help: 'Check name, port and network from the gateway to the provider.',
  },
  provider_silent: {
    outage: true,
    title: 'the provider did not answer in time',
    help: 'Check the network from the gateway to the provider, and the provider itself.',
  },
  provider_untrusted: {
    outage: true,
    title: 'the certificate of the provider is not accepted',
    help: 'Give the CA of the provider as caBundle of oidc; `countersign explain handshake` shows what it sends.',
  },
  provider_plain: {
    outage: true,
    title: 'the provider names an address without TLS',
    help: 'Every endpoint of the discovery document has to be https://.',
  },
  provider_redirects: {
    outage: true,
    title: 'the provider sends the gateway elsewhere',
    help: 'No redirect is followed: write the issuer as the provider names it.',
  },
  provider_answer: {
    outage: true,
    title: 'the provider answered with what is no answer',
    help: 'Look into the log of the provider; the issuer may be that of something else.',
  },
  provider_metadata: {
    outage: true,
    title: 'the discovery document is not that of the issuer',
    help: 'Write the issuer exactly as the document names it.',
  },
  client_refused: {
    outage: true,
    title: 'the provider does not accept this gateway as its client',
    help: 'Compare clientId and clientSecret with the provider; the secret may have been renewed.',
  },
  secret_unreadable: {
    outage: true,
    title: 'the client secret cannot be read',
    help: 'Check clientSecretFile: it holds the secret and nothing else.',
  },
  // This login.
  sign_in_lost: {
    outage: false,
    title: 'the login was not begun in this browser, or too long ago',
    help: 'Begin again at the button.',
  },
  other_address: {
    outage: false,
    title: 'the console was opened under another address than the provider knows',
    help: 'Open it under the address of redirectUri.',
  },
  other_provider: {
    outage: false,
    title: 'the answer is of another provider',
    help: 'Begin again at the button; if it happens again, tell whoever runs the gateway.',
  },
  provider_denied: {
    outage: false,
    title: 'the provider let nobody in',
    help: 'The provider knows why: look into its log.',
  },
  code_refused: {
    outage: false,
    title: 'the provider does not accept the code of this login',
    help: 'Begin again at the button: a code works once, and for a moment.',
  },
  token_refused: {
    outage: false,
    title: 'the ID token is not valid',
    help: 'Begin again; if it happens again, the provider makes tokens for somebody else, or is not who it seems.',
  },
  token_signature: {
    outage: false,
    title: 'the ID token is not signed by a key of the provider',
    help: 'Begin again; if it happens again, compare jwks_uri of the discovery document with the keys that the provider uses.',
  },
  token_time: {
    outage: false,
    title: 'the ID token is of another time',
    help: 'Compare the clocks of gateway and provider: 30 seconds of difference are tolerated.',
  },
  login_too_old: {
    outage: false,
    title: 'the login at the provider is too long ago',
    help: 'Log in at the provider anew: maxAge asks for it.',
  },
  wrong_context: {
    outage: false,
    title: 'the login at the provider was of another kind than is asked for',
    help: 'acrValues asks for it: use the second factor, or look at the policy of the provider.',
  },
  no_role: {
    outage: false,
    title: 'no role here',
    help: 'Ask for a group of the provider that oidc.roles names.',
  },
  user_disabled: {
    outage: false,
    title: 'the user is disabled here',
    help: 'An administrator can enable him under Users.',
  },
  setup_needed: {
    outage: false,
    title: 'there is no administrator yet',
    help: 'An administrator has to come first: by the setup link, or by the provider.',
  },
} as const satisfies Record<string, SignInFaultSpec>;

export type SignInFaultCode = keyof typeof specs;
export const signInFaultCodes = Object.keys(specs) as readonly SignInFaultCode[];

export function signInFaultSpec(code: SignInFaultCode): SignInFaultSpec {
  return specs[code];
}

export class SignInFault extends Error {
  override readonly name = 'SignInFault';
  readonly code: SignInFaultCode;

  /** `detail`: one sentence, without a secret. */
  constructor(code: SignInFaultCode, detail: string) {
    super(detail);
    this.code = code;
  }

  get outage(): boolean {
    return specs[this.code].outage;
  }

  get help(): string {
    return specs[this.code].help;
  }
}
