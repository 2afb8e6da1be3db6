// The word of the provider that somebody has logged out (OpenID Connect Back-Channel Logout 1.0): a signed token of its own kind,
// verified like an ID token, so that nobody else ends sessions here.
import { createLocalJWKSet, decodeJwt, type JSONWebKeySet, jwtVerify } from 'jose';
import type { Clock } from '../base/clock.ts';
import { SignInFault } from './sign-in-fault.ts';

export type LoggedOut = { readonly subject: string | undefined; readonly sid: string | undefined };

export type LogoutTokenRules = {
  readonly issuer: string;
  readonly clientId: string;
  readonly toleranceS: number;
  readonly readKeys: () => Promise<unknown>;
  readonly clock: Pick<Clock, 'now'>;
};

const event = 'http://schemas.openid.net/event/backchannel-logout';
/** A key that anybody has verifies nothing: no algorithm with a shared secret. */
const algorithms = [
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
];
/** Since it was issued. */
const maxAgeS = 5 * 60;

/** Rejects with SignInFault. The keys are asked for only where the rest is as it should be. */
export async function verifyLogoutToken(token: string, rules: LogoutTokenRules): Promise<LoggedOut> {
  const { issuer, clientId: audience, toleranceS, readKeys, clock } = rules;
  const looks = readUnverified(token);
  const audiences = [looks['aud']].flat();
  if (looks['iss'] !== issuer || !audiences.includes(audience))
    throw new SignInFault('token_refused', 'The logout token is not of this provider, or not for this gateway.');
  const keys = await readKeys();
  let claims: Readonly<Record<string, unknown>>;
  try {
    const verified = await jwtVerify(token, createLocalJWKSet(keys as JSONWebKeySet), {
      issuer,
      audience,
      algorithms,
      clockTolerance: toleranceS,
      maxTokenAge: maxAgeS,
      requiredClaims: ['iat', 'exp', 'jti', 'events'],
      currentDate: new Date(clock.now()),
    });
    const { typ } = verified.protectedHeader;
    if (typ !== undefined && !/^(?:application\/)?(?:logout\+jwt|jwt)$/i.test(typ))
      throw new SignInFault('token_refused', 'The token is none of a logout.');
    claims = verified.payload;
  } catch (error) {
    if (error instanceof SignInFault) throw error;
    throw new SignInFault('token_signature', 'The logout token is not signed by the provider, or of another time.');
  }
  const { events, sub, sid } = claims;
  const isLogout = typeof events === 'object' && events !== null && Object.hasOwn(events, event);
  // An ID token must not be taken for one.
  if (!isLogout || Object.hasOwn(claims, 'nonce'))
    throw new SignInFault('token_refused', 'The token is none of a logout.');
  const subject = typeof sub === 'string' && sub !== '' ? sub : undefined;
  const session = typeof sid === 'string' && sid !== '' ? sid : undefined;
  if (subject === undefined && session === undefined)
    throw new SignInFault('token_refused', 'The logout token names nobody (sub, sid).');
  return { subject, sid: session };
}

function readUnverified(token: string): Readonly<Record<string, unknown>> {
  try {
    return decodeJwt(token);
  } catch {
    throw new SignInFault('token_refused', 'This is no token.');
  }
}
