// What other rules would do to the clients that were seen: each verified by the code that verifies at the handshake, under the
// policy that its server names would have. Says only what changes; what it cannot know is listed, not guessed.
import type { SeenAnonymous } from './anonymous.ts';
import type { TrustPolicy } from '../downstream/trust-policy.ts';
import { verifyPresented } from '../trust/verify-presented.ts';
import type { PolicyTable } from '../downstream/policy-table.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { type VerificationResult, refuseUnreadable } from '../trust/certificate-checks.ts';
import type { SeenIdentity, TrustRecordContents } from './record-format.ts';

/** One client under one policy of the new rules. */
export type SeenChange = {
  readonly client: SeenIdentity;
  /** '' where the server names would have none. */
  readonly policy: string;
  /** Those of its server names that it is about; null: none was sent. */
  readonly serverNames: readonly (string | null)[];
  readonly result: VerificationResult;
};

export type AnonymousChange = {
  readonly client: SeenAnonymous;
  readonly policy: string;
  readonly result: VerificationResult;
};

export type SeenVerdicts = {
  /** Let in the last time, and would not be. */
  readonly refused: readonly SeenChange[];
  /** Refused the last time, and would be let in. */
  readonly admitted: readonly SeenChange[];
  /** Let in before and after, under another policy or without being asked for a certificate: `result` says which. */
  readonly changed: readonly SeenChange[];
  /** What would become of them hangs on something that is not known here. */
  readonly undecided: readonly SeenChange[];
  readonly anonymousRefused: readonly AnonymousChange[];
  readonly anonymousAdmitted: readonly AnonymousChange[];
  /** Clients that were looked at, with a certificate. */
  readonly identities: number;
  /** Of those, whose certificate has run out since: no configuration lets them in. */
  readonly expired: number;
};

/** What this result does not look at; each is a reason why a client may be refused that is not named here. */
export const notLookedAt: readonly string[] = [
  'rules of routes (security.clientCert): they are judged per request',
  'OCSP: nobody is asked',
  'name constraints and certificate policies of CAs',
  'certificates that a client sent and its chain did not need',
  'cipher suites, curves and signature algorithms',
];

type Rules = { readonly policies: PolicyTable; readonly now: number; readonly sinceMs: number };

/** `sinceMs`: clients seen last before it are left out; both milliseconds since the epoch. */
export function verifySeen(record: TrustRecordContents, dependencies: Rules): SeenVerdicts {
  const refused: SeenChange[] = [];
  const admitted: SeenChange[] = [];
  const changed: SeenChange[] = [];
  const undecided: SeenChange[] = [];
  const recent = record.identities.filter(({ lastSeen }) => lastSeen >= dependencies.sinceMs);
  const living = recent.filter(({ notAfter, leaf }) => leaf === null || notAfter >= dependencies.now);
  for (const client of living) {
    const above = client.above.map((sha256) => record.intermediates[sha256]);
    for (const [policy, serverNames] of groupNames(client.serverNames, dependencies.policies)) {
      const found = verifyClient(client, above, policy, dependencies.now);
      const change = (result: VerificationResult): SeenChange => ({
        client,
        policy: policy?.name ?? '',
        serverNames,
        result,
      });
      const wasIn = client.code === 'ok';
      if (found === 'unknown') undecided.push(change({ code: client.code, detail: 'its certificate was not kept' }));
      else if (found === undefined && !wasIn && hangsOnOcsp(client, policy)) {
        undecided.push(change({ code: client.code, detail: 'OCSP decides, which is not asked here' }));
      } else if (found === undefined && !wasIn) admitted.push(change({ code: client.code, detail: client.detail }));
      else if (typeof found === 'object' && wasIn) refused.push(change(found));
      else if (found === undefined && policy !== undefined) {
        const detail = describeChange(client, policy);
        if (detail !== undefined) changed.push(change({ code: 'ok', detail }));
      }
    }
  }
  return {
    refused,
    admitted,
    changed,
    undecided,
    ...verifyAnonymous(record.anonymous, dependencies),
    identities: recent.length,
    expired: recent.length - living.length,
  };
}

