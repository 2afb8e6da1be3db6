// Every anchor that vouches for clients, what it vouched for and when last, so that nobody has to
// guess which CA may go. What the record cannot say (it is too young, or was not kept) is not claimed.
import { dayMs } from '../base/clock.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import { isNearExpiry } from '../certs/expiry.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { verifyStrength } from '../trust/certificate-checks.ts';
import { escapeForLog } from '../base/log-text.ts';
import { AnchorSet } from '../trust/anchor-set.ts';
import { TrustBundle } from '../trust/trust-bundle.ts';
import type { TrustRecordContents } from '../inventory/record-format.ts';
import { nameOf, when } from './against.ts';

export type AnchorMark = 'EXPIRED' | 'EXPIRES SOON' | 'WEAK' | 'STALE' | 'REMOVED';

export type AuditedAnchor = {
  readonly policy: string;
  readonly subject: string;
  readonly sha256: string;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
  /** 0 to 1; null where its notBefore is not known. */
  readonly lifetimeLeft: number | null;
  /** Distinct certificates in the record; null without a record. */
  readonly clients: number | null;
  /** Who they are, as they were seen last; the latest first. Empty without a record. */
  readonly identities: readonly AuditedClient[];
  readonly handshakes: number | null;
  readonly lastUsed: number | null;
  readonly marks: readonly AnchorMark[];
};

export type AuditedClient = {
  /** Subject and SANs, for people. */
  readonly name: string;
  readonly sha256: string;
  readonly serial: string;
  readonly lastAccepted: number;
};

export type AuditOptions = { readonly now: number; readonly staleDays: number };

/** `loaded` undefined: what the record alone says. `record` undefined: what the configuration alone says. */
export function auditAnchors(
  loaded: LoadedConfig | undefined,
  record: TrustRecordContents | undefined,
  options: AuditOptions,
): AuditedAnchor[] {
  const configured = loaded === undefined ? [] : listAnchors(loaded);
  const known = new Set(configured.map(({ policy, facts }) => `${facts.sha256} ${policy}`));
  const audited = configured.map(({ policy, facts }): AuditedAnchor => {
    const { sha256, subject, notAfter, notBefore } = facts;
    const lifetimeLeft = Math.min(1, Math.max(0, (notAfter - options.now) / (notAfter - notBefore)));
    const use = findUse(record, policy, sha256);
    const weak = verifyStrength(facts) !== undefined;
    return {
      policy,
      subject,
      sha256,
      notAfter,
      lifetimeLeft,
      ...use,
      marks: marksOf(use, options, record, notAfter, isNearExpiry(facts, options.now), weak),
    };
  });
  for (const { policy, sha256, subject, notAfter } of record?.anchors ?? []) {
    if (known.has(`${sha256} ${policy}`)) continue;
    const use = findUse(record, policy, sha256);
    const marks = marksOf(use, options, record, notAfter, false, false);
    const removed: readonly AnchorMark[] = loaded === undefined ? [] : ['REMOVED'];
    audited.push({ policy, subject, sha256, notAfter, lifetimeLeft: null, ...use, marks: [...removed, ...marks] });
  }
  return audited;
}

type Configured = { readonly policy: string; readonly facts: CertificateFacts };

function listAnchors({ policies }: LoadedConfig): Configured[] {
  return policies.flatMap(({ config, anchors, trustDomains }) => {
    const pems = [...(anchors ?? []), ...trustDomains.flatMap(({ caPem }) => caPem)];
    const { bundle } = TrustBundle.parse(pems.join('\n'), { name: 'the anchors' });
    if (bundle === undefined) return [];
    const set = AnchorSet.of(bundle, config.clientAuth?.partialChain);
    return set.anchors.map((facts) => ({ policy: config.name, facts }));
  });
}

type Use = Pick<AuditedAnchor, 'clients' | 'identities' | 'handshakes' | 'lastUsed'>;

