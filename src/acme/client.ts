// Speaks ACME (RFC 8555) with one server for one account: signed requests with a fresh nonce each, badNonce tried again, and the account
// itself. What is ordered, and when, is order.ts; where the account is kept between starts is whoever calls this.
import { type Answer, type Ask, type Question, retryAfterOf } from '../base/exchange.ts';
import type { Clock } from '../base/clock.ts';
import { type Directory, readDirectory, secureUrl } from './directory.ts';
import { type AccountKey, bindExternalAccount, type ExternalAccount, signRequest } from './jws.ts';
import { AcmeProblem, parseObject, readProblem } from './problem.ts';

/** Servers may refuse nonces at any time (section 6.5); each refusal brings a new one. */
const maxAttempts = 10;
const maxNonces = 16;
const userAgent = 'countersign';

export type AcmeServer = {
  readonly directory: string;
  /** PEM of the CAs that verify the server itself; undefined: those that Node has. */
  readonly ca: string | undefined;
};

export type AccountSettings = {
  readonly email: string | undefined;
  /** The operator has agreed, by the configuration. */
  readonly termsOfServiceAgreed: boolean;
  readonly eab: ExternalAccount | undefined;
};

export type AcmeAnswer = Answer & { readonly body: Record<string, unknown> | undefined };

export type AcmeClientOptions = {
  readonly server: AcmeServer;
  readonly account: AccountKey;
  /** URL of the account, where it is known already. */
  readonly kid: string | undefined;
  readonly ask: Ask;
  readonly clock: Pick<Clock, 'now'>;
};

export class AcmeClient {
  readonly #options: AcmeClientOptions;
  #directory: Directory | undefined;
  #kid: string | undefined;
  #nonces: string[] = [];

  constructor(options: AcmeClientOptions) {
    this.#options = options;
    this.#kid = options.kid;
  }

  get account(): AccountKey {
    return this.#options.account;
  }

  /** undefined before openAccount. */
  get kid(): string | undefined {
    return this.#kid;
  }

  /** Asked for once. Rejects with AcmeProblem or ExchangeFailure, as everything below. */
  async directory(): Promise<Directory> {
    if (this.#directory !== undefined) return this.#directory;
    const { server } = this.#options;
    const answer = await this.#ask({ method: 'GET', url: secureUrl(server.directory, 'directory'), headers: {} });
    if (answer.status !== 200) throw readProblem(answer.text, answer.status);
    return (this.#directory = readDirectory(answer.text));
  }

  /**
   * The account of our key: as it is known, or made anew (section 7.3) where the server has none. One that the server no longer accepts
   * (deactivated, revoked) is a problem that only people can solve: nothing is registered in its place.
   */
  async openAccount(settings: AccountSettings): Promise<string> {
    if (this.#kid !== undefined) {
      try {
        const { body } = await this.post(secureUrl(this.#kid, 'account'), undefined);
        return this.#takeAccount(body, this.#kid);
      } catch (error) {
        // A server that has lost its accounts, or is another one now.
        if (!(error instanceof AcmeProblem) || error.type !== 'accountDoesNotExist') throw error;
        this.#kid = undefined;
      }
    }
    const directory = await this.directory();
    if (directory.externalAccountRequired && settings.eab === undefined)
      throw new AcmeProblem('externalAccountRequired', 'the CA takes accounts of its customers only: give acme.eab');
    if (directory.termsOfService !== undefined && !settings.termsOfServiceAgreed)
      throw new AcmeProblem(
        'userActionRequired',
        `the CA asks to agree to its terms of service (${directory.termsOfService}): say termsOfServiceAgreed: true`,
      );
    const { email, eab } = settings;
    const answer = await this.post(directory.newAccount, {
      termsOfServiceAgreed: settings.termsOfServiceAgreed,
      ...(email === undefined ? {} : { contact: [`mailto:${email}`] }),
      ...(eab === undefined
        ? {}
        : { externalAccountBinding: bindExternalAccount(this.account, eab, directory.newAccount.href) }),
    });
    return this.#takeAccount(answer.body, secureUrl(answer.headers.location, 'account').href);
  }

  #takeAccount(body: Record<string, unknown> | undefined, kid: string): string {
    const status = body?.['status'];
    if (status !== 'valid')
      throw new AcmeProblem(
        'unauthorized',
        `the account ${kid} is ${typeof status === 'string' ? status : 'unusable'}`,
      );
    this.#kid = kid;
    return kid;
  }

  /** A signed request; `payload` undefined reads what is there (POST-as-GET). Rejects where the status is no success. */
  async post(url: URL, payload: object | undefined): Promise<AcmeAnswer> {
    for (let attempt = 1; ; attempt++) {
      const nonce = this.#nonces.pop() ?? (await this.#freshNonce());
      const answer = await this.#ask({
        method: 'POST',
        url,
        headers: {
          'content-type': 'application/jose+json',
          accept: 'application/json, application/pem-certificate-chain',
        },
        body: signRequest(this.account, { url: url.href, nonce, kid: this.#kid }, payload),
      });
      if (answer.status >= 200 && answer.status < 300) return { ...answer, body: parseObject(answer.text) };
      const problem = readProblem(answer.text, answer.status, retryAfterOf(answer.headers, this.#options.clock.now()));
      if (problem.type !== 'badNonce' || attempt === maxAttempts) throw problem;
    }
  }

  /** What anybody may read, without a signature. Rejects where the status is another one than 200. */
  async read(url: URL): Promise<AcmeAnswer> {
    const answer = await this.#ask({ method: 'GET', url, headers: { accept: 'application/json' } });
    if (answer.status !== 200)
      throw readProblem(answer.text, answer.status, retryAfterOf(answer.headers, this.#options.clock.now()));
    return { ...answer, body: parseObject(answer.text) };
  }

  async #freshNonce(): Promise<string> {
    const { newNonce } = await this.directory();
    const answer = await this.#ask({ method: 'HEAD', url: newNonce, headers: {} });
    const nonce = this.#nonces.pop();
    if (nonce === undefined)
      throw new AcmeProblem('malformedAnswer', `the server gives no nonce (status ${answer.status})`, answer.status);
    return nonce;
  }

  async #ask(question: Omit<Question, 'ca'>): Promise<Answer> {
    const { ask, server } = this.#options;
    const headers = { 'user-agent': userAgent, ...question.headers };
    const answer = await ask({ ...question, headers, ...(server.ca === undefined ? {} : { ca: server.ca }) });
    const nonce = answer.headers['replay-nonce'];
    // Base64url only (section 6.5.1): what else it may be goes into no signature of ours.
    if (typeof nonce === 'string' && /^[A-Za-z0-9_-]{1,512}$/.test(nonce) && this.#nonces.length < maxNonces)
      this.#nonces.push(nonce);
    return answer;
  }
}
