// What is written about a failed handshake: who, asking for what, with which certificate, and why not. Everything that a
// peer chose is escaped and cut here, once, so that no writer of logs has to think of it (incident 15).
import { type FaultCode, helpOf } from '../base/fault.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { escapeForLog } from '../base/log-text.ts';
import type { VerdictCode } from '../trust/verdict.ts';

export type HandshakeRecord = {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localPort: number;
  /** Whose PROXY header named the client. */
  readonly balancer?: string | undefined;
  /** As the client sent it; undefined where it sent none. */
  readonly serverName: string | undefined;
  /** Versions that the client offered; empty where it did not get that far. */
  readonly offered: readonly string[];
  /** Version that was negotiated, '' where none was. */
  readonly negotiated: string;
  /** The policy's name; '' where none was chosen. */
  readonly policy: string;
  readonly code:
    | Exclude<VerdictCode, 'ok'>
    | Extract<FaultCode, 'internal' | 'bad_proxy_header' | 'untrusted_proxy' | 'client_limit'>;
  readonly raw: string;
  readonly detail: string;
  readonly leaf: LeafRecord | undefined;
  /** What the operator should do. */
  readonly help: string;
  /** The gateway tried itself: it is nobody's failure. */
  readonly isSelfTest?: true | undefined;
};

/** The certificate that was presented. */
export type LeafRecord = {
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
  readonly sha256: string;
  /** `TYPE:value`, the first few. */
  readonly sans: readonly string[];
  readonly sansTotal: number;
  /** ISO 8601. */
  readonly notBefore: string;
  readonly notAfter: string;
};

const maxTextLength = 256;
const maxSansShown = 10;
const maxOffered = 8;

/** Escapes and cuts what came from the peer. */
export function makeHandshakeRecord(
  given: Omit<HandshakeRecord, 'leaf' | 'help'> & {
    readonly leaf: CertificateFacts | undefined;
    /** Where this cause needs something else than others of its code. */
    readonly remedy?: string | undefined;
  },
): HandshakeRecord {
  const { remedy, ...about } = given;
  return {
    ...about,
    serverName: given.serverName === undefined ? undefined : escapeForLog(given.serverName, maxTextLength),
    offered: given.offered.slice(0, maxOffered),
    raw: escapeForLog(given.raw, maxTextLength),
    detail: escapeForLog(given.detail, 2 * maxTextLength),
    leaf: given.leaf === undefined ? undefined : leafRecord(given.leaf),
    help: remedy ?? helpOf(given.code, 'client'),
  };
}

/** Cause, subject, serial and address: what somebody needs who reads nothing else of the line. */
export function summarize({ code, detail, leaf, remoteAddress }: HandshakeRecord): string {
  const subject = leaf === undefined ? '' : `"${leaf.subject}"`;
  // Most causes begin with it.
  const who = leaf === undefined || detail.includes(subject) ? [] : [subject];
  if (leaf !== undefined) who.push(`serial ${leaf.serial}`);
  return `handshake refused: ${code}: ${detail} (${[...who, `from ${remoteAddress}`].join(', ')})`;
}

function leafRecord(leaf: CertificateFacts): LeafRecord {
  return {
    subject: escapeForLog(leaf.subject, maxTextLength),
    issuer: escapeForLog(leaf.issuer, maxTextLength),
    serial: leaf.serial,
    sha256: leaf.sha256,
    sans: leaf.sans.slice(0, maxSansShown).map(({ type, value }) => `${type}:${escapeForLog(value, maxTextLength)}`),
    sansTotal: leaf.sans.length,
    notBefore: new Date(leaf.notBefore).toISOString(),
    notAfter: new Date(leaf.notAfter).toISOString(),
  };
}
