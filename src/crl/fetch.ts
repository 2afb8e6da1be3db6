// Fetches a CRL from the URL that the configuration names, where it is another one than before, and says what a failure means.
// What comes is believed for its signature only, so http is as good as https.
import { fetchBounded, type FetchOutcome } from '../base/bounded-fetch.ts';
import type { Clock } from '../base/clock.ts';
import { maxCrlFileBytes } from './file.ts';
import { CrlRejection } from './rejection.ts';

const fetchMs = 10_000;
const maxValidatorLength = 256;

/** ETag and Last-Modified of the answer that is in use. */
export type Validators = { readonly etag: string | undefined; readonly lastModified: string | undefined };

export type Fetched =
  | { readonly bytes: Uint8Array; readonly validators: Validators }
  /** 304: what the validators belong to is still the newest. */
  | 'unchanged'
  | CrlRejection;

export type FetchLimits = { readonly timeoutMs?: number; readonly maxBytes?: number };

/** Keeps the process alive, unlike those of Clock: `check` has nothing else to wait for. */
const timers: Pick<Clock, 'after'> = {
  after: (delayMs, act) => {
    const timer = setTimeout(act, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Never rejects. */
export async function fetchCrl(
  url: string,
  before: Validators | undefined,
  { timeoutMs = fetchMs, maxBytes = maxCrlFileBytes }: FetchLimits = {},
): Promise<Fetched> {
  const headers: Record<string, string> = { accept: 'application/pkix-crl, */*', 'accept-encoding': 'identity' };
  if (before?.etag !== undefined) headers['if-none-match'] = before.etag;
  if (before?.lastModified !== undefined) headers['if-modified-since'] = before.lastModified;
  // Where nothing was asked to be compared there is nothing that could be unchanged.
  const isConditional = before?.etag !== undefined || before?.lastModified !== undefined;
  try {
    const outcome = await new Promise<FetchOutcome>((resolve) => {
      fetchBounded({ url: new URL(url), method: 'GET', headers, timeoutMs, maxBytes, clock: timers }, resolve);
    });
    if (!outcome.ok) return explain(outcome, isConditional, timeoutMs, maxBytes);
    const { bytes, headers: answered } = outcome;
    const validators = { etag: shortened(answered.etag), lastModified: shortened(answered['last-modified']) };
    return { bytes, validators };
  } catch (error) {
    return unreachable(String(error));
  }
}

function explain(
  outcome: Extract<FetchOutcome, { ok: false }>,
  isConditional: boolean,
  timeoutMs: number,
  maxBytes: number,
): 'unchanged' | CrlRejection {
  switch (outcome.problem) {
    case 'timeout':
      return unreachable(`it took longer than ${timeoutMs / 1000} s`);
    case 'unreachable':
      return unreachable(outcome.cause);
    case 'cut_off':
      return unreachable(`the answer was cut off${outcome.cause === '' ? '' : ` (${outcome.cause})`}`);
    case 'too_large':
      return tooLarge(maxBytes);
    case 'status':
      break;
  }
  const { status } = outcome;
  if (status === 304 && isConditional) return 'unchanged';
  if (status >= 300 && status < 400 && status !== 304)
    return unreachable(`it answers with a redirect (${status}), and those are not followed`);
  return unreachable(`it answers with status ${status}`);
}

function shortened(value: string | undefined): string | undefined {
  return value === undefined || value.length > maxValidatorLength ? undefined : value;
}

function unreachable(why: string): CrlRejection {
  return new CrlRejection(
    'crl_unreachable',
    `it cannot be fetched: ${why}`,
    'Try it with curl from this machine; while no CRL is known onMissing says who is let in.',
  );
}

function tooLarge(maxBytes: number): CrlRejection {
  return new CrlRejection(
    'crl_too_large',
    `the answer is over the limit of ${maxBytes} bytes`,
    'Is this the right URL?',
  );
}