function findUse(record: TrustRecordContents | undefined, policy: string, sha256: string): Use {
  if (record === undefined) return { clients: null, identities: [], handshakes: null, lastUsed: null };
  const tally = record.anchors.find((anchor) => anchor.sha256 === sha256 && anchor.policy === policy);
  const clients = record.identities.flatMap((one): AuditedClient[] => {
    const { lastAccepted } = one;
    if (one.anchor !== sha256 || one.policy !== policy || lastAccepted === null) return [];
    return [{ name: nameOf(one), sha256: one.sha256, serial: one.serial, lastAccepted }];
  });
  const identities = clients.toSorted((a, b) => b.lastAccepted - a.lastAccepted);
  return { clients: clients.length, identities, handshakes: tally?.handshakes ?? 0, lastUsed: tally?.lastSeen ?? null };
}

function marksOf(
  { lastUsed }: Use,
  { now, staleDays }: AuditOptions,
  record: TrustRecordContents | undefined,
  notAfter: number,
  isNear: boolean,
  weak: boolean,
): AnchorMark[] {
  const marks: AnchorMark[] = [];
  if (now > notAfter) marks.push('EXPIRED');
  else if (isNear) marks.push('EXPIRES SOON');
  if (weak) marks.push('WEAK');
  const limit = now - staleDays * dayMs;
  // A record that began later cannot know who came before.
  if (record !== undefined && record.since <= limit && (lastUsed ?? record.since) <= limit) marks.push('STALE');
  return marks;
}

/** A table for a person. */
export function printAudit(
  anchors: readonly AuditedAnchor[],
  record: TrustRecordContents | undefined,
  { now, staleDays }: AuditOptions,
): string[] {
  const lines: string[] = [];
  for (const policy of new Set(anchors.map((anchor) => anchor.policy))) {
    lines.push(`policy ${escapeForLog(policy)}`);
    for (const anchor of anchors.filter((one) => one.policy === policy)) lines.push(...describeAnchor(anchor));
    lines.push('');
  }
  if (anchors.length === 0) lines.push('no policy asks for client certificates', '');
  if (record === undefined)
    lines.push('no record was given (--against): how many clients each vouched for is not known');
  else {
    lines.push(`record since ${when(record.since)}, written ${when(record.written)}`);
    if (record.since > now - staleDays * dayMs)
      lines.push(`it is younger than ${staleDays} days: nothing can be called STALE yet`);
  }
  const marked = anchors.filter(({ marks }) => marks.length > 0).length;
  lines.push(`${anchors.length} ${anchors.length === 1 ? 'anchor' : 'anchors'}, ${marked} with marks`);
  return lines;
}

/** The others are in the JSON. */
const maxClientsShown = 10;

function describeClients(identities: readonly AuditedClient[]): string[] {
  const more = identities.length - maxClientsShown;
  const shown = identities.slice(0, maxClientsShown);
  return [
    ...shown.map(({ name, lastAccepted }) => `  ${name}, last let in ${when(lastAccepted)}`),
    ...(more > 0 ? [`  and ${more} more: --json names all`] : []),
  ];
}

function describeAnchor({
  subject,
  sha256,
  notAfter,
  lifetimeLeft,
  clients,
  identities,
  handshakes,
  lastUsed,
  marks,
}: AuditedAnchor) {
  const left = lifetimeLeft === null ? '' : ` (${Math.round(lifetimeLeft * 100)} % of its life left)`;
  const used = lastUsed === null ? 'never seen in use' : `last used ${when(lastUsed)}`;
  const use =
    clients === null ? [] : [`${clients} clients, ${handshakes} handshakes, ${used}`, ...describeClients(identities)];
  return [
    `  ${escapeForLog(subject)}  ${sha256.slice(0, 16)}…${marks.length === 0 ? '' : `  ${marks.join(', ')}`}`,
    `    valid until ${when(notAfter)}${left}`,
    ...use.map((line) => `    ${line}`),
  ];
}
