// One trust relation, client → gateway → backend, as two locks: on each leg who shows what, who checks it by what, which name or
// rule matched, how it went last; and what cannot be known from here, which is said and not guessed.
import { z } from 'zod';
import type { Evidence } from './evidence.ts';
import { failureOf, seenFailure } from './seen-failure.ts';
import { identityRules } from './service-shape.ts';
import { expiryState, expiryStateOf, shownPair, showPair } from './shown-pair.ts';
import { timeOf } from './times.ts';
import type { PolicyView, RelationView, TargetView } from './view.ts';
import { matchedName } from './matched-name.ts';

const time = z.iso.datetime();

const legState = z
  .enum(['holds', 'failing', 'unknown', 'none'])
  .describe('unknown: nothing was seen yet. none: this leg is plain text, nothing is shown or checked.');

const peerCertificate = z.strictObject({
  at: time.describe('When it was seen last.'),
  subject: z.string(),
  issuer: z.string(),
  sha256: z.string(),
  sans: z.array(z.string()).describe('`TYPE:value`, the first ten.'),
  notAfter: time,
  state: expiryState,
});

const leg = z.strictObject({
  state: legState,
  mode: z.enum(['off', 'optional', 'required', 'tls', 'mtls', 'plain']),
  gatewayShows: z.array(shownPair).describe('Ours. Empty: nothing is shown.'),
  peerShows: peerCertificate.nullable().describe('Theirs, the one that was let in last.'),
  gatewayChecks: z
    .strictObject({
      caBundles: z.array(z.string()).describe('Ids, or `system`; empty: CAs without an id.'),
      name: z.string().nullable().describe('That their certificate must have.'),
      ...identityRules,
      crl: z.boolean(),
      ocsp: z.enum(['soft', 'hard']).nullable(),
      verified: z.boolean().describe('False: whatever they show is taken.'),
    })
    .nullable()
    .describe('Null: nothing is asked for.'),
  matched: z
    .strictObject({ kind: z.enum(['name', 'rule']), text: z.string() })
    .nullable()
    .describe('What of the certificate that was let in last fits.'),
  lastOk: z.strictObject({ at: time, version: z.string() }).nullable(),
  lastFailure: seenFailure.nullable(),
  unknown: z
    .array(z.strictObject({ field: z.string(), reason: z.string() }))
    .describe('What cannot be known from here, and why.'),
});
export type Leg = z.output<typeof leg>;

export const relationSchema = z.strictObject({
  id: z.string(),
  policy: z.string(),
  target: z.string().describe('A service; `route:NAME` for a route that names none.'),
  service: z.string().nullable(),
  routes: z.array(z.string()),
  state: legState,
  client: leg,
  backend: leg.extend({
    addresses: z.array(
      z.strictObject({
        address: z.string(),
        state: z.enum(['up', 'partly', 'down', 'unknown']),
        lastOk: time.nullable(),
        lastFailure: seenFailure.nullable(),
      }),
    ),
  }),
});
export type RelationShown = z.output<typeof relationSchema>;

/** Undefined where the configuration does not have its ends any more. */
export function showRelation({ id, policy, target, routes }: RelationView, seen: Evidence): RelationShown | undefined {
  const policyView = seen.policies.get(policy);
  const targetView = seen.targets.get(target);
  if (policyView === undefined || targetView === undefined) return undefined;
  const client = clientLeg(policyView, seen);
  const backend = backendLeg(targetView, seen);
  const states = [client.state, backend.state];
  const state = states.includes('failing') ? 'failing' : states.includes('unknown') ? 'unknown' : 'holds';
  return { id, policy, target, service: targetView.service, routes: [...routes], state, client, backend };
}