function groupNames(
  names: readonly (string | null)[],
  policies: PolicyTable,
): Map<TrustPolicy | undefined, (string | null)[]> {
  const groups = new Map<TrustPolicy | undefined, (string | null)[]>();
  for (const name of names) {
    const policy = policies.find(name ?? undefined);
    const group = groups.get(policy);
    if (group === undefined) groups.set(policy, [name]);
    else group.push(name);
  }
  return groups;
}

/** undefined where it would be let in. */
function verifyClient(
  client: SeenIdentity,
  above: readonly (string | undefined)[],
  policy: TrustPolicy | undefined,
  now: number,
): VerificationResult | 'unknown' | undefined {
  const terms = verifyTerms(client.version, policy);
  if (terms !== undefined || policy === undefined) return terms;
  const { trust, clientAuth } = policy;
  if (trust === undefined || clientAuth === undefined) return undefined;
  if (client.leaf === null) return 'unknown';
  try {
    const facts = [client.leaf, ...above].flatMap((der) =>
      der === undefined ? [] : [readFacts(Buffer.from(der, 'base64'))],
    );
    const [leaf, ...rest] = facts as [CertificateFacts, ...CertificateFacts[]];
    if (leaf.sha256 !== client.sha256) return 'unknown';
    return verifyPresented(
      [leaf, ...rest],
      { trust, maxDepth: clientAuth.maxDepth, revocations: trust.revocations },
      now,
    );
  } catch (error) {
    return refuseUnreadable(error);
  }
}

function verifyTerms(version: string, policy: TrustPolicy | undefined): VerificationResult | undefined {
  if (policy === undefined)
    return { code: 'unknown_sni', detail: 'no policy has its server name, and none is the default' };
  // 'TLSv1.2' and 'TLSv1.3' compare as text. What it could speak beyond the last time is not known.
  if (version >= policy.minVersion) return undefined;
  return { code: 'protocol_mismatch', detail: `it spoke ${version}, the policy begins with ${policy.minVersion}` };
}

function hangsOnOcsp({ code }: SeenIdentity, policy: TrustPolicy | undefined): boolean {
  return policy?.ocsp !== undefined && (code === 'revoked' || code === 'revocation_unknown');
}

function describeChange(client: SeenIdentity, policy: TrustPolicy): string | undefined {
  if (client.code !== 'ok') return undefined;
  if (policy.clientAuth === undefined) return `policy ${policy.name} asks for no certificate: it would be anonymous`;
  return policy.name === client.policy ? undefined : `from policy ${client.policy} to ${policy.name}`;
}

function verifyAnonymous(
  seen: readonly SeenAnonymous[],
  { policies, sinceMs }: Rules,
): Pick<SeenVerdicts, 'anonymousRefused' | 'anonymousAdmitted'> {
  const anonymousRefused: AnonymousChange[] = [];
  const anonymousAdmitted: AnonymousChange[] = [];
  for (const client of seen) {
    if (client.lastSeen < sinceMs) continue;
    const policy = policies.find(client.serverName ?? undefined);
    const result =
      verifyTerms(client.version, policy) ??
      (policy?.clientAuth?.required === true
        ? ({ code: 'no_client_cert', detail: 'the policy requires a client certificate' } as const)
        : undefined);
    // Let in last as long as nobody was refused after: counts of a time before a reload say nothing.
    const wasIn = client.lastAccepted !== null && client.lastAccepted >= client.lastSeen;
    const about = { client, policy: policy?.name ?? '' };
    if (result !== undefined && wasIn) anonymousRefused.push({ ...about, result });
    else if (result === undefined && !wasIn)
      anonymousAdmitted.push({ ...about, result: { code: 'no_client_cert', detail: '' } });
  }
  return { anonymousRefused, anonymousAdmitted };
}
