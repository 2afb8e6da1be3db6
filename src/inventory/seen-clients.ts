// The clients that one worker saw, let in or not, until the primary takes them over (inventory/trust-record.ts). Aggregated by
// policy and certificate; a client that is known costs a look-up and a few increments. Bounded, see cache.ts.
import type { CertificateFacts } from '../certs/facts.ts';
import type { VerdictCode } from '../trust/verdict.ts';
import type { VerifiedClient } from '../downstream/dependencies.ts';
import { AnonymousTally, type SeenAnonymous } from './anonymous.ts';
import { SeenCache, shareLimits, type CacheLimits } from './cache.ts';

/** Server names kept of one client: the latest. */
export const maxServerNames = 8;
/** Certificates of one client that are kept, leaf and intermediates together; beyond it intermediates go, then the leaf. */
export const maxCertificateBytes = 32 * 1024;
const maxDetail = 512;

export type SeenAnchor = { readonly sha256: string; readonly subject: string; readonly notAfter: number };

/** What was seen of one client since the report before: plain data for another process. */
export type SeenDelta = {
  readonly key: string;
  readonly policy: string;
  /** Of the leaf. */
  readonly sha256: string;
  /** Handshakes since then. */
  readonly accepted: number;
  readonly refused: number;
  /** Milliseconds since the epoch, within this report. */
  readonly firstSeen: number;
  readonly lastSeen: number;
  readonly lastAccepted: number | null;
  /** Of the last handshake. */
  readonly code: VerdictCode;
  readonly detail: string;
  readonly version: string;
  /** Latest last. */
  readonly serverNames: readonly (string | null)[];
  readonly anchor: SeenAnchor | null;
  /** DER, where it was not told before; null where it is too large to keep. */
  readonly leaf?: Uint8Array | null;
  /** DER of the intermediates that the client sent, where they were not told before. */
  readonly above?: readonly Uint8Array[];
};

export type SeenReport = { readonly identities: readonly SeenDelta[]; readonly anonymous: readonly SeenAnonymous[] };

type Entry = {
  bytes: number;
  readonly key: string;
  readonly policy: string;
  readonly sha256: string;
  accepted: number;
  refused: number;
  firstSeen: number;
  lastSeen: number;
  lastAccepted: number | null;
  wasAccepted: boolean;
  code: VerdictCode;
  detail: string;
  version: string;
  serverNames: (string | null)[];
  anchor: CertificateFacts | undefined;
  /** SHA-256 of each certificate of its chain, to see that it changed. */
  chain: readonly string[];
  /** Certificates that were not told yet; undefined where they were. */
  leaf: Buffer | null | undefined;
  above: readonly Buffer[] | undefined;
};

const defaultSeenLimits: CacheLimits = { maxEntries: 4096, maxBytes: 8 * 1024 * 1024 };

export class SeenClients {
  readonly #accepted: SeenCache<Entry>;
  readonly #refused: SeenCache<Entry>;
  readonly #anonymous = new AnonymousTally();
  readonly #changed = new Set<Entry>();
  readonly #onChange: () => void;

  /** `onChange`: called for the first sighting since the last report. Must not throw. */
  constructor(onChange: () => void, limits: CacheLimits = defaultSeenLimits) {
    this.#onChange = onChange;
    const shares = shareLimits(limits);
    const onOut = (entry: Entry): void => void this.#changed.delete(entry);
    this.#accepted = new SeenCache(shares.accepted, onOut);
    this.#refused = new SeenCache(shares.refused, onOut);
  }

  get size(): number {
    return this.#accepted.size + this.#refused.size;
  }

