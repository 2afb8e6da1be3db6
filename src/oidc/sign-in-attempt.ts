// What binds a login at the provider to the browser that began it: one secret in a cookie, from which state, nonce and the PKCE
// verifier follow. So nothing has to be kept here between the two halves, and any process that knows the settings can finish it.
import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock.ts';

/** Of this host alone. Strict suffices: what brings the answer is a request of our own page, not the redirect of the provider. */
export const attemptCookie = '__Host-countersign-sign-in';
/** From the button to the answer. */
export const attemptMs = 10 * 60_000;

export type Attempt = { readonly state: string; readonly nonce: string; readonly verifier: string };

/** What an attempt is made for: an answer for other settings is none of it. */
export type AttemptFor = { readonly issuer: string; readonly clientId: string; readonly redirectUri: string };

export function beginAttempt(
  wanted: AttemptFor,
  clock: Pick<Clock, 'now'>,
): { readonly cookie: string; readonly attempt: Attempt } {
  const cookie = `${clock.now().toString(36)}.${randomBytes(32).toString('base64url')}`;
  return { cookie, attempt: derive(cookie, wanted) };
}

/** Undefined where the cookie is none of ours, or too old. */
export function resumeAttempt(
  cookie: string | undefined,
  wanted: AttemptFor,
  clock: Pick<Clock, 'now'>,
): Attempt | undefined {
  const [, begun] = /^([0-9a-z]{1,11})\.[A-Za-z0-9_-]{43}$/.exec(cookie ?? '') ?? [];
  if (cookie === undefined || begun === undefined) return undefined;
  const ageMs = clock.now() - Number.parseInt(begun, 36);
  return ageMs >= 0 && ageMs < attemptMs ? derive(cookie, wanted) : undefined;
}

function derive(cookie: string, { issuer, clientId, redirectUri }: AttemptFor): Attempt {
  const part = (what: string): string =>
    createHmac('sha256', cookie)
      .update(JSON.stringify([what, issuer, clientId, redirectUri]))
      .digest('base64url');
  return { state: part('state'), nonce: part('nonce'), verifier: part('verifier') };
}

/** `value` undefined: it is taken back. */
export function attemptField(value: string | undefined): string {
  const ends = value === undefined ? 0 : attemptMs / 1000;
  return `${attemptCookie}=${value ?? ''}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=${ends}`;
}
