// Clients without a certificate, counted by policy, server name and TLS version: there is nothing else to tell them apart
// by. A client may invent names below a wildcard; the name that was counted least makes room for a new one.

export type SeenAnonymous = {
  readonly policy: string;
  /** Canonical; null where none was sent. */
  readonly serverName: string | null;
  readonly version: string;
  accepted: number;
  refused: number;
  /** Milliseconds since the epoch. */
  firstSeen: number;
  lastSeen: number;
  lastAccepted: number | null;
};

export class AnonymousTally {
  readonly #entries = new Map<string, SeenAnonymous>();
  readonly #max: number;

  constructor(max = 256) {
    this.#max = max;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** One handshake. */
  note(policy: string, serverName: string | null, version: string, accepted: boolean, now: number): void {
    const key = keyOf(policy, serverName, version);
    const known = this.#entries.get(key);
    if (known === undefined) {
      const lastAccepted = accepted ? now : null;
      const counts = { accepted: accepted ? 1 : 0, refused: accepted ? 0 : 1 };
      this.#add(key, { policy, serverName, version, ...counts, firstSeen: now, lastSeen: now, lastAccepted });
      return;
    }
    if (accepted) {
      known.accepted += 1;
      known.lastAccepted = now;
    } else known.refused += 1;
    known.lastSeen = now;
  }

  /** What another tally counted. */
  merge(other: SeenAnonymous): void {
    const key = keyOf(other.policy, other.serverName, other.version);
    const known = this.#entries.get(key);
    if (known === undefined) return this.#add(key, { ...other });
    known.accepted += other.accepted;
    known.refused += other.refused;
    known.firstSeen = Math.min(known.firstSeen, other.firstSeen);
    known.lastSeen = Math.max(known.lastSeen, other.lastSeen);
    if (other.lastAccepted !== null) known.lastAccepted = Math.max(known.lastAccepted ?? 0, other.lastAccepted);
  }

  /** Drops those that were not seen since. */
  prune(before: number): void {
    for (const [key, { lastSeen }] of this.#entries) if (lastSeen < before) this.#entries.delete(key);
  }

  values(): MapIterator<SeenAnonymous> {
    return this.#entries.values();
  }

  clear(): void {
    this.#entries.clear();
  }

  #add(key: string, entry: SeenAnonymous): void {
    if (this.#entries.size >= this.#max) this.#dropLeastCounted();
    this.#entries.set(key, entry);
  }

  #dropLeastCounted(): void {
    let least: string | undefined;
    let count = Infinity;
    for (const [key, { accepted, refused }] of this.#entries) {
      if (accepted + refused >= count) continue;
      least = key;
      count = accepted + refused;
    }
    if (least !== undefined) this.#entries.delete(least);
  }
}

function keyOf(policy: string, serverName: string | null, version: string): string {
  return `${version} ${serverName ?? ''} ${policy}`;
}
