// Keeps a scanner from flooding the log, and no refusal from being told: the first failure of a peer (address and code) is written
// at once, and so is each with another certificate or for another reason, up to a limit; what comes again is counted and summed up
// when the window ends. Bounded: beyond its table of peers, failures are only counted together.
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

/** Certificates, or reasons where none was seen, told apart for one address and code: many clients may stand behind it. */
const maxKinds = 16;

type Seen = { last: HandshakeRecord; repeated: number };
type Peer = { readonly kinds: Map<string, Seen> /** Those beyond maxKinds, together. */; rest: Seen | undefined };

export class HandshakeLog {
  readonly #options: HandshakeLogOptions;
  readonly #windowMs: number;
  readonly #maxPeers: number;
  #peers = new Map<string, Peer>();
  #overflow = 0;
  #cancel: (() => void) | undefined;

  constructor(options: HandshakeLogOptions) {
    this.#options = options;
    this.#windowMs = options.windowMs ?? 60_000;
    this.#maxPeers = options.maxPeers ?? 1024;
  }

  add(record: HandshakeRecord): void {
    const key = `${record.remoteAddress} ${record.code}`;
    let peer = this.#peers.get(key);
    if (peer === undefined) {
      if (this.#peers.size >= this.#maxPeers) {
        this.#overflow += 1;
        return;
      }
      peer = { kinds: new Map(), rest: undefined };
      this.#peers.set(key, peer);
      this.#cancel ??= this.#options.clock.after(this.#windowMs, () => this.flush());
    }
    const kind = record.leaf?.sha256 ?? `${record.serverName ?? ''} ${record.detail}`;
    const seen = peer.kinds.get(kind) ?? (peer.kinds.size < maxKinds ? undefined : peer.rest);
    if (seen !== undefined) {
      seen.last = record;
      seen.repeated += 1;
    } else if (peer.kinds.size < maxKinds) {
      peer.kinds.set(kind, { last: record, repeated: 0 });
      this.#options.write({ ...record, repeated: 0 });
    } else peer.rest = { last: record, repeated: 1 };
  }

  /** Ends the window: writes the sums and forgets the peers. After a reload too: what is refused then, is for what it says. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const peers = this.#peers;
    const overflow = this.#overflow;
    this.#peers = new Map();
    this.#overflow = 0;
    for (const { kinds, rest } of peers.values()) {
      for (const { last, repeated } of [...kinds.values(), ...(rest === undefined ? [] : [rest])]) {
        if (repeated > 0) this.#options.write({ ...last, repeated });
      }
    }
    if (overflow > 0) this.#options.onOverflow?.(overflow);
  }
}
