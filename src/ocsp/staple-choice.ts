// Which response belongs into a handshake. With one certificate that is plain. With several (RSA and EC) Node asks before
// OpenSSL chooses, and names the certificate that was loaded last (decision 0013). A response for the other one would make strict
// clients give up, so none is sent until a handshake of the same kind has shown which certificate OpenSSL takes for it.
import { hash, X509Certificate } from 'node:crypto';
import type { Staples } from './staples.ts';

/** Kinds of ClientHello that are told apart: a few per client software. */
const maxKinds = 512;

export class StapleChoice {
  readonly #staples: Staples;
  readonly #only: string | undefined;
  readonly #usedBy = new Map<string, string>();

  /** `certificates`: PEM of the chains of one TLS context, leaf first. */
  constructor(staples: Staples, certificates: readonly string[]) {
    this.#staples = staples;
    const [first] = certificates;
    this.#only = certificates.length === 1 && first !== undefined ? fingerprint(new X509Certificate(first)) : undefined;
  }

  /** `kindOf`: of the ClientHello, as downstream/hello-kind.ts has it. */
  find(kindOf: () => string): Buffer | undefined {
    const certificate = this.#only ?? this.#usedBy.get(kindOf());
    return certificate === undefined ? undefined : this.#staples.find(certificate);
  }

  /** True where a handshake would teach something. */
  isOpen(kindOf: () => string): boolean {
    return this.#only === undefined && !this.#usedBy.has(kindOf());
  }

  /** A full handshake of that kind ended with this certificate of ours. */
  learn(kind: string, used: X509Certificate): void {
    if (this.#usedBy.size >= maxKinds) this.#usedBy.clear();
    this.#usedBy.set(kind, fingerprint(used));
  }
}

function fingerprint({ raw }: X509Certificate): string {
  return hash('sha256', raw, 'hex');
}
