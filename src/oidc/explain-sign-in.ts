// What openid-client refuses, in our words. Of its errors only codes and names of claims are taken: the rest holds tokens.
import { SignInFault, type SignInFaultCode } from './sign-in-fault.ts';

type Refusal = {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
  readonly error?: unknown;
};

/** `otherwise`: where nothing tells it apart. */
export function explainSignIn(error: unknown, otherwise: SignInFaultCode = 'token_refused'): SignInFault {
  const chain = chainOf(error);
  const own = chain.find((one) => one instanceof SignInFault);
  if (own instanceof SignInFault) return own;
  const words = chain.map(({ message }) => (typeof message === 'string' ? message : '')).join('\n');
  const code = chain.map((one) => one.code).find((one) => typeof one === 'string' && one.startsWith('OAUTH_'));
  switch (code) {
    case 'OAUTH_AUTHORIZATION_RESPONSE_ERROR':
      return new SignInFault('provider_denied', `The provider let nobody in: ${protocolWord(chain)}.`);
    case 'OAUTH_RESPONSE_BODY_ERROR':
    case 'OAUTH_WWW_AUTHENTICATE_CHALLENGE':
      return explainRefusal(protocolWord(chain));
    case 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED':
      return claimIn(chain) === 'auth_time'
        ? new SignInFault('login_too_old', 'The person proved himself to the provider longer ago than maxAge allows.')
        : new SignInFault('token_time', 'The ID token has expired, or is of the future.');
    case 'OAUTH_JWT_CLAIM_COMPARISON_FAILED':
      return new SignInFault('token_refused', `The ID token has another ${claimIn(chain)} than it should.`);
    case 'OAUTH_KEY_SELECTION_FAILED':
      return new SignInFault(
        'token_signature',
        'The provider publishes no key that the ID token could be signed with.',
      );
    case 'OAUTH_TIMEOUT':
    case 'OAUTH_ABORT':
      return new SignInFault('provider_silent', 'The provider did not answer in time.');
    case 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED':
      return new SignInFault('provider_metadata', 'The discovery document names another issuer.');
    case 'OAUTH_RESPONSE_IS_NOT_CONFORM':
    case 'OAUTH_RESPONSE_IS_NOT_JSON':
    case 'OAUTH_PARSE_ERROR':
      if (/JWT|JWS|signature/i.test(words)) return new SignInFault('token_refused', 'The ID token cannot be read.');
      return new SignInFault('provider_answer', 'An answer of the provider is not what the protocol has there.');
    case 'OAUTH_MISSING_SERVER_METADATA':
    case 'OAUTH_INVALID_SERVER_METADATA':
      return new SignInFault('provider_metadata', 'The discovery document lacks what a login needs.');
    default:
      return explainWords(words, otherwise);
  }
}

function explainWords(words: string, otherwise: SignInFaultCode): SignInFault {
  if (/"iss" \(issuer\) (?:response parameter|missing)|response parameter "iss"/.test(words))
    return new SignInFault(
      'other_provider',
      'The answer does not name the issuer that the login was begun with (iss).',
    );
  if (/"state"/.test(words))
    return new SignInFault('sign_in_lost', 'The answer belongs to another login than this browser began last (state).');
  if (/signature verification failed/.test(words))
    return new SignInFault('token_signature', 'The signature of the ID token is not that of its key.');
  if (/"alg"|JWS algorithm|unsupported JWS/.test(words))
    return new SignInFault(
      'token_signature',
      'The ID token is signed by an algorithm that is not accepted, or not at all.',
    );
  const [, claim] = /JWT "(\w{1,20})"/.exec(words) ?? [];
  if (claim !== undefined)
    return new SignInFault('token_refused', `The ID token has no ${claim}, or not the right one.`);
  if (otherwise === 'provider_metadata')
    return new SignInFault(otherwise, 'The discovery document is none of OpenID Connect.');
  return new SignInFault(otherwise, 'The answer of the provider is not one of the protocol.');
}

function explainRefusal(word: string): SignInFault {
  if (word === 'invalid_grant')
    return new SignInFault(
      'code_refused',
      'The provider does not accept the code (invalid_grant): it was used, or is too old.',
    );
  if (['invalid_client', 'unauthorized_client', 'invalid_request'].includes(word))
    return new SignInFault('client_refused', `The provider does not accept this gateway as its client: ${word}.`);
  return new SignInFault('provider_answer', `The provider refused to give a token: ${word}.`);
}

function chainOf(error: unknown): Refusal[] {
  const chain: Refusal[] = [];
  for (let one = error; typeof one === 'object' && one !== null && chain.length < 5; one = (one as Refusal).cause)
    chain.push(one);
  return chain;
}

/** An error code of OAuth (RFC 6749 section 5.2), and nothing that is not one. */
function protocolWord(chain: readonly Refusal[]): string {
  const word = chain.map(({ error }) => error).find((one) => typeof one === 'string');
  return typeof word === 'string' && /^[a-z][a-z_]{2,60}$/.test(word) ? word : 'it does not say why';
}

function claimIn(chain: readonly Refusal[]): string {
  const claim = chain.map((one) => (one as { readonly claim?: unknown }).claim).find((one) => typeof one === 'string');
  return typeof claim === 'string' && /^\w{1,20}$/.test(claim) ? claim : 'claim';
}
