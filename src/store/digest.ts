// SHA-256 with a purpose in front, so that the digest of one thing can never be taken for that of another.
import { createHash } from 'node:crypto';
import { StoreProblem } from './store-problem.ts';

declare const digestBrand: unique symbol;
/** SHA-256 as 64 lower-case hexadecimal digits. */
export type Digest = string & { readonly [digestBrand]: true };

export type DigestPurpose = 'object' | 'content' | 'revision' | 'audit' | 'sealed' | 'row';

/** Of `parts` one after another, which the caller keeps apart where that matters. */
export function digestOf(purpose: DigestPurpose, ...parts: readonly (string | Uint8Array)[]): Digest {
  const hash = createHash('sha256').update(`countersign ${purpose} 1\n`);
  for (const part of parts) hash.update(part);
  return hash.digest('hex') as Digest;
}

const pattern = /^[0-9a-f]{64}$/;

export function isDigest(value: unknown): value is Digest {
  return typeof value === 'string' && pattern.test(value);
}

/** For what comes from outside: throws `invalid` and does not show the value, which could be the secret itself. */
export function parseDigest(value: unknown, what: string): Digest {
  if (!isDigest(value)) throw new StoreProblem('invalid', `${what} is not a SHA-256 digest (64 hexadecimal digits)`);
  return value;
}
