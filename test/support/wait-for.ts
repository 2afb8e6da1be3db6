// Waiting for something to happen, never for time to pass: a Feed of events that tells the waiter when one fits, and
// `eventually` for the few things that announce nothing (a port of a foreign process, a file). Both end, with a reason.

/**
 * How long anything may take that must happen. It is there only so that a test which waits for what never comes ends with a reason:
 * a machine that has much to do takes twenty times as long as a quiet one, so nothing may be concluded from any wait.
 */
export const SAFETY_NET_MS = 240_000;
const KEPT = 20_000;

export type WaitOptions = {
  /** Completes "waiting for …" in the error. */
  readonly what?: string;
  /** Only events from this index on count (see `Feed.length`); default 0, so that what already happened counts too. */
  readonly from?: number;
};

type Waiter<T> = { readonly wants: (item: T) => boolean; readonly done: (item: T) => void; readonly fail: () => void };

/** A list of events that can be waited on. Holds at most 20,000; what comes after is still matched, but not kept. */
export class Feed<T> {
  readonly items: T[] = [];
  readonly #name: string;
  #ended: string | undefined;
  #seen = 0;
  readonly #waiters = new Set<Waiter<T>>();
  readonly #subscribers: ((item: T) => void)[] = [];

  constructor(name: string) {
    this.#name = name;
  }

  /** How many events there have been: pass it as `from` to wait for what comes next. */
  get length(): number {
    return this.#seen;
  }

  push(item: T): void {
    this.#seen += 1;
    if (this.items.length < KEPT) this.items.push(item);
    for (const subscriber of this.#subscribers) subscriber(item);
    for (const waiter of this.#waiters) if (waiter.wants(item)) waiter.done(item);
  }

  /** Calls `subscriber` with every kept event so far and with every one to come. */
  subscribe(subscriber: (item: T) => void): void {
    for (const item of this.items) subscriber(item);
    this.#subscribers.push(subscriber);
  }

  /** Nothing more will come: whoever still waits fails with `reason`. */
  end(reason: string): void {
    this.#ended = reason;
    for (const waiter of this.#waiters) waiter.fail();
  }

  /** The first event that fits. Rejects when it is past all patience or when the feed ends, with the last events in the message. */
  waitFor(fits: (item: T) => boolean, options: WaitOptions = {}): Promise<T> {
    const found = this.items.slice(options.from ?? 0).find(fits);
    if (found !== undefined) return Promise.resolve(found);
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
      };
      const fail = (why: string): void => {
        settle();
        reject(new Error(`${this.#name}: ${why} while waiting for ${options.what ?? 'an event'}\n${this.tail()}`));
      };
      const timer = setTimeout(() => fail(`nothing for ${SAFETY_NET_MS} ms`), SAFETY_NET_MS);
      const waiter: Waiter<T> = {
        wants: fits,
        done: (item) => {
          settle();
          resolve(item);
        },
        fail: () => fail(this.#ended ?? 'ended'),
      };
      this.#waiters.add(waiter);
      if (this.#ended !== undefined) waiter.fail();
    });
  }

  /** The last events as text, for messages. */
  tail(count = 20): string {
    const text = (item: T): string => (typeof item === 'string' ? item : JSON.stringify(item));
    return this.items
      .slice(-count)
      .map((item) => `  ${text(item)}`)
      .join('\n');
  }
}

/** Between two tries: little at first, and more the longer it takes, since a try may cost a process here and work in the gateway. */
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 250;
const PAUSE_SHARE = 0.1;

/** Tries `check` until it returns something but undefined or false; an error in it counts as "not yet". */
export async function eventually<T>(
  check: () => Promise<T | undefined | false> | T | undefined | false,
  options: { readonly what: string; readonly everyMs?: number },
): Promise<T> {
  const began = performance.now();
  const until = began + SAFETY_NET_MS;
  let last: unknown;
  for (;;) {
    try {
      const result = await check();
      if (result !== undefined && result !== false) return result;
      last = result;
    } catch (error) {
      last = error;
    }
    const now = performance.now();
    if (now > until) throw new Error(`gave up waiting for ${options.what}`, { cause: last });
    const growing = Math.min(Math.max(FIRST_PAUSE_MS, (now - began) * PAUSE_SHARE), LONGEST_PAUSE_MS);
    await new Promise((resolve) => setTimeout(resolve, options.everyMs ?? growing));
  }
}
