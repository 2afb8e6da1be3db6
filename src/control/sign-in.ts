// The identity provider as this process knows it at the moment, by what the primary says of the configuration in force. What speaks
// with it is loaded by the first who wants to sign in.
import type { Clock } from '../base/clock.ts';
import type { RelyingParty } from '../oidc/relying-party.ts';
import { SignInFault } from '../oidc/sign-in-fault.ts';
import type { IdentityProvider } from '../store/accounts.ts';
import type { Digest } from '../store/digest.ts';
import { ApiProblem } from './api-problem.ts';
import { notLoggedIn } from './caller.ts';
import type { LoginProvider, Questions } from './messages.ts';
import { remember } from './remember.ts';

type Ask = <T extends 'provider' | 'providerSecret'>(topic: T) => Promise<Questions[T]['answer']>;

/** So long a reload may go unnoticed. */
const keptMs = 1_000;
/** ID tokens that are kept for logging out at the provider; without it the provider asks the person once more. */
const maxKept = 2_000;

export class SignIn {
  readonly #ask: Ask;
  readonly #clock: Clock;
  readonly #settings: () => Promise<LoginProvider | null>;
  /** By the session here, the oldest first. */
  readonly #idTokens = new Map<Digest, string>();
  #party: { readonly of: string; readonly party: RelyingParty } | undefined;

  constructor(ask: Ask, clock: Clock) {
    this.#ask = ask;
    this.#clock = clock;
    this.#settings = remember(async () => ask('provider'), keptMs, clock);
  }

  /** Null: nobody signs in with a provider. Rejects with an ApiProblem. */
  async settings(): Promise<LoginProvider | null> {
    return this.#settings();
  }

  /** Throws `not_logged_in` where it is not the one that the configuration names now. */
  async require({ issuer }: IdentityProvider): Promise<void> {
    const settings = await this.settings();
    if (settings?.issuer !== issuer)
      throw notLoggedIn('Nobody signs in with the identity provider of this user any more.');
  }

  /** Throws `not_found` where there is none. */
  async open(): Promise<{ readonly settings: LoginProvider; readonly party: RelyingParty }> {
    const settings = await this.settings();
    if (settings === null) throw new ApiProblem('not_found', 'Nobody signs in with an identity provider here.');
    const of = JSON.stringify(settings);
    if (this.#party?.of !== of) {
      const { RelyingParty: Party } = await import('../oidc/relying-party.ts');
      this.#party = { of, party: new Party(settings, this.#clock) };
    }
    return { settings, party: this.#party.party };
  }

  /** Rejects with SignInFault. */
  async readSecret(): Promise<string> {
    const answer = await this.#ask('providerSecret');
    if ('secret' in answer) return answer.secret;
    throw new SignInFault('secret_unreadable', answer.why);
  }

  keepIdToken(session: Digest, idToken: string): void {
    this.#idTokens.set(session, idToken);
    for (const oldest of this.#idTokens.keys()) {
      if (this.#idTokens.size <= maxKept) break;
      this.#idTokens.delete(oldest);
    }
  }

  takeIdToken(session: Digest): string | undefined {
    const idToken = this.#idTokens.get(session);
    this.#idTokens.delete(session);
    return idToken;
  }
}
