// When a certificate should be renewed, as its CA says (ARI, RFC 9773): a window, of which each client takes a moment at random. A CA that
// is about to revoke moves the window; whoever asks now and then learns of it in time.
import { encodeUnsigned } from '../asn1/der-writer.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import type { AcmeClient } from './client.ts';
import { retryAfterOf } from '../base/exchange.ts';
import { AcmeProblem } from './problem.ts';

const hourMs = 3_600_000;
/** Section 4.3.2: not more often than this, and at least once a day whatever the server says. */
const leastPauseMs = 60_000;
const usualPauseMs = 6 * hourMs;
const mostPauseMs = 24 * hourMs;

export type RenewalInfo = {
  /** Milliseconds since the epoch. */
  readonly start: number;
  readonly end: number;
  readonly askAgainMs: number;
};

/** Section 4.1; undefined for a certificate that does not say which key signed it. */
export function certificateId({
  authorityKeyId,
  serial,
}: Pick<CertificateFacts, 'authorityKeyId' | 'serial'>): string | undefined {
  if (authorityKeyId === undefined || serial.startsWith('-')) return undefined;
  return `${Buffer.from(authorityKeyId, 'hex').toString('base64url')}.${serialBytes(serial).toString('base64url')}`;
}

/** undefined where the server or the certificate knows of none. Rejects with AcmeProblem or ExchangeFailure. */
export async function askRenewalInfo(
  client: AcmeClient,
  facts: CertificateFacts,
  now: number,
): Promise<RenewalInfo | undefined> {
  const { renewalInfo } = await client.directory();
  const id = certificateId(facts);
  if (renewalInfo === undefined || id === undefined) return undefined;
  const url = new URL(renewalInfo);
  url.pathname = `${url.pathname.replace(/\/$/, '')}/${id}`;
  const { body, headers } = await client.read(url);
  const window = body?.['suggestedWindow'];
  const { start, end } = (typeof window === 'object' && window !== null ? window : {}) as Record<string, unknown>;
  const [from, to] = [timeOf(start), timeOf(end)];
  if (from === undefined || to === undefined || to <= from)
    throw new AcmeProblem('malformedAnswer', 'the renewal information has no window');
  const pause = retryAfterOf(headers, now) ?? usualPauseMs;
  return { start: from, end: to, askAgainMs: Math.min(Math.max(pause, leastPauseMs), mostPauseMs) };
}

/** A moment of the window; one that is over is now. `random`: from 0 to 1. */
export function chooseMoment({ start, end }: RenewalInfo, random: number): number {
  return start + Math.floor(random * (end - start));
}

function timeOf(value: unknown): number | undefined {
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

/** The INTEGER's content of a serial number, as it stands in the certificate: `serial` in hexadecimal. */
function serialBytes(serial: string): Buffer {
  const whole = Buffer.from(serial.length % 2 === 0 ? serial : `0${serial}`, 'hex');
  // Tag and length are one byte each: RFC 5280 allows 20 bytes.
  return encodeUnsigned(whole).subarray(2);
}
