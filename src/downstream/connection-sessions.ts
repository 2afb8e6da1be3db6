// The sessions of one connection, where the worker keeps them: the one that it offers, and those that OpenSSL makes for it. These count
// from the moment its client is let in.
import type { TLSSocket } from 'node:tls';
import type { SessionStore } from './session-store.ts';

export class ConnectionSessions {
  readonly #store: SessionStore;
  readonly #policy: string;
  readonly #lifetimeS: number;
  readonly #offered: string;
  #made: { readonly number: string; readonly session: Buffer }[] = [];
  #isWelcome = false;
  /** When those that OpenSSL makes end at the latest, Clock.monotonic(). */
  #until = Infinity;
  /** When the one that was found ends. */
  #foundUntil: number | undefined;

  /** `policy`: the digest of everything that decides trust. `offered`: by the client; '' where it offers none. */
  constructor(store: SessionStore, policy: string, lifetimeS: number, offered: string) {
    this.#store = store;
    this.#policy = policy;
    this.#lifetimeS = lifetimeS;
    this.#offered = offered;
  }

  /** Node names the number that a ClientHello of TLS 1.2 has, which is random in TLS 1.3 (N31): we go by the one that we read. */
  find(): Buffer | undefined {
    if (this.#offered === '') return undefined;
    const found = this.#store.find(this.#policy, this.#offered);
    this.#foundUntil = this.#store.findEnd(this.#policy, this.#offered);
    return found;
  }

  /**
   * TLS 1.3 makes another one with each use; of TLS 1.2 it is the same one again. Either ends with the lifetime of the first: renewed
   * without end, it would let in for years who has lost the key (RFC 8446 section 4.6.1).
   */
  onUsed(socket: TLSSocket): void {
    this.#until = this.#foundUntil ?? 0;
    if (socket.getProtocol() === 'TLSv1.3') this.#store.delete(this.#policy, this.#offered);
  }

  /** Before the verdict or after it. */
  onNew(number: Buffer, session: Buffer): void {
    const made = { number: number.toString('latin1'), session };
    if (this.#isWelcome) this.#keep(made);
    else this.#made.push(made);
  }

  letResume(): void {
    this.#isWelcome = true;
    for (const made of this.#made) this.#keep(made);
    this.#made = [];
  }

  #keep({ number, session }: { readonly number: string; readonly session: Buffer }): void {
    this.#store.add(this.#policy, number, session, this.#lifetimeS, this.#until);
  }
}
