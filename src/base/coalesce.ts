// Work that is asked for more often than it can be done.

/**
 * One run at a time, and one that waits: whoever asks while a run is under way is served by the next, which begins when that
 * one has ended. `act` must not reject.
 */
export function coalesce(act: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  let waiting: Promise<void> | undefined;
  return async () => {
    waiting ??= running.then(async () => {
      waiting = undefined;
      running = act();
      return running;
    });
    return waiting;
  };
}
