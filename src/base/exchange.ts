// A question to an API over HTTP (a CA that issues certificates) and its answer, whatever its status: bounded-fetch.ts as a promise,
// with what came as JSON or text. What cannot be asked, or is no whole answer, is an ExchangeFailure.
import type { IncomingHttpHeaders } from 'node:http';
import { type BoundedFetch, fetchBounded, type FetchOutcome } from './bounded-fetch.ts';
import type { Clock } from './clock.ts';

const exchangeMs = 30_000;
const maxAnswerBytes = 4 * 1024 * 1024;

export type Question = Pick<BoundedFetch, 'method' | 'headers' | 'ca' | 'client'> & {
  readonly url: URL;
  readonly body?: string;
  /** Default 30 seconds. */
  readonly timeoutMs?: number;
};

export type Answer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
};

/** There is no answer; the message ends a sentence that says who was asked. */
export class ExchangeFailure extends Error {}

export type Ask = (question: Question) => Promise<Answer>;

/** Rejects with ExchangeFailure. The `clock` decides when it is too late. */
export function askBy(clock: Pick<Clock, 'after'>): Ask {
  return async ({ body, timeoutMs = exchangeMs, ...question }) => {
    const outcome = await new Promise<FetchOutcome>((resolve, reject) => {
      const bytes = body === undefined ? {} : { body: Buffer.from(body) };
      const bounds = { timeoutMs, maxBytes: maxAnswerBytes, anyStatus: true };
      try {
        fetchBounded({ ...question, ...bytes, ...bounds, clock }, resolve);
      } catch (error) {
        // Node takes the request for impossible: a header with a line break, a certificate that is none.
        reject(new ExchangeFailure('the request cannot be made', { cause: error }));
      }
    });
    if (!outcome.ok) throw new ExchangeFailure(sayFailure(outcome, timeoutMs));
    const { status, headers, bytes } = outcome;
    return { status, headers, text: Buffer.from(bytes).toString('utf8') };
  };
}

function sayFailure(outcome: Extract<FetchOutcome, { ok: false }>, timeoutMs: number): string {
  switch (outcome.problem) {
    case 'timeout':
      return `no answer within ${timeoutMs / 1000} s`;
    case 'unreachable':
      return `cannot be reached: ${outcome.cause}`;
    case 'cut_off':
      return `the answer was cut off${outcome.cause === '' ? '' : ` (${outcome.cause})`}`;
    case 'too_large':
      return `the answer is over ${maxAnswerBytes} bytes`;
    // Every status is taken.
    default:
      return `status ${outcome.status}`;
  }
}

const maxRetryAfterMs = 7 * 24 * 3_600_000;

/** Retry-After (RFC 9110 section 10.2.3) in milliseconds from `now`, at most a week; undefined where there is none. */
export function retryAfterOf(headers: IncomingHttpHeaders, now: number): number | undefined {
  const value = headers['retry-after']?.trim();
  if (value === undefined || value === '') return undefined;
  const delayMs = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isNaN(delayMs) ? undefined : Math.min(Math.max(delayMs, 0), maxRetryAfterMs);
}
