import type { Clock } from '../base/clock.ts';

/** What `ask` gives, asked once for all who want it meanwhile, and given again for `keptMs`. A failure is not kept. */
export function remember<T>(ask: () => Promise<T>, keptMs: number, clock: Pick<Clock, 'monotonic'>): () => Promise<T> {
  let last: { readonly value: T; readonly until: number } | undefined;
  let asking: Promise<T> | undefined;
  const begin = async (): Promise<T> => {
    try {
      const value = await ask();
      last = { value, until: clock.monotonic() + keptMs };
      return value;
    } finally {
      asking = undefined;
    }
  };
  return async () => {
    if (last !== undefined && clock.monotonic() < last.until) return last.value;
    last = undefined;
    asking ??= begin();
    return asking;
  };
}
