// When an expiry date is near: with a third of the lifetime left, so that a certificate of ninety days and one of a day are
// both told of in time and neither all the time; of a lifetime of many years a third would be years of warnings, so there is a
// limit. For whatever has a beginning and an end: certificates, CRLs, OCSP responses.
import { dayMs } from '../base/clock.ts';

/** Milliseconds since the epoch. `isCa`: of a CA, whose replacement takes longer. */
export type Lifetime = { readonly notBefore: number; readonly notAfter: number; readonly isCa?: boolean };

/** Nobody is told earlier. */
const maxNoticeMs = 90 * dayMs;
const maxCaNoticeMs = 180 * dayMs;

/** Something with an expiry date, for certificate_expiry_timestamp_seconds and its warnings. */
export type Expiry = Lifetime & {
  readonly role: 'server' | 'anchor' | 'backend_client' | 'backend_anchor' | 'backend' | 'crl';
  readonly subject: string;
};

/** The moment from which on somebody should know: milliseconds since the epoch. */
export function nearsExpiryAt({ notBefore, notAfter, isCa }: Lifetime): number {
  const third = Math.max(0, notAfter - notBefore) / 3;
  return notAfter - Math.min(third, isCa === true ? maxCaNoticeMs : maxNoticeMs);
}

/** True in the last third of the lifetime, of a long one in its last 90 days (CAs: 180), and after it. */
export function isNearExpiry(lifetime: Lifetime, now: number): boolean {
  return now >= nearsExpiryAt(lifetime);
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** 'in 12 days', 'in 5 hours', 'in 3 minutes', '2 days ago': rounded down, in one unit. */
export function describeExpiry(notAfter: number, now: number): string {
  const ms = Math.abs(notAfter - now);
  const [n, unit] =
    ms >= 2 * dayMs ? [ms / dayMs, 'day'] : ms >= 2 * hourMs ? [ms / hourMs, 'hour'] : [ms / minuteMs, 'minute'];
  const count = Math.floor(n);
  const text = `${count} ${unit}${count === 1 ? '' : 's'}`;
  return notAfter >= now ? `in ${text}` : `${text} ago`;
}

/** A moment as people read it, in UTC and without fractions that are nothing: 2026-11-21T14:05:11Z. */
export function isoSeconds(atMs: number): string {
  return new Date(atMs).toISOString().replace('.000Z', 'Z');
}
