// Whom a configuration would refuse or let in of those who came lately, for a person and as
// JSON. Subjects and names come from certificates and perhaps from a foreign file: everything is escaped.
import { randomBytes } from 'node:crypto';
import { dayMs } from '../base/clock.ts';
import { compilePolicies } from '../gateway/compile-policies.ts';
import type { CrlLookup } from '../crl/subscriber.ts';
import type { LoadedRules } from '../loading/loaded.ts';
import { escapeForLog } from '../base/log-text.ts';
import { describeSans } from '../trust/san-rule.ts';
import type { MergedRecord, SeenAt } from '../inventory/merge-records.ts';
import type { SeenIdentity, TrustRecordContents } from '../inventory/record-format.ts';
import {
  type AnonymousChange,
  verifySeen,
  notLookedAt,
  type SeenChange,
  type SeenVerdicts,
} from '../inventory/verify-seen.ts';

/** Clients of one kind that are shown to a person. */
const maxShown = 100;

export type AgainstOptions = {
  /** As the user named the record. */
  readonly where: string;
  readonly days: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
};

export type Against = {
  readonly verdicts: SeenVerdicts;
  readonly breaks: boolean;
  readonly since: number;
  /** Undefined where the record is of one gateway. */
  readonly seenAt?: MergedRecord['seenAt'] | undefined;
};

/** `crls`: what is known of revocation. Throws where the configuration cannot be compiled. */
export function verifyAgainst(
  loaded: LoadedRules,
  crls: CrlLookup,
  record: TrustRecordContents,
  { days, now }: Pick<AgainstOptions, 'days' | 'now'>,
): Against {
  const policies = compilePolicies(loaded, randomBytes(48), crls);
  const verdicts = verifySeen(record, { policies, now, sinceMs: now - days * dayMs });
  const breaks = verdicts.refused.length + verdicts.anonymousRefused.length > 0;
  return { verdicts, breaks, since: record.since };
}

/** Lines for a person. */
export function printAgainst({ verdicts, since, seenAt }: Against, { where, days, now }: AgainstOptions): string[] {
  const { refused, admitted, changed, undecided, anonymousRefused, anonymousAdmitted, identities, expired } = verdicts;
  const young = since > now - days * dayMs ? `, which began on ${when(since)}` : '';
  const describe = (one: SeenChange, what: string): string[] => describeChange(one, what, seenAt?.(one.client));
  const lines = [`against ${escapeForLog(where)}: the last ${days} days of the record${young}`, ''];
  addSection(lines, 'would be refused, were let in', refused, (one) => describe(one, refusal(one)));
  addSection(lines, 'clients without a certificate that would be refused', anonymousRefused, describeAnonymous);
  addSection(lines, 'would be let in, were refused', admitted, (one) =>
    describe(one, `was refused with ${refusal(one)}`),
  );
  addSection(lines, 'clients without a certificate that would be let in', anonymousAdmitted, describeAnonymous);
  addSection(lines, 'would be let in as before, with a change', changed, (one) =>
    describe(one, escapeForLog(one.result.detail)),
  );
  addSection(lines, 'cannot be said', undecided, (one) => describe(one, escapeForLog(one.result.detail)));
  lines.push(`not looked at: ${notLookedAt.join('; ')}`);
  const gone = expired === 0 ? '' : ` (${expired} more have expired since)`;
  const anonymous = anonymousRefused.length === 0 ? '' : `, and clients without a certificate`;
  const victims = new Set(refused.map(({ client }) => client)).size;
  lines.push(`${victims} of ${identities - expired} identities that were seen${gone} would be locked out${anonymous}`);
  return lines;
}

function addSection<T>(lines: string[], title: string, all: readonly T[], describe: (one: T) => string[]): void {
  if (all.length === 0) return;
  lines.push(`${title}: ${all.length}`);
  for (const one of all.slice(0, maxShown)) lines.push(...describe(one).map((line) => `  ${line}`));
  if (all.length > maxShown) lines.push(`  … and ${all.length - maxShown} more (--json has all)`);
  lines.push('');
}

