// The chains of clients seen lately: a resumed session brings its leaf but not the intermediates that were sent with it (N10).
// Keyed by policy and leaf, so that a chain never serves under another trust. Bounded by count and bytes, least recently used out.
import type { EstablishedChain } from './established-chain.ts';

export class ChainCache {
  readonly #entries = new Map<string, EstablishedChain>();
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(limits: { readonly maxEntries?: number; readonly maxBytes?: number } = {}) {
    this.#maxEntries = limits.maxEntries ?? 8192;
    this.#maxBytes = limits.maxBytes ?? 16 * 1024 * 1024;
  }

  get size(): number {
    return this.#entries.size;
  }

  find(policyDigest: string, leafSha256: string): EstablishedChain | undefined {
    const key = `${policyDigest} ${leafSha256}`;
    const found = this.#entries.get(key);
    if (found === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, found);
    return found;
  }

  add(policyDigest: string, known: EstablishedChain): void {
    const key = `${policyDigest} ${known.chain[0]?.sha256}`;
    const before = this.#entries.get(key);
    if (before !== undefined) this.#remove(key, before);
    this.#entries.set(key, known);
    this.#bytes += bytesOf(known);
    for (const [oldest, entry] of this.#entries) {
      if (this.#entries.size <= this.#maxEntries && this.#bytes <= this.#maxBytes) break;
      this.#remove(oldest, entry);
    }
  }

  #remove(key: string, entry: EstablishedChain): void {
    this.#entries.delete(key);
    this.#bytes -= bytesOf(entry);
  }
}

function bytesOf(known: EstablishedChain): number {
  return known.chain.reduce((sum, facts) => sum + facts.der.length, 0);
}
