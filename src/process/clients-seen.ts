// The clients that were seen, for the control process: the record of clients, cut and escaped. Nothing of it is a secret; the
// certificates themselves stay here.
import { escapeForLog } from '../base/log-text.ts';
import { readFacts } from '../certs/facts-reader.ts';
import type { ClientSeen, ClientsSeen } from '../control/clients-seen.ts';
import { showRule } from '../control/show-service.ts';
import type { SeenIdentity } from '../inventory/record-format.ts';
import type { MergedRecord } from '../inventory/merge-records.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import { SanRules } from '../trust/san-rule.ts';

const maxIdentities = 2_000;
const maxAnonymous = 500;
const maxText = 256;
const maxSans = 10;

export function readClientsSeen(record: MergedRecord | undefined, loaded: LoadedConfig, now: number): ClientsSeen {
  if (record === undefined)
    return { at: now, since: null, gateways: [], identities: [], identityCount: 0, anonymous: [], matched: [] };
  const { contents } = record;
  const identities = contents.identities.toSorted((a, b) => b.lastSeen - a.lastSeen);
  return {
    at: now,
    since: contents.since,
    gateways: record.gateways,
    identities: identities.slice(0, maxIdentities).map((one) => showIdentity(one, record)),
    identityCount: identities.length,
    anonymous: contents.anonymous
      .toSorted((a, b) => b.lastSeen - a.lastSeen)
      .slice(0, maxAnonymous)
      .map(({ policy, serverName, accepted, refused, firstSeen, lastSeen }) => ({
        policy,
        serverName: serverName === null ? null : escapeForLog(serverName, maxText),
        accepted,
        refused,
        firstSeen,
        lastSeen,
      })),
    matched: loaded.policies.flatMap(({ config }) => {
      const accepted = identities.filter(({ policy, lastAccepted }) => policy === config.name && lastAccepted !== null);
      const latest = accepted.reduce<SeenIdentity | undefined>(
        (best, one) => ((best?.lastAccepted ?? 0) >= (one.lastAccepted ?? 0) ? best : one),
        undefined,
      );
      if (latest === undefined) return [];
      return [{ policy: config.name, sha256: latest.sha256, rule: findRule(latest, config.clientAuth?.allowedSANs) }];
    }),
  };
}

type Rules = NonNullable<LoadedConfig['policies'][number]['config']['clientAuth']>['allowedSANs'];

function findRule({ leaf }: SeenIdentity, rules: Rules): ReturnType<typeof showRule> | null {
  if (rules === undefined || leaf === null) return null;
  const found = new SanRules(rules).find(readFacts(Buffer.from(leaf, 'base64')));
  return found === undefined ? null : showRule(found);
}

function showIdentity(identity: SeenIdentity, record: MergedRecord): ClientSeen {
  const { policy, sha256, subject, issuer, serial, sans, notAfter, serverNames, code, detail, version } = identity;
  const { firstSeen, lastSeen, lastAccepted, accepted, refused } = identity;
  return {
    policy,
    sha256,
    subject: escapeForLog(subject, maxText),
    issuer: escapeForLog(issuer, maxText),
    serial,
    sans: sans.slice(0, maxSans).map(({ type, value }) => `${type}:${escapeForLog(value, maxText)}`),
    notAfter,
    serverNames: serverNames.map((name) => (name === null ? null : escapeForLog(name, maxText))),
    firstSeen,
    lastSeen,
    lastAccepted,
    accepted,
    refused,
    code,
    detail: escapeForLog(detail, 2 * maxText),
    version,
    seenAt: record.seenAt(identity),
  };
}