function refusal({ result }: SeenChange | AnonymousChange): string {
  return `${escapeForLog(result.code)}: ${escapeForLog(result.detail, 400)}`;
}

function describeChange(
  { client, policy, serverNames }: SeenChange,
  what: string,
  seenAt: readonly SeenAt[] | undefined,
): string[] {
  const { lastSeen, accepted, refused, sha256 } = client;
  const under = policy === '' ? 'no policy' : `policy ${escapeForLog(policy)}`;
  const where =
    seenAt === undefined
      ? ''
      : ` (at ${gatewaysOf(seenAt)
          .map((name) => escapeForLog(name))
          .join(', ')})`;
  return [
    nameOf(client),
    `  ${what}`,
    `  ${under} (${namesText(serverNames)}), last seen ${when(lastSeen)}${where}, ${accepted + refused} handshakes, certificate ${sha256.slice(0, 16)}…`,
  ];
}

function gatewaysOf(seenAt: readonly SeenAt[]): string[] {
  return seenAt.map(({ gateway }) => gateway);
}

function describeAnonymous({ client, policy, result }: AnonymousChange): string[] {
  const { serverName, accepted, refused, lastSeen } = client;
  const under = policy === '' ? 'no policy' : `policy ${escapeForLog(policy)}`;
  const why = result.detail === '' ? '' : `: ${escapeForLog(result.code)}: ${escapeForLog(result.detail)}`;
  return [`${under} (${namesText([serverName])})${why}; ${accepted + refused} handshakes, last seen ${when(lastSeen)}`];
}

/** Subject and names, escaped. */
export function nameOf({ subject, sha256, sans }: SeenIdentity): string {
  const who = subject === '' ? `certificate ${sha256.slice(0, 16)}…` : escapeForLog(subject);
  if (sans.length === 0) return who;
  return `${who} (${describeSans(sans.map(({ type, value, oid }) => ({ type, value, ...(oid === undefined ? {} : { oid }) })))})`;
}

function namesText(names: readonly (string | null)[]): string {
  return names.map((name) => (name === null ? 'no server name' : escapeForLog(name))).join(', ');
}

/** To the minute, UTC. */
export function when(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** The value of `against` in the JSON of `check`. */
export function againstToJson({ verdicts, breaks, since, seenAt }: Against, { where, days }: AgainstOptions): object {
  const { refused, admitted, changed, undecided, anonymousRefused, anonymousAdmitted, identities, expired } = verdicts;
  const identity = ({ client, policy, serverNames, result }: SeenChange): object => {
    const { subject, issuer, serial, sans, sha256, notAfter, accepted, refused: denied, firstSeen, lastSeen } = client;
    return {
      subject,
      issuer,
      serial,
      sans,
      sha256,
      notAfter,
      serverNames,
      firstSeen,
      lastSeen,
      ...(seenAt && { gateways: gatewaysOf(seenAt(client)) }),
      handshakes: accepted + denied,
      policyBefore: client.policy,
      policy,
      was: client.code,
      code: result.code,
      detail: result.detail,
    };
  };
  const anonymous = ({ client, policy, result }: AnonymousChange): object => {
    const { serverName, version, accepted, refused: denied, lastSeen } = client;
    return {
      serverName,
      version,
      handshakes: accepted + denied,
      lastSeen,
      policyBefore: client.policy,
      policy,
      code: result.code,
      detail: result.detail,
    };
  };
  return {
    source: where,
    since,
    days,
    identities,
    expired,
    breaks,
    refused: refused.map(identity),
    admitted: admitted.map(identity),
    changed: changed.map(identity),
    undecided: undecided.map(identity),
    anonymousRefused: anonymousRefused.map(anonymous),
    anonymousAdmitted: anonymousAdmitted.map(anonymous),
    notLookedAt,
  };
}
