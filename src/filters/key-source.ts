// Where a filter has the keys from that verify tokens.
import type { VerificationKey } from './key-set.ts';

export interface KeySource {
  /** Changes whenever a key has gone or come: what was verified with keys of before counts no more. */
  readonly version: number;
  /** The keys in force; a promise where they are on their way. Throws, or rejects with, a Fault where none are known. */
  keys(): readonly VerificationKey[] | Promise<readonly VerificationKey[]>;
  /** A token names a key that is not among them: asks anew, but not more often than the server of the keys bears. */
  renewed(): Promise<readonly VerificationKey[]>;
}

/** Keys of the configuration: a change of them is a reload. */
export class FixedKeys implements KeySource {
  readonly version = 0;
  readonly #keys: readonly VerificationKey[];

  constructor(keys: readonly VerificationKey[]) {
    this.#keys = keys;
  }

  keys(): readonly VerificationKey[] {
    return this.#keys;
  }

  async renewed(): Promise<readonly VerificationKey[]> {
    return this.#keys;
  }
}
