// Time as a value that is passed in: production takes `systemClock`, tests a clock of their own that they turn by hand.

export interface Clock {
  /** Wall-clock time, milliseconds since the epoch: certificates, logs. */
  now(): number;
  /** Monotonic time in milliseconds: durations and deadlines. */
  monotonic(): number;
  /** Calls `act` once, not before `delayMs`; the result cancels it. Never keeps the process alive. */
  after(delayMs: number, act: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (delayMs, act) => {
    const timer = setTimeout(act, delayMs).unref();
    return () => clearTimeout(timer);
  },
};