  /** `now`: milliseconds since the epoch. */
  note(verified: VerifiedClient, now: number): void {
    const { policy, verdict } = verified;
    const { leaf, code, version } = verdict;
    const serverName = verified.serverName ?? null;
    const fresh = this.#changed.size === 0 && this.#anonymous.size === 0;
    if (leaf === undefined) {
      // What could not even be read is no client that anybody could name: the log and the metrics have it.
      if (code !== 'ok' && code !== 'no_client_cert') return;
      this.#anonymous.note(policy, serverName, version, code === 'ok', now);
    } else {
      const key = `${leaf.sha256} ${policy}`;
      const entry = this.#find(key, code === 'ok') ?? makeEntry(key, policy, leaf, now);
      count(entry, verified, now);
      if (serverName !== entry.serverNames.at(-1) || entry.serverNames.length === 0) noteName(entry, serverName);
      (entry.wasAccepted ? this.#accepted : this.#refused).put(key, entry);
      this.#noteChain(entry, verified);
      this.#changed.add(entry);
    }
    if (fresh) this.#onChange();
  }

  /** What was seen since the last report; undefined where nothing was. */
  report(): SeenReport | undefined {
    if (this.#changed.size === 0 && this.#anonymous.size === 0) return undefined;
    const identities = [...this.#changed].map((entry) => this.#tell(entry));
    const anonymous = [...this.#anonymous.values()];
    this.#changed.clear();
    this.#anonymous.clear();
    return { identities, anonymous };
  }

  /** The primary does not know these (any more): they are told in full when they are seen next. */
  forget(keys: readonly string[]): void {
    for (const key of keys) {
      const entry = this.#accepted.take(key) ?? this.#refused.take(key);
      if (entry !== undefined) this.#changed.delete(entry);
    }
  }

  #find(key: string, accepted: boolean): Entry | undefined {
    const known = this.#accepted.find(key);
    if (known !== undefined) return known;
    // Let in for the first time: from now on it has its place among those that count.
    return accepted ? this.#refused.take(key) : this.#refused.find(key);
  }

  /** The chain that was accepted counts, or what was sent where none ever was. */
  #noteChain(entry: Entry, { verdict, bundle }: VerifiedClient): void {
    const { code, chain, chainKnown } = verdict;
    if (!chainKnown || (code !== 'ok' && entry.wasAccepted) || isSame(chain, entry.chain)) return;
    entry.chain = chain.map(({ sha256 }) => sha256);
    // A CA that our own bundle brought along was perhaps never sent: it must not seem so when the bundle loses it.
    let above = chain.slice(1).filter((facts) => bundle?.contains(facts) !== true);
    if (above.reduce((sum, { der }) => sum + der.length, chain[0]?.der.length ?? 0) > maxCertificateBytes) above = [];
    entry.above = above.map(({ der }) => der);
    this.#resize(entry);
  }

  #resize(entry: Entry): void {
    const { leaf, above } = entry;
    const bytes = (above ?? []).reduce((sum, der) => sum + der.length, leaf?.length ?? 0);
    (entry.wasAccepted ? this.#accepted : this.#refused).resize(entry, bytes);
  }

  #tell(entry: Entry): SeenDelta {
    const { key, policy, sha256, accepted, refused, firstSeen, lastSeen, lastAccepted, code, version, anchor } = entry;
    const delta = {
      key,
      policy,
      sha256,
      accepted,
      refused,
      firstSeen,
      lastSeen,
      lastAccepted,
      code,
      version,
      detail: entry.detail.slice(0, maxDetail),
      serverNames: [...entry.serverNames],
      anchor:
        anchor === undefined ? null : { sha256: anchor.sha256, subject: anchor.subject, notAfter: anchor.notAfter },
      ...(entry.leaf === undefined ? {} : { leaf: entry.leaf }),
      ...(entry.above === undefined ? {} : { above: entry.above }),
    };
    entry.accepted = 0;
    entry.refused = 0;
    entry.lastAccepted = null;
    entry.leaf = undefined;
    entry.above = undefined;
    this.#resize(entry);
    return delta;
  }
}

function makeEntry(key: string, policy: string, leaf: CertificateFacts, now: number): Entry {
  const kept = leaf.der.length <= maxCertificateBytes ? leaf.der : null;
  return {
    key,
    policy,
    sha256: leaf.sha256,
    accepted: 0,
    refused: 0,
    code: 'ok',
    detail: '',
    version: '',
    firstSeen: now,
    lastSeen: now,
    lastAccepted: null,
    wasAccepted: false,
    serverNames: [],
    chain: [],
    anchor: undefined,
    leaf: kept,
    above: undefined,
    bytes: kept?.length ?? 0,
  };
}

function count(entry: Entry, { verdict }: VerifiedClient, now: number): void {
  if (entry.accepted + entry.refused === 0) entry.firstSeen = now;
  if (verdict.code === 'ok') {
    entry.accepted += 1;
    entry.lastAccepted = now;
    entry.wasAccepted = true;
    if (verdict.anchor !== undefined) entry.anchor = verdict.anchor;
  } else entry.refused += 1;
  entry.lastSeen = now;
  entry.code = verdict.code;
  entry.detail = verdict.detail;
  entry.version = verdict.version;
}

function noteName(entry: Entry, serverName: string | null): void {
  const { serverNames } = entry;
  const at = serverNames.indexOf(serverName);
  if (at >= 0) serverNames.splice(at, 1);
  else if (serverNames.length >= maxServerNames) serverNames.shift();
  serverNames.push(serverName);
}

function isSame(chain: readonly CertificateFacts[], known: readonly string[]): boolean {
  return chain.length === known.length && chain.every(({ sha256 }, index) => sha256 === known[index]);
}
