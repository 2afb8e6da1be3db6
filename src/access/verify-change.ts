// Who of those seen lately would be refused or let in after a change, and is not by what is in force.
import { randomBytes } from 'node:crypto';
import { dayMs } from '../base/clock.ts';
import type { CrlLookup } from '../crl/subscriber.ts';
import { compilePolicies } from '../gateway/compile-policies.ts';
import type { TrustRecordContents } from '../inventory/record-format.ts';
import { type SeenVerdicts, verifySeen } from '../inventory/verify-seen.ts';
import type { LoadedConfig } from '../loading/loaded.ts';

/** A configuration with the CRLs that it has. */
export type InForce = { readonly loaded: LoadedConfig; readonly crls: CrlLookup };
/** Clients that came, and how many days back they count. */
export type SeenLately = { readonly record: TrustRecordContents; readonly days: number };

type Sides = { readonly before: InForce | undefined; readonly after: InForce; readonly now: number };

/** Who was refused by an earlier change already, and has not come since, is not cut off by this one. */
export function verifyChange({ record, days }: SeenLately, { before, after, now }: Sides): SeenVerdicts {
  const verify = ({ loaded, crls }: InForce, of: TrustRecordContents): SeenVerdicts => {
    const policies = compilePolicies(loaded, randomBytes(48), crls);
    return verifySeen(of, { policies, now, sinceMs: now - days * dayMs });
  };
  const verdicts = verify(after, record);
  if (before === undefined) return verdicts;
  const { refused, admitted, changed, anonymousRefused, anonymousAdmitted } = verdicts;
  const identities = [...new Set([...refused, ...admitted, ...changed].map(({ client }) => client))];
  const anonymous = [...anonymousRefused, ...anonymousAdmitted].map(({ client }) => client);
  if (identities.length + anonymous.length === 0) return verdicts;
  const known = verify(before, { ...record, identities, anonymous });
  return {
    ...verdicts,
    refused: without(refused, known.refused),
    admitted: without(admitted, known.admitted),
    changed: without(changed, known.changed),
    anonymousRefused: without(anonymousRefused, known.anonymousRefused),
    anonymousAdmitted: without(anonymousAdmitted, known.anonymousAdmitted),
  };
}

type Verdict = { readonly client: object; readonly serverNames?: readonly (string | null)[] };

/** By client and server names: under which policy is another matter. */
function without<T extends Verdict>(verdicts: readonly T[], known: readonly Verdict[]): T[] {
  const keep = new Map<object, Set<string | null>>();
  for (const { client, serverNames = [''] } of known) {
    const names = keep.get(client) ?? new Set();
    for (const name of serverNames) names.add(name);
    keep.set(client, names);
  }
  return verdicts.filter(({ client, serverNames = [''] }) => {
    const names = keep.get(client);
    return names === undefined || serverNames.some((name) => !names.has(name));
  });
}
