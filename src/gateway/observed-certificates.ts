// The certificates that backends showed last, one per backend: for the expiry gauge and its warnings. They are somebody
// else's, so nothing else tells us when they are about to expire.
import type { CertificateFacts } from '../certs/facts.ts';
import { escapeForLog } from '../base/log-text.ts';
import type { Expiry } from '../certs/expiry.ts';

/** Backends that are remembered; a gateway with more than that sees the latest. */
const maxBackends = 2_000;
const maxSubject = 120;

export class ObservedCertificates {
  readonly #seen = new Map<string, Expiry>();

  /** `label`: host:port of the backend. */
  note(label: string, { subject, sans, notBefore, notAfter }: CertificateFacts): void {
    const known = this.#seen.get(label);
    if (known?.notAfter === notAfter && known.notBefore === notBefore) return;
    // Certificates of a mesh have an empty subject.
    const name = escapeForLog(subject === '' ? (sans[0]?.value ?? '') : subject, maxSubject);
    this.#seen.delete(label);
    this.#seen.set(label, { role: 'backend', subject: `${name} at ${label}`, notBefore, notAfter });
    for (const oldest of this.#seen.keys()) {
      if (this.#seen.size <= maxBackends) break;
      this.#seen.delete(oldest);
    }
  }

  /** Of the backends that are still configured; the others are forgotten. */
  list(labels: ReadonlySet<string>): readonly Expiry[] {
    for (const label of this.#seen.keys()) if (!labels.has(label)) this.#seen.delete(label);
    return [...this.#seen.values()];
  }
}
