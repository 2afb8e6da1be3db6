// Go's durations (time.ParseDuration), as Goma writes them: `1h30m`, `250ms`, `1.5s`. A bare number has no unit.

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** The longest duration, 49 days: 2^32 ms. */
export const maxDurationMs = 4_233_600_000;

/** What parseDuration takes, apart from the limit. */
export const durationPattern = /^(?:0|\+?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;

/** Milliseconds, rounded up so that nothing but `0` becomes 0; undefined where it is no duration, negative or too long. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  if (text.length > 64 || !durationPattern.test(text)) return undefined;
  let total = 0;
  for (const [, number, unit] of text.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g))
    total += Number(number) * (unitMs[unit ?? ''] ?? Number.NaN);
  const rounded = Math.max(0, Math.ceil(total - 1e-9));
  return rounded <= maxDurationMs ? rounded : undefined;
}
