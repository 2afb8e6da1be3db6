// One identity provider as this gateway knows it: the authorization code flow with PKCE, from the address that a browser is sent to,
// to a person whose ID token was verified; logging out there; and its word that somebody has logged out. Over openid-client, which is
// loaded with this module and by nobody else.
import * as client from 'openid-client';
import type { Clock } from '../base/clock.ts';
import { verifyLogoutToken, type LoggedOut } from './logout-token.ts';
import { type ProviderFetch, providerFetch } from './provider-fetch.ts';
import { type Attempt, beginAttempt, resumeAttempt } from './sign-in-attempt.ts';
import { SignInFault } from './sign-in-fault.ts';
import { explainSignIn } from './explain-sign-in.ts';

export type ProviderSettings = {
  readonly issuer: string;
  readonly clientId: string;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  readonly maxAgeMs: number | undefined;
  readonly acrValues: readonly string[];
  /** PEM; undefined: the CAs that Node has. */
  readonly ca: string | undefined;
};

/** Who the provider says that it is. */
export type ProvenIdentity = {
  readonly issuer: string;
  readonly subject: string;
  /** Of the session at the provider. */
  readonly sid: string | undefined;
  readonly claims: Readonly<Record<string, unknown>>;
  /** For logging out there. */
  readonly idToken: string;
};

/** How far the clocks may differ. */
export const toleranceS = 30;
/** After which the discovery document is read again. */
const freshMs = 10 * 60_000;
/** For so long one that cannot be read again is relied on. */
const staleMs = 24 * 3_600_000;

const endpoints = ['authorization_endpoint', 'token_endpoint', 'jwks_uri'] as const;

export class RelyingParty {
  readonly settings: ProviderSettings;
  readonly #clock: Clock;
  readonly #fetch: ProviderFetch;
  #known: { readonly metadata: client.ServerMetadata; readonly at: number } | undefined;
  #asking: Promise<client.ServerMetadata> | undefined;
  #askingKeys: Promise<unknown> | undefined;

  constructor(settings: ProviderSettings, clock: Clock) {
    this.settings = settings;
    this.#clock = clock;
    this.#fetch = providerFetch(settings.ca, clock);
  }

