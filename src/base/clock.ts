// Time as a value that is passed in: production takes `systemClock`, tests a clock of their own that they turn by hand.

export const dayMs = 86_400_000;

export interface Clock {
  /** Wall-clock time, milliseconds since the epoch: certificates, logs. */
  now(): number;
  /** Monotonic time in milliseconds: durations and deadlines. */
  monotonic(): number;
  /** Calls `act` once, not before `delayMs`; the result cancels it. Never keeps the process alive. */
  after(delayMs: number, act: () => void): () => void;
}

/** A timer of Node that should take longer fires at once. */
const maxTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (delayMs, act) => {
    let timer: NodeJS.Timeout | undefined;
    const wait = (leftMs: number): void => {
      const next = leftMs > maxTimerMs ? () => wait(leftMs - maxTimerMs) : act;
      timer = setTimeout(next, Math.min(leftMs, maxTimerMs)).unref();
    };
    wait(delayMs);
    return () => clearTimeout(timer);
  },
};
