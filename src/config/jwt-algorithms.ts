// Algorithms of signatures (RFC 7518, RFC 8037): which are known, and with which kind of key. A token names one; what it is
// verified with is decided by the key and the configuration, never by the token.

export const secretAlgorithms = ['HS256', 'HS384', 'HS512'] as const;
export const publicAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

export type JwtAlgorithm = (typeof secretAlgorithms)[number] | (typeof publicAlgorithms)[number];

/** Bytes of a secret that RFC 7518 section 3.2 asks for. */
export const secretBytes: Readonly<Record<(typeof secretAlgorithms)[number], number>> = {
  HS256: 32,
  HS384: 48,
  HS512: 64,
};

/** `type` and `curve` of a key as node:crypto names them. */
export function algorithmsOfKey(type: string | undefined, curve: string | undefined): readonly JwtAlgorithm[] {
  if (type === 'rsa') return ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
  if (type === 'ed25519') return ['EdDSA', 'Ed25519'];
  if (type !== 'ec') return [];
  if (curve === 'prime256v1') return ['ES256'];
  if (curve === 'secp384r1') return ['ES384'];
  return curve === 'secp521r1' ? ['ES512'] : [];
}
