// Signed requests of ACME (RFC 8555 section 6.2): flattened JWS (RFC 7515), by ES256 with the account's key, and the binding to an account
// elsewhere by HMAC (section 7.3.4). Written with node:crypto: no more is needed than a signature over two texts.
import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  sign,
} from 'node:crypto';
import { promisify } from 'node:util';

type PublicJwk = { readonly crv: string; readonly kty: string; readonly x: string; readonly y: string };

export type AccountKey = {
  readonly key: KeyObject;
  readonly jwk: PublicJwk;
  /** RFC 7638, base64url of SHA-256. */
  readonly thumbprint: string;
};

/** What proves to the CA that a customer of it asks: `hmacKey` as the CA gives it, base64url. */
export type ExternalAccount = { readonly kid: string; readonly hmacKey: string };

export type JwsHeader = { readonly url: string; readonly nonce: string; readonly kid?: string | undefined };

const generate = promisify(generateKeyPair);

export async function makeAccountKey(): Promise<AccountKey> {
  const { privateKey } = await generate('ec', { namedCurve: 'P-256' });
  return accountKeyOf(privateKey);
}

/** Throws where it is no key on P-256. */
export function readAccountKey(pem: string): AccountKey {
  return accountKeyOf(createPrivateKey(pem));
}

export function writeAccountKey({ key }: AccountKey): string {
  return key.export({ format: 'pem', type: 'pkcs8' });
}

function accountKeyOf(key: KeyObject): AccountKey {
  const { crv, kty, x, y } = createPublicKey(key).export({ format: 'jwk' });
  if (crv !== 'P-256' || kty === undefined || x === undefined || y === undefined)
    throw new Error('the key of an ACME account has to be on the curve P-256');
  // The members in this order are what the thumbprint is made of.
  const jwk = { crv, kty, x, y };
  return { key, jwk, thumbprint: createHash('sha256').update(JSON.stringify(jwk)).digest('base64url') };
}

/** The body of a request. `payload` undefined: POST-as-GET (section 6.3). Without `kid` the key itself says who asks. */
export function signRequest(account: AccountKey, { url, nonce, kid }: JwsHeader, payload: object | undefined): string {
  const who = kid === undefined ? { jwk: account.jwk } : { kid };
  const head = encode({ alg: 'ES256', ...who, nonce, url });
  const body = payload === undefined ? '' : encode(payload);
  const signature = sign('sha256', Buffer.from(`${head}.${body}`), { key: account.key, dsaEncoding: 'ieee-p1363' });
  return JSON.stringify({ protected: head, payload: body, signature: signature.toString('base64url') });
}

/** `externalAccountBinding` of a new account. */
export function bindExternalAccount({ jwk }: AccountKey, { kid, hmacKey }: ExternalAccount, url: string): object {
  const head = encode({ alg: 'HS256', kid, url });
  const body = encode(jwk);
  const signature = createHmac('sha256', Buffer.from(hmacKey, 'base64url')).update(`${head}.${body}`);
  return { protected: head, payload: body, signature: signature.digest('base64url') };
}

/** What a challenge is answered with (section 8.1). */
export function keyAuthorization({ thumbprint }: AccountKey, token: string): string {
  return `${token}.${thumbprint}`;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
