// The record of the clients that were seen, over all workers and, where it is kept in a file, all starts: what
// `check --against` verifies by other rules and `trust audit` counts. Bounded like the workers' own (inventory/cache.ts);
// anchors and anonymous clients are counted apart, so that they outlive the identities that had to go.
import { AnonymousTally, type SeenAnonymous } from './anonymous.ts';
import type { SeenDelta, SeenReport } from './seen-clients.ts';
import { SeenCache, shareLimits } from './cache.ts';
import { readFacts } from '../certs/facts-reader.ts';
import type { SeenAnchorTally, SeenIdentity, TrustRecordContents } from './record-format.ts';

/** Certificates (base64) kept per identity of the limit, on average; a client with more takes the place of others. */
const bytesPerIdentity = 8192;
const maxNames = 8;
const maxSans = 32;
const maxText = 512;
const maxAnchors = 1000;
const maxAnonymous = 1000;

type Entry = SeenIdentity & { bytes: number };

export type TrustRecordLimits = {
  readonly maxIdentities: number;
  /** What was not seen for longer is dropped. */
  readonly keepMs: number;
};

export class TrustRecord {
  /** When it began, milliseconds since the epoch: what was never seen since then may have come before. */
  readonly since: number;
  readonly #limits: TrustRecordLimits;
  readonly #accepted: SeenCache<Entry>;
  readonly #refused: SeenCache<Entry>;
  readonly #anonymous = new AnonymousTally(maxAnonymous);
  readonly #anchors = new Map<string, SeenAnchorTally>();
  /** Intermediates by SHA-256, base64 of the DER: many clients send the same. */
  readonly #intermediates = new Map<string, { readonly der: string; uses: number }>();

  /** `contents`: what was kept of an earlier run; `now`: milliseconds since the epoch. */
  constructor(limits: TrustRecordLimits, now: number, contents?: TrustRecordContents) {
    this.#limits = limits;
    this.since = contents?.since ?? now;
    const { maxIdentities } = limits;
    const shares = shareLimits({ maxEntries: maxIdentities, maxBytes: maxIdentities * bytesPerIdentity });
    const onOut = (entry: Entry): void => this.#release(entry.above);
    this.#accepted = new SeenCache(shares.accepted, onOut);
    this.#refused = new SeenCache(shares.refused, onOut);
    if (contents !== undefined) this.#restore(contents);
  }

  get accepted(): number {
    return this.#accepted.size;
  }

  get refused(): number {
    return this.#refused.size;
  }

  /** Takes over what a worker saw; returns the keys of clients that it must tell in full, because they are not known here. */
  merge(report: SeenReport): string[] {
    const unknown: string[] = [];
    for (const delta of report.identities) {
      this.#countAnchor(delta);
      const entry = this.#findOrMake(delta);
      if (entry === undefined) unknown.push(delta.key);
      else this.#update(entry, delta);
    }
    for (const anonymous of report.anonymous) this.#anonymous.merge(anonymous);
    return unknown;
  }

