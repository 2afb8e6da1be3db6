// Keeps a scanner from flooding the log: the first failure of a peer (address and code) is written at once, further ones are
// counted and summed up when the window ends. Bounded: beyond its table of peers, failures are only counted together.
import type { Clock } from '../base/clock.ts';
import type { HandshakeRecord } from './handshake-record.ts';

export type HandshakeLogLine = HandshakeRecord & {
  /** 0 for the first failure; else how many more of the same kind came since, of which this is the last. */
  readonly repeated: number;
};

export type HandshakeLogOptions = {
  readonly clock: Clock;
  /** Must not throw. */
  readonly write: (line: HandshakeLogLine) => void;
  /** Failures that found the table full, once per window. Must not throw. */
  readonly onOverflow?: (count: number) => void;
  readonly windowMs?: number;
  readonly maxPeers?: number;
};

type Seen = { last: HandshakeRecord; repeated: number };

export class HandshakeLog {
  readonly #options: HandshakeLogOptions;
  readonly #windowMs: number;
  readonly #maxPeers: number;
  #seen = new Map<string, Seen>();
  #overflow = 0;
  #cancel: (() => void) | undefined;

  constructor(options: HandshakeLogOptions) {
    this.#options = options;
    this.#windowMs = options.windowMs ?? 60_000;
    this.#maxPeers = options.maxPeers ?? 1024;
  }

  add(record: HandshakeRecord): void {
    const key = `${record.remoteAddress} ${record.code}`;
    const seen = this.#seen.get(key);
    if (seen !== undefined) {
      seen.last = record;
      seen.repeated += 1;
      return;
    }
    if (this.#seen.size >= this.#maxPeers) {
      this.#overflow += 1;
      return;
    }
    this.#seen.set(key, { last: record, repeated: 0 });
    this.#cancel ??= this.#options.clock.after(this.#windowMs, () => this.flush());
    this.#options.write({ ...record, repeated: 0 });
  }

  /** Ends the window: writes the sums and forgets the peers. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const seen = this.#seen;
    const overflow = this.#overflow;
    this.#seen = new Map();
    this.#overflow = 0;
    for (const { last, repeated } of seen.values()) {
      if (repeated > 0) this.#options.write({ ...last, repeated });
    }
    if (overflow > 0) this.#options.onOverflow?.(overflow);
  }
}