export function clientLeg(policy: PolicyView, seen: Evidence): Leg {
  const { now, clients } = seen;
  const own = seen.clientsOf(policy.id);
  const accepted = own.filter(({ lastAccepted }) => lastAccepted !== null);
  const latest = accepted.reduce<(typeof accepted)[number] | undefined>(
    (best, one) => ((best?.lastAccepted ?? 0) >= (one.lastAccepted ?? 0) ? best : one),
    undefined,
  );
  const refused = own.find(({ code }) => code !== 'ok');
  const gatewayShows = policy.shows.map((pair) => showPair(pair, now));
  const anonymous = clients.anonymous.find((one) => one.policy === policy.id && one.accepted > 0);
  const lastAt = Math.max(latest?.lastAccepted ?? 0, anonymous?.lastSeen ?? 0);
  const rule = clients.matched.find((one) => one.policy === policy.id)?.rule;
  const isFailing = gatewayShows.some(({ state }) => state === 'expired') || seen.regressed(policy.id).length > 0;
  const asks = policy.clientCertificate !== 'off';
  return {
    state: !seen.servesTls ? 'none' : isFailing ? 'failing' : lastAt === 0 ? 'unknown' : 'holds',
    mode: seen.servesTls ? policy.clientCertificate : 'plain',
    gatewayShows,
    peerShows: latest === undefined ? null : showClient(latest, now),
    gatewayChecks: asks
      ? {
          caBundles: [...policy.caBundles],
          name: null,
          allowedSANs: policy.allowedSANs?.map((one) => ({ ...one })) ?? null,
          allowedFingerprints: policy.allowedFingerprints && [...policy.allowedFingerprints],
          allowedSPKI: policy.allowedSPKI && [...policy.allowedSPKI],
          crl: policy.crl,
          ocsp: policy.ocsp,
          verified: true,
        }
      : null,
    matched: rule === null || rule === undefined ? null : { kind: 'rule', text: JSON.stringify(rule) },
    lastOk: lastAt === 0 ? null : { at: timeOf(lastAt), version: latest?.version ?? '' },
    lastFailure:
      refused === undefined ? null : failureOf({ at: refused.lastSeen, ...refused, who: refused.subject }, 'client'),
    unknown: clientUnknown(policy, seen, lastAt === 0),
  };
}

function clientUnknown(policy: PolicyView, { clients, servesTls }: Evidence, isUnseen: boolean): Leg['unknown'] {
  if (!servesTls) return [];
  const unknown = [
    {
      field: 'peerChecks',
      reason: 'Which CAs a client trusts it does not tell: what is seen is that it went on after our certificate.',
    },
  ];
  if (clients.since === null) {
    const reason = 'No record of clients is kept (gateway.trustRecord.enabled: false).';
    return [...unknown, { field: 'peerShows', reason }, { field: 'lastOk', reason }];
  }
  const since = timeOf(clients.since);
  if (isUnseen) unknown.push({ field: 'lastOk', reason: `No client was let in by this policy since ${since}.` });
  else if (policy.clientCertificate === 'off')
    unknown.push({ field: 'peerShows', reason: 'No certificate is asked for.' });
  return unknown;
}

function showClient(
  client: {
    lastAccepted: number | null;
    subject: string;
    issuer: string;
    sha256: string;
    sans: readonly string[];
    notAfter: number;
  },
  now: number,
): Leg['peerShows'] {
  const { lastAccepted, subject, issuer, sha256, sans, notAfter } = client;
  return {
    at: timeOf(lastAccepted ?? 0),
    subject,
    issuer,
    sha256,
    sans: [...sans],
    notAfter: timeOf(notAfter),
    // When it began is not kept: what was let in had begun.
    state: now > notAfter ? 'expired' : 'valid',
  };
}

