// Intermediates that proved to lead to an anchor, in this worker or another: a resumed session brings its leaf alone (N10),
// and a client that forgot to send its intermediate is told so for certain. Knowing one proves nothing: whoever builds a
// chain with it checks the signatures. Bounded.
import type { CertificateFacts } from '../certs/facts.ts';
import { looksIssuedBy } from '../certs/issuer.ts';

/** All of them in one process; CAs are few, and what comes later is merely not remembered. */
export const maxIntermediates = 256;

export class Intermediates {
  readonly #bySubject = new Map<string, CertificateFacts[]>();
  readonly #onLearned: (intermediate: CertificateFacts) => void;
  #count = 0;

  /** `onLearned` is told of each that is new, to tell the other workers. */
  constructor(onLearned: (intermediate: CertificateFacts) => void = () => {}) {
    this.#onLearned = onLearned;
  }

  /** One that a client sent, and whose chain was verified. */
  learn(intermediate: CertificateFacts): void {
    if (this.add(intermediate)) this.#onLearned(intermediate);
  }

  /** One that another worker learned. False where it was known, or there is no room. */
  add(intermediate: CertificateFacts): boolean {
    const same = this.#bySubject.get(intermediate.subjectKey);
    if (same?.some(({ sha256 }) => sha256 === intermediate.sha256) === true) return false;
    if (this.#count >= maxIntermediates) return false;
    this.#count += 1;
    if (same === undefined) this.#bySubject.set(intermediate.subjectKey, [intermediate]);
    else same.push(intermediate);
    return true;
  }

  /** The issuer by name and key identifier, all of its certificates: a CA that was renewed or cross-certified has several. No signature is checked. */
  findIssuers(facts: CertificateFacts): readonly CertificateFacts[] {
    return this.#bySubject.get(facts.issuerKey)?.filter((one) => looksIssuedBy(facts, one)) ?? [];
  }
}
