// A token that gateways verify, and the key that they verify it with: minted for the run.
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export type Token = {
  /** JSON Web Token (RFC 7519), signed with ES256. */
  readonly text: string;
  /** PEM. */
  readonly publicKey: string;
  /** A JWK set (RFC 7517) with that key. */
  readonly jwks: string;
};

const issuer = 'https://issuer.test';
const audience = 'bench';
const daySeconds = 86_400;

export function mintToken(): Token {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicKey = createPublicKey(privateKey);
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: issuer, aud: audience, sub: 'alice', iat: now, exp: now + daySeconds };
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'bench', alg: 'ES256', use: 'sig' };
  return {
    text: signed({ alg: 'ES256', typ: 'JWT', kid: 'bench' }, claims, privateKey),
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }),
    jwks: JSON.stringify({ keys: [jwk] }),
  };
}

function signed(header: object, claims: object, key: KeyObject): string {
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
  const input = `${encode(header)}.${encode(claims)}`;
  // JWS has the two numbers of an ECDSA signature as they are (RFC 7518 section 3.4).
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}
