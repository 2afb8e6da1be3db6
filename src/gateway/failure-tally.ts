// Handshakes that failed on both sides, in groups, until the primary takes them: whoever can connect can make many of them, so a
// failure costs a look-up and a few additions, groups are bounded, and what found no room is counted.
import { clientNetwork } from '../base/client-network.ts';
import type { Fault } from '../base/fault.ts';
import { escapeForLog } from '../base/log-text.ts';
import { type HandshakeRecord, type LeafRecord, summarize } from '../downstream/handshake-record.ts';

/** Failures of one kind; plain data for another process. Every text of a peer's is escaped and cut. */
export type FailureGroup = {
  readonly side: 'client' | 'backend';
  /** Of the fault table. */
  readonly code: string;
  /** What tells the peer apart from others, for nobody's eyes. */
  readonly key: string;
  readonly count: number;
  readonly firstAt: number;
  readonly lastAt: number;
  /** The newest of them. */
  readonly sample: FailureSample;
};

export type FailureSample = {
  /** As the line of the log. */
  readonly sentence: string;
  readonly detail: string;
  /** What the operator should do. */
  readonly help: string;
  readonly raw: string;
  /** Of a client: its policy, '' where none was chosen. */
  readonly policy?: string;
  readonly remoteAddress?: string;
  readonly remotePort?: number;
  readonly localPort?: number;
  readonly balancer?: string | null;
  readonly serverName?: string | null;
  readonly offered?: readonly string[];
  readonly negotiated?: string;
  /** What it showed. */
  readonly leaf?: LeafRecord | null;
  /** Of a backend: host:port. */
  readonly address?: string;
  /** Whether a handshake had begun. */
  readonly isHandshake?: boolean;
};

export type FailureReport = {
  readonly groups: readonly FailureGroup[];
  /** Failures that belong to no group: there were too many kinds. */
  readonly dropped: number;
};

type Source = { readonly record: HandshakeRecord } | { readonly fault: BackendFault };
type BackendFault = Pick<Fault, 'code' | 'help' | 'detail' | 'raw'> & {
  readonly address: string;
  readonly isHandshake: boolean;
};
type Entry = { readonly key: string; count: number; firstAt: number; lastAt: number; source: Source };

/** Between two reports. */
export const maxFailureGroups = 256;
const maxText = 256;

export class FailureTally {
  readonly #entries = new Map<string, Entry>();
  readonly #onChange: () => void;
  #dropped = 0;

  /** `onChange`: called for the first failure since the last report. Must not throw. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** A client's handshake that was refused or broken off. */
  noteClient(record: HandshakeRecord): void {
    const { leaf, policy, remoteAddress, code, time } = record;
    // A certificate that was renewed is the same client; without one, whoever comes from one network is.
    const peer = leaf === undefined ? clientNetwork(remoteAddress) : `${leaf.subject}\n${leaf.issuer}`;
    this.#note(`client\n${code}\n${policy}\n${peer}`, { record }, time);
  }

  /** A connection to a backend that did not come about, or on which it refused our certificate. */
  noteBackend(fault: BackendFault, now: number): void {
    this.#note(`backend\n${fault.code}\n${fault.address}`, { fault }, now);
  }

  /** What came since the last report; undefined where nothing did. */
  report(): FailureReport | undefined {
    if (this.#entries.size === 0 && this.#dropped === 0) return undefined;
    const groups = [...this.#entries.values()].map(showEntry);
    const dropped = this.#dropped;
    this.#entries.clear();
    this.#dropped = 0;
    return { groups, dropped };
  }

  #note(key: string, source: Source, at: number): void {
    const isFirst = this.#entries.size === 0 && this.#dropped === 0;
    const known = this.#entries.get(key);
    if (known !== undefined) {
      known.count += 1;
      known.lastAt = at;
      known.source = source;
    } else if (this.#entries.size < maxFailureGroups)
      this.#entries.set(key, { key, count: 1, firstAt: at, lastAt: at, source });
    else this.#dropped += 1;
    if (isFirst) this.#onChange();
  }
}

function showEntry({ key, count, firstAt, lastAt, source }: Entry): FailureGroup {
  const times = { count, firstAt, lastAt };
  if ('record' in source) {
    const { record } = source;
    const { detail, help, raw, policy, remoteAddress, remotePort, localPort, serverName, offered, negotiated } = record;
    const sample = {
      sentence: summarize(record),
      detail,
      help,
      raw,
      policy,
      remoteAddress,
      remotePort,
      localPort,
      balancer: record.balancer ?? null,
      serverName: serverName ?? null,
      offered,
      negotiated,
      leaf: record.leaf ?? null,
    };
    return { side: 'client', code: record.code, key, ...times, sample };
  }
  const { code, help, detail = '', raw = '', address, isHandshake } = source.fault;
  const shown = escapeForLog(detail, 2 * maxText);
  const sentence = `connection to a backend failed: ${code}: ${shown === '' ? address : shown} (${address})`;
  const sample = { sentence, detail: shown, help, raw: escapeForLog(raw, maxText), address, isHandshake };
  return { side: 'backend', code, key, ...times, sample };
}