  /** Where the browser goes, and the cookie that it keeps. Rejects with SignInFault, as everything below. */
  async begin(): Promise<{ readonly url: string; readonly cookie: string }> {
    const { settings } = this;
    const { maxAgeMs, acrValues, redirectUri, scopes } = settings;
    const config = await this.#configuration(client.None());
    const { cookie, attempt } = beginAttempt(settings, this.#clock);
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      scope: scopes.join(' '),
      state: attempt.state,
      nonce: attempt.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(attempt.verifier),
      code_challenge_method: 'S256',
      ...(maxAgeMs !== undefined && { max_age: String(Math.floor(maxAgeMs / 1000)) }),
      ...(acrValues.length > 0 && { acr_values: acrValues.join(' ') }),
    });
    return { url: url.href, cookie };
  }

  /**
   * `cookie`: of the browser that brings the answer. `answer`: the query that the provider sent it with. `readSecret`: of this client,
   * asked for when everything else is as it should be.
   */
  async finish(cookie: string | undefined, answer: string, readSecret: () => Promise<string>): Promise<ProvenIdentity> {
    const { settings } = this;
    const attempt = resumeAttempt(cookie, settings, this.#clock);
    if (attempt === undefined)
      throw new SignInFault(
        'sign_in_lost',
        'This login was not begun in this browser, or longer than ten minutes ago.',
      );
    const url = new URL(settings.redirectUri);
    url.search = answer;
    const metadata = await this.#discover();
    const secret = await readSecret();
    // Keys are read for each login: one that was withdrawn counts no longer, one that is new at once.
    const config = this.#configure(metadata, secretBy(metadata, secret));
    client.enableNonRepudiationChecks(config);
    const claims = await this.#redeem(config, url, attempt);
    const { acrValues, issuer } = settings;
    if (acrValues.length > 0 && !acrValues.includes(String(claims.claims['acr'])))
      throw new SignInFault('wrong_context', `The provider names none of the contexts ${acrValues.join(', ')} (acr).`);
    const { sub: subject, sid } = claims.claims;
    if (typeof subject !== 'string' || subject === '' || subject.length > 255)
      throw new SignInFault('token_refused', 'The ID token names nobody (sub).');
    return { ...claims, issuer, subject, sid: typeof sid === 'string' && sid.length <= 255 ? sid : undefined };
  }

  async #redeem(
    config: client.Configuration,
    url: URL,
    { state, nonce, verifier }: Attempt,
  ): Promise<Pick<ProvenIdentity, 'claims' | 'idToken'>> {
    const { maxAgeMs } = this.settings;
    try {
      const tokens = await client.authorizationCodeGrant(config, url, {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: verifier,
        idTokenExpected: true,
        ...(maxAgeMs !== undefined && { maxAge: Math.floor(maxAgeMs / 1000) }),
      });
      const claims = tokens.claims();
      if (claims === undefined || tokens.id_token === undefined)
        throw new SignInFault('token_refused', 'The provider sent no ID token.');
      return { claims, idToken: tokens.id_token };
    } catch (error) {
      throw explainSignIn(error);
    }
  }

  /** Where a browser logs out at the provider; undefined where it offers that not, or cannot be asked. */
  async logoutUrl(idToken: string | undefined): Promise<string | undefined> {
    let metadata: client.ServerMetadata;
    try {
      metadata = await this.#discover();
    } catch {
      return undefined;
    }
    if (typeof metadata.end_session_endpoint !== 'string') return undefined;
    const config = this.#configure(metadata, client.None());
    return client.buildEndSessionUrl(config, {
      post_logout_redirect_uri: new URL('/', this.settings.redirectUri).href,
      ...(idToken !== undefined && { id_token_hint: idToken }),
    }).href;
  }

  /** OpenID Connect Back-Channel Logout 1.0, section 2.6. */
  async loggedOut(token: string): Promise<LoggedOut> {
    const { issuer, clientId } = this.settings;
    // Many may come at once, from anybody: the provider is asked by one of them.
    const readKeys = async (): Promise<unknown> =>
      (this.#askingKeys ??= this.#readKeys().finally(() => (this.#askingKeys = undefined)));
    return verifyLogoutToken(token, { issuer, clientId, toleranceS, readKeys, clock: this.#clock });
  }

  async #readKeys(): Promise<unknown> {
    const { jwks_uri: address } = await this.#discover();
    const answer = await this.#fetch(String(address), { headers: { accept: 'application/json' } });
    try {
      if (answer.status === 200) return await answer.json();
    } catch {
      // Told below.
    }
    throw new SignInFault('provider_answer', 'The provider does not give its keys.');
  }

  async #configuration(auth: client.ClientAuth): Promise<client.Configuration> {
    return this.#configure(await this.#discover(), auth);
  }

  #configure(metadata: client.ServerMetadata, auth: client.ClientAuth): client.Configuration {
    const own = { [client.clockTolerance]: toleranceS };
    const config = new client.Configuration(structuredClone(metadata), this.settings.clientId, own, auth);
    config[client.customFetch] = this.#fetch;
    // Plain addresses are let through to this machine alone, by our own fetch.
    if (this.settings.issuer.startsWith('http:')) client.allowInsecureRequests(config);
    return config;
  }

  async #discover(): Promise<client.ServerMetadata> {
    const now = this.#clock.monotonic();
    const known = this.#known;
    if (known !== undefined && now - known.at < freshMs) return known.metadata;
    this.#asking ??= this.#readMetadata().finally(() => (this.#asking = undefined));
    try {
      const metadata = await this.#asking;
      this.#known = { metadata, at: now };
      return metadata;
    } catch (error) {
      if (known !== undefined && now - known.at < staleMs) return known.metadata;
      throw error;
    }
  }

  async #readMetadata(): Promise<client.ServerMetadata> {
    const { issuer, clientId } = this.settings;
    const execute = issuer.startsWith('http:') ? [client.allowInsecureRequests] : [];
    let metadata: client.ServerMetadata;
    try {
      const found = await client.discovery(new URL(issuer), clientId, undefined, client.None(), {
        [client.customFetch]: this.#fetch,
        execute,
      });
      metadata = found.serverMetadata();
    } catch (error) {
      throw explainSignIn(error, 'provider_metadata');
    }
    const plain = JSON.parse(JSON.stringify(metadata)) as client.ServerMetadata;
    if (plain.issuer !== issuer)
      throw new SignInFault('provider_metadata', `The discovery document of ${issuer} names another issuer.`);
    for (const name of endpoints)
      if (typeof plain[name] !== 'string' || !URL.canParse(plain[name]))
        throw new SignInFault('provider_metadata', `The discovery document has no ${name}.`);
    for (const name of [...endpoints, 'end_session_endpoint'] as const) {
      const address = plain[name];
      if (typeof address === 'string' && !isSafe(address, issuer))
        throw new SignInFault('provider_plain', `${name} of the discovery document is not https.`);
    }
    return plain;
  }
}

/** No other scheme than https (or that of a provider on this machine): a browser goes there. */
function isSafe(address: string, issuer: string): boolean {
  if (!URL.canParse(address)) return false;
  const { protocol } = new URL(address);
  return protocol === 'https:' || (protocol === 'http:' && issuer.startsWith('http:'));
}

/** As the provider wants it; where it says nothing, by HTTP Basic (OpenID Connect Discovery 1.0, section 3). */
function secretBy(metadata: client.ServerMetadata, secret: string): client.ClientAuth {
  const methods = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
  return methods.includes('client_secret_basic') ? client.ClientSecretBasic(secret) : client.ClientSecretPost(secret);
}
