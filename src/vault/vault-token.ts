// The token by which OpenBao or Vault knows us: given, or from a login (AppRole, Kubernetes, client certificate). One of a login is renewed
// at two thirds of its life, and taken anew where it cannot be; a given one is renewed where it can be, and nobody here can replace it.
import type { Clock } from '../base/clock.ts';
import { VaultProblem } from './vault-problem.ts';

export type VaultAuth =
  /** Read anew for each login: a file that somebody else renews. */
  | { readonly method: 'token'; readonly token: () => Promise<string> }
  | {
      readonly method: 'approle';
      readonly mount: string;
      readonly roleId: string;
      readonly secretId: () => Promise<string>;
    }
  | {
      readonly method: 'kubernetes';
      readonly mount: string;
      readonly role: string;
      readonly jwt: () => Promise<string>;
    }
  | { readonly method: 'cert'; readonly mount: string; readonly name: string | undefined };

type Token = {
  readonly value: string;
  readonly renewable: boolean;
  /** Clock.monotonic(); Infinity: it does not expire, or nobody knows. */
  readonly renewAt: number;
  readonly endsAt: number;
};

/** A request to the API below /v1/; `token` undefined: none is needed. Rejects with VaultProblem or ExchangeFailure. */
export type Call = (
  method: 'GET' | 'POST',
  path: string,
  body: object | undefined,
  token: string | undefined,
) => Promise<Record<string, unknown>>;

export class VaultToken {
  readonly #auth: VaultAuth;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #call: Call;
  #token: Token | undefined;

  constructor(auth: VaultAuth, clock: Pick<Clock, 'monotonic'>, call: Call) {
    this.#auth = auth;
    this.#clock = clock;
    this.#call = call;
  }

  /** Rejects with what a login or renewal failed for. */
  async get(): Promise<string> {
    const now = this.#clock.monotonic();
    const token = this.#token;
    if (token === undefined || now >= token.endsAt) return this.#login();
    if (now < token.renewAt || !token.renewable) return token.value;
    try {
      const answer = await this.#call('POST', 'auth/token/renew-self', {}, token.value);
      return this.#take(answer['auth'], token.value);
    } catch (error) {
      // While it lives it is good; where it was revoked a login brings another.
      if (!(error instanceof VaultProblem) || error.code !== 'denied') return token.value;
      return this.#login();
    }
  }

  /** The server took the token for none: the next one comes from a login, or is read again. */
  forget(): void {
    this.#token = undefined;
  }

  async #login(): Promise<string> {
    const auth = this.#auth;
    this.#token = undefined;
    if (auth.method === 'token') return this.#lookUp(await auth.token());
    const answer = await this.#call('POST', `auth/${auth.mount}/login`, await credentialsOf(auth), undefined);
    return this.#take(answer['auth'], '');
  }

  /** How long a given token lives, where it may ask that; else it is used until the server says no. */
  async #lookUp(value: string): Promise<string> {
    try {
      const { data } = await this.#call('GET', 'auth/token/lookup-self', undefined, value);
      const { ttl, renewable } = (data ?? {}) as Record<string, unknown>;
      return this.#keep(value, ttl, renewable);
    } catch (error) {
      if (!(error instanceof VaultProblem) || error.code !== 'denied') throw error;
      return this.#keep(value, 0, false);
    }
  }

  #take(auth: unknown, before: string): string {
    const { client_token: value = before, lease_duration: ttl, renewable } = (auth ?? {}) as Record<string, unknown>;
    if (typeof value !== 'string' || value === '')
      throw new VaultProblem(
        'malformed',
        'the answer to a login has no token',
        'Is this the address of OpenBao or Vault?',
      );
    return this.#keep(value, ttl, renewable);
  }

  #keep(value: string, ttl: unknown, renewable: unknown): string {
    const now = this.#clock.monotonic();
    const lifeMs = typeof ttl === 'number' && ttl > 0 ? ttl * 1000 : Infinity;
    this.#token = { value, renewable: renewable === true, renewAt: now + (lifeMs * 2) / 3, endsAt: now + lifeMs };
    return value;
  }
}

async function credentialsOf(auth: Exclude<VaultAuth, { method: 'token' }>): Promise<object> {
  switch (auth.method) {
    case 'approle':
      return { role_id: auth.roleId, secret_id: await auth.secretId() };
    case 'kubernetes':
      return { role: auth.role, jwt: await auth.jwt() };
    default:
      return auth.name === undefined ? {} : { name: auth.name };
  }
}
