// Signed tokens (JWT) by hand, good ones and such that no library would make; and keys as a set has them.
import { createHmac, type KeyObject, sign } from 'node:crypto';

export type Json = Readonly<Record<string, unknown>>;

const part = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** `key`: private, the text of a secret (HMAC with SHA-256, whatever `head` says), or undefined: without a signature. */
export function mintToken(claims: unknown, head: Json, key: KeyObject | string | undefined): string {
  const signed = `${part(head)}.${part(claims)}`;
  if (key === undefined) return `${signed}.`;
  if (typeof key === 'string') return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
  const isEdwards = key.asymmetricKeyType === 'ed25519';
  const options = { key, ...(key.asymmetricKeyType === 'ec' ? { dsaEncoding: 'ieee-p1363' as const } : {}) };
  return `${signed}.${sign(isEdwards ? null : 'sha256', Buffer.from(signed), options).toString('base64url')}`;
}

/** The token with other claims and the same signature. */
export function withClaims(token: string, claims: unknown): string {
  const [head = '', , signature = ''] = token.split('.');
  return `${head}.${part(claims)}.${signature}`;
}

export function jwkOf(key: KeyObject, more: Json = {}): Json {
  return { ...key.export({ format: 'jwk' }), ...more };
}

export function pemOf(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' });
}