export function backendLeg(target: TargetView, seen: Evidence): RelationShown['backend'] {
  const { now } = seen;
  const isSecure = target.mode !== 'off';
  const addresses = target.addresses.map((address) => {
    const handshake = seen.handshakes.get(address);
    const failure = handshake?.failure ?? null;
    return {
      address,
      state: seen.backends.get(`${target.route}\n${address}`)?.state ?? ('unknown' as const),
      lastOk: handshake?.ok?.at ?? null,
      failure,
      // In the same millisecond: the handshake, and then the refusal that came over it.
      isFailing: failure !== null && failure.at >= (handshake?.ok?.at ?? 0),
      shown: handshake?.shown ?? null,
      version: handshake?.ok?.version ?? '',
    };
  });
  const ok = addresses.filter(({ lastOk }) => lastOk !== null).toSorted((a, b) => (b.lastOk ?? 0) - (a.lastOk ?? 0))[0];
  const failed = addresses.filter(({ failure }) => failure !== null);
  const failure = failed.toSorted((a, b) => (b.failure?.at ?? 0) - (a.failure?.at ?? 0))[0]?.failure;
  const shown =
    addresses.find((one) => one.shown !== null && one === ok)?.shown ?? addresses.find((one) => one.shown)?.shown;
  const gatewayShows = target.shows === null ? [] : [showPair(target.shows, now)];
  const isFailing =
    addresses.some((one) => one.isFailing || one.state === 'down') ||
    gatewayShows.some(({ state }) => state === 'expired');
  const name = target.serverName ?? (target.addresses.length === 1 ? hostOf(target.addresses[0] ?? '') : null);
  const matched = shown && name !== null && target.verified ? matchedName(shown.sans, name) : undefined;
  return {
    state: isFailing ? 'failing' : !isSecure ? 'none' : ok === undefined ? 'unknown' : 'holds',
    mode: target.mode,
    gatewayShows,
    peerShows: shown
      ? { ...pick(shown), at: timeOf(shown.at), notAfter: timeOf(shown.notAfter), state: expiryStateOf(shown, now) }
      : null,
    gatewayChecks: isSecure
      ? {
          caBundles: target.caBundle === null ? [] : [target.caBundle],
          name: target.verified ? name : null,
          allowedSANs: target.allowedSANs?.map((one) => ({ ...one })) ?? null,
          allowedFingerprints: target.allowedFingerprints && [...target.allowedFingerprints],
          allowedSPKI: target.allowedSPKI && [...target.allowedSPKI],
          crl: target.crl,
          ocsp: null,
          verified: target.verified,
        }
      : null,
    matched: matched === undefined ? null : { kind: 'name', text: matched },
    lastOk: ok === undefined ? null : { at: timeOf(ok.lastOk ?? 0), version: ok.version },
    lastFailure: failure ? failureOf(failure, 'backend') : null,
    unknown: isSecure ? backendUnknown(target, seen, ok === undefined, shown ?? undefined) : [],
    addresses: addresses.map(({ address, state, lastOk, failure: own }) => ({
      address,
      state,
      lastOk: lastOk === null ? null : timeOf(lastOk),
      lastFailure: own === null ? null : failureOf(own, 'backend'),
    })),
  };
}

function backendUnknown(
  target: TargetView,
  seen: Evidence,
  isUnseen: boolean,
  shown: object | undefined,
): Leg['unknown'] {
  const unknown = [
    {
      field: 'peerChecks',
      reason:
        target.mode === 'mtls'
          ? 'Whom the backend trusts it does not tell; a probe shows the CAs that it asks for.'
          : 'We show it no certificate; whether it asks for one a probe says.',
    },
  ];
  if (isUnseen) unknown.push({ field: 'lastOk', reason: 'No connection was made yet.' });
  else if (shown === undefined)
    unknown.push({ field: 'peerShows', reason: 'No certificate was seen on a connection of this run yet.' });
  if (target.addresses.some((address) => (seen.sharedBy.get(address) ?? 0) > 1))
    unknown.push({
      field: 'lastOk',
      reason: 'Others reach the same address: whose handshake was the last one is not told apart.',
    });
  return unknown;
}

function pick({
  subject,
  issuer,
  sha256,
  sans,
}: {
  subject: string;
  issuer: string;
  sha256: string;
  sans: readonly string[];
}) {
  return { subject, issuer, sha256, sans: [...sans] };
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':')).replace(/^\[(.*)\]$/, '$1');
}
