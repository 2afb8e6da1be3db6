// How the last handshakes with each backend went, for whoever is shown a trust relation: one success and one failure per
// address, taken from what the log and the metrics are told of anyway.
import type { Fault } from '../base/fault.ts';
import { escapeForLog } from '../base/log-text.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import type { Verdict } from '../trust/verdict.ts';

/** Of one address; plain data for another process. */
export type BackendHandshake = {
  /** host:port. */
  readonly label: string;
  readonly ok: BackendSuccess | null;
  readonly failure: BackendFailure | null;
  /** What it showed last and was let in with; null: nothing yet, or plain text. */
  readonly shown: ShownCertificate | null;
};

export type BackendSuccess = { readonly at: number /** '' over plain text. */; readonly version: string };

export type BackendFailure = {
  readonly at: number;
  readonly code: string;
  readonly detail: string;
  /** What the operator should do. */
  readonly help: string;
  readonly raw: string;
};

export type ShownCertificate = {
  readonly at: number;
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
  readonly sha256: string;
  /** `TYPE:value`, the first few. */
  readonly sans: readonly string[];
  readonly notBefore: number;
  readonly notAfter: number;
};

type Entry = { ok: BackendSuccess | null; failure: BackendFailure | null; shown: ShownCertificate | null };

/** Addresses that are remembered; a gateway with more than that sees the latest. */
const maxBackends = 2_000;
const maxText = 256;
const maxSans = 10;

export class BackendHandshakes {
  readonly #entries = new Map<string, Entry>();

  noteSuccess(label: string, verdict: Verdict | undefined, at: number): void {
    this.#entry(label).ok = { at, version: verdict?.version ?? '' };
  }

  noteFailure(label: string, { code, detail = '', help, raw = '' }: Fault, at: number): void {
    const failure = { at, code, detail: escapeForLog(detail, 2 * maxText), help, raw: escapeForLog(raw, maxText) };
    this.#entry(label).failure = failure;
  }

  noteCertificate(label: string, leaf: CertificateFacts, at: number): void {
    const entry = this.#entry(label);
    // Nearly always the same one: nothing is escaped again for it.
    entry.shown = entry.shown?.sha256 === leaf.sha256 ? { ...entry.shown, at } : showCertificate(leaf, at);
  }

  /** Of the backends that are still configured; the others are forgotten. */
  list(labels: ReadonlySet<string>): readonly BackendHandshake[] {
    for (const label of this.#entries.keys()) if (!labels.has(label)) this.#entries.delete(label);
    return [...this.#entries].map(([label, entry]) => ({ label, ...entry }));
  }

  #entry(label: string): Entry {
    const known = this.#entries.get(label);
    if (known !== undefined) return known;
    const entry: Entry = { ok: null, failure: null, shown: null };
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size < maxBackends) break;
      this.#entries.delete(oldest);
    }
    this.#entries.set(label, entry);
    return entry;
  }
}

export function showCertificate(leaf: CertificateFacts, at: number): ShownCertificate {
  return {
    at,
    subject: escapeForLog(leaf.subject, maxText),
    issuer: escapeForLog(leaf.issuer, maxText),
    serial: leaf.serial,
    sha256: leaf.sha256,
    sans: leaf.sans.slice(0, maxSans).map(({ type, value }) => `${type}:${escapeForLog(value, maxText)}`),
    notBefore: leaf.notBefore,
    notAfter: leaf.notAfter,
  };
}
