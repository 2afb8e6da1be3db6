// Facts of certificates seen lately, so that a client that reconnects all the time is parsed once. Bounded by count and
// bytes; only certificates that could be read are kept. Keyed by SHA-256: equal bytes, never equal names.
import { hash } from 'node:crypto';
import type { CertificateFacts } from './facts.ts';
import { readFacts } from './facts-reader.ts';

export class FactsCache {
  readonly #entries = new Map<string, CertificateFacts>();
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(limits: { maxEntries?: number; maxBytes?: number } = {}) {
    this.#maxEntries = limits.maxEntries ?? 4096;
    this.#maxBytes = limits.maxBytes ?? 16 * 1024 * 1024;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** As readFacts, and throws as it does. */
  read(der: Buffer): CertificateFacts {
    const key = hash('sha256', der, 'hex');
    const known = this.#entries.get(key);
    if (known !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, known);
      return known;
    }
    const facts = readFacts(der);
    this.#entries.set(key, facts);
    this.#bytes += der.length;
    for (const [oldest, old] of this.#entries) {
      if (this.#entries.size <= this.#maxEntries && this.#bytes <= this.#maxBytes) break;
      this.#entries.delete(oldest);
      this.#bytes -= old.der.length;
    }
    return facts;
  }
}
