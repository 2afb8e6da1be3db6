// Secrets that the control process hands out (cookies, tokens, setup links): made at random, known again by digest alone.
import { createHash, randomBytes } from 'node:crypto';
import { type Digest, parseDigest } from '../store/digest.ts';

const secretBytes = 32;

/** `prefix` says to people and to scanners of repositories what it is. */
export function makeSecret(prefix: string): { readonly secret: string; readonly digest: Digest } {
  const secret = `${prefix}${randomBytes(secretBytes).toString('base64url')}`;
  return { secret, digest: digestOfSecret(secret) };
}

/** 256 random bits need no salt and no work factor. What is looked up is the digest: no comparison tells how near a guess was. */
export function digestOfSecret(secret: string): Digest {
  return parseDigest(createHash('sha256').update(secret).digest('hex'), 'the digest');
}