  /** Drops what was not seen for too long. */
  prune(now: number): void {
    const before = now - this.#limits.keepMs;
    for (const cache of [this.#accepted, this.#refused]) {
      for (const [key, entry] of cache.entries()) {
        if (entry.lastSeen >= before) continue;
        cache.take(key);
        this.#release(entry.above);
      }
    }
    this.#anonymous.prune(before);
    for (const [key, { lastSeen }] of this.#anchors) if (lastSeen < before) this.#anchors.delete(key);
  }

  /** Everything, to be written down: live objects, not copies. */
  contents(): {
    readonly since: number;
    readonly anchors: Iterable<SeenAnchorTally>;
    readonly anonymous: Iterable<SeenAnonymous>;
    readonly intermediates: Iterable<readonly [string, string]>;
    readonly identities: readonly SeenIdentity[];
  } {
    return {
      since: this.since,
      anchors: this.#anchors.values(),
      anonymous: this.#anonymous.values(),
      intermediates: [...this.#intermediates].map(([sha256, { der }]) => [sha256, der] as const),
      identities: [...this.#refused.values(), ...this.#accepted.values()],
    };
  }

  #findOrMake(delta: SeenDelta): Entry | undefined {
    const { key, lastAccepted } = delta;
    const known = this.#accepted.find(key) ?? (lastAccepted === null ? undefined : this.#refused.take(key));
    const entry = known ?? this.#refused.find(key) ?? makeEntry(delta);
    if (entry === undefined) return undefined;
    (lastAccepted !== null || entry.lastAccepted !== null ? this.#accepted : this.#refused).put(key, entry);
    return entry;
  }

  #update(entry: Entry, delta: SeenDelta): void {
    entry.accepted += delta.accepted;
    entry.refused += delta.refused;
    entry.firstSeen = Math.min(entry.firstSeen, delta.firstSeen);
    // Workers tell the same client in any order.
    if (delta.lastSeen >= entry.lastSeen) {
      entry.lastSeen = delta.lastSeen;
      entry.code = delta.code;
      entry.detail = delta.detail;
      entry.version = delta.version;
    }
    if (delta.anchor !== null && (delta.lastAccepted ?? 0) >= (entry.lastAccepted ?? 0))
      entry.anchor = delta.anchor.sha256;
    if (delta.lastAccepted !== null) entry.lastAccepted = Math.max(entry.lastAccepted ?? 0, delta.lastAccepted);
    const older = entry.serverNames.filter((name) => !delta.serverNames.includes(name));
    entry.serverNames = [...older, ...delta.serverNames].slice(-maxNames);
    if (delta.above !== undefined && (delta.lastAccepted !== null || entry.lastAccepted === null))
      this.#replaceAbove(entry, delta.above);
  }

  #replaceAbove(entry: Entry, ders: readonly Uint8Array[]): void {
    const before = entry.above;
    let bytes = entry.leaf?.length ?? 0;
    entry.above = ders.map((bytesOf) => {
      const { sha256, der } = readFacts(Buffer.from(bytesOf));
      const base64 = der.toString('base64');
      bytes += base64.length;
      this.#hold(sha256, base64);
      return sha256;
    });
    this.#release(before);
    (this.#isAccepted(entry) ? this.#accepted : this.#refused).resize(entry, bytes);
  }

  #isAccepted(entry: Entry): boolean {
    return this.#accepted.find(`${entry.sha256} ${entry.policy}`) === entry;
  }

  #hold(sha256: string, der: string): void {
    const known = this.#intermediates.get(sha256);
    if (known === undefined) this.#intermediates.set(sha256, { der, uses: 1 });
    else known.uses += 1;
  }

  #release(sha256s: readonly string[]): void {
    for (const sha256 of sha256s) {
      const held = this.#intermediates.get(sha256);
      if (held !== undefined && --held.uses <= 0) this.#intermediates.delete(sha256);
    }
  }

  #countAnchor({ policy, anchor, accepted, firstSeen, lastAccepted }: SeenDelta): void {
    if (anchor === null || lastAccepted === null) return;
    const key = `${anchor.sha256} ${policy}`;
    const known = this.#anchors.get(key);
    if (known !== undefined) {
      known.handshakes += accepted;
      known.firstSeen = Math.min(known.firstSeen, firstSeen);
      known.lastSeen = Math.max(known.lastSeen, lastAccepted);
      return;
    }
    if (this.#anchors.size >= maxAnchors) return;
    const { sha256, subject, notAfter } = anchor;
    const text = subject.slice(0, maxText);
    this.#anchors.set(key, {
      policy,
      sha256,
      subject: text,
      notAfter,
      handshakes: accepted,
      firstSeen,
      lastSeen: lastAccepted,
    });
  }

  #restore({ anchors, anonymous, intermediates, identities }: TrustRecordContents): void {
    for (const anchor of anchors.slice(0, maxAnchors)) this.#anchors.set(`${anchor.sha256} ${anchor.policy}`, anchor);
    for (const one of anonymous) this.#anonymous.merge(one);
    // The shelves take the latest for the most recently put.
    for (const identity of [...identities].sort((a, b) => a.lastSeen - b.lastSeen)) {
      const above = identity.above.filter((sha256) => intermediates[sha256] !== undefined);
      for (const sha256 of above) this.#hold(sha256, intermediates[sha256] as string);
      const held = above.reduce((sum, sha256) => sum + (intermediates[sha256]?.length ?? 0), 0);
      const entry = { ...identity, above, bytes: (identity.leaf?.length ?? 0) + held };
      const cache = entry.lastAccepted === null ? this.#refused : this.#accepted;
      cache.put(`${entry.sha256} ${entry.policy}`, entry);
    }
  }
}

/** undefined where the worker told this client's certificate before, to somebody who does not remember. */
function makeEntry(delta: SeenDelta): Entry | undefined {
  const { policy, sha256, firstSeen, lastSeen, code, detail, version } = delta;
  if (delta.leaf === undefined) return undefined;
  const facts = delta.leaf === null ? undefined : readFacts(Buffer.from(delta.leaf));
  const leaf = facts?.der.toString('base64') ?? null;
  return {
    policy,
    sha256,
    firstSeen,
    lastSeen,
    code,
    detail,
    version,
    subject: facts?.subject.slice(0, maxText) ?? '',
    issuer: facts?.issuer.slice(0, maxText) ?? '',
    serial: facts?.serial ?? '',
    sans: (facts?.sans ?? []).slice(0, maxSans).map((san) => ({ ...san, value: san.value.slice(0, maxText) })),
    notAfter: facts?.notAfter ?? 0,
    accepted: 0,
    refused: 0,
    lastAccepted: null,
    anchor: null,
    serverNames: [],
    above: [],
    leaf,
    bytes: leaf?.length ?? 0,
  };
}
