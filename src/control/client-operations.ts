// Who comes to the gateway: identities that were seen by policy, strangers among them, and what each listener shows and asks for.
import { z } from 'zod';
import { dayMs } from '../base/clock.ts';
import type { AnonymousSeen, ClientSeen } from './clients-seen.ts';
import { type Evidence, readEvidence } from './evidence.ts';
import { type Operation, operation } from './operation.ts';
import { cutPage, pageOf, pageQuery, showPage } from './pages.ts';
import { titleOfCode } from './seen-failure.ts';
import { expiryState, expiryStateOf, shownPair, showPair } from './shown-pair.ts';
import { timeOf } from './times.ts';

const time = z.iso.datetime();

const identity = z.strictObject({
  id: z.string().describe('Policy and certificate.'),
  policy: z.string(),
  sha256: z.string(),
  subject: z.string(),
  issuer: z.string(),
  serial: z.string(),
  sans: z.array(z.string()).describe('`TYPE:value`, the first ten.'),
  notAfter: time,
  serverNames: z.array(z.string().nullable()).describe('That it asked for, the latest last; null: none was sent.'),
  firstSeen: time,
  lastSeen: time,
  lastAccepted: time.nullable().describe('Null: never.'),
  accepted: z.int().describe('Handshakes, as long as it is in the record.'),
  refused: z.int(),
  stranger: z.boolean().describe('It was never let in.'),
  code: z.string().describe('How the last handshake ended: ok, or of the fault table.'),
  title: z.string(),
  detail: z.string(),
  version: z.string().describe('TLS version of the last handshake.'),
  seenAt: z
    .array(z.strictObject({ gateway: z.string(), lastSeen: time, lastAccepted: time.nullable() }))
    .describe('Which gateways saw it.'),
});

/** A policy may be called as anything; a cursor must find its place again. */
function showIdentity(one: ClientSeen): z.output<typeof identity> {
  const { notAfter, firstSeen, lastSeen, lastAccepted, code } = one;
  return {
    ...one,
    id: `${one.policy}~${one.sha256}`,
    sans: [...one.sans],
    serverNames: [...one.serverNames],
    notAfter: timeOf(notAfter),
    firstSeen: timeOf(firstSeen),
    lastSeen: timeOf(lastSeen),
    lastAccepted: lastAccepted === null ? null : timeOf(lastAccepted),
    stranger: lastAccepted === null,
    seenAt: one.seenAt.map((at) => ({
      gateway: at.gateway,
      lastSeen: timeOf(at.lastSeen),
      lastAccepted: at.lastAccepted === null ? null : timeOf(at.lastAccepted),
    })),
    title: code === 'ok' ? 'let in' : titleOfCode(code, 'client'),
  };
}

const within = { '24h': dayMs, '7d': 7 * dayMs, '30d': 30 * dayMs } as const;

const listIdentities = operation({
  id: 'listIdentities',
  method: 'GET',
  path: '/identities',
  act: 'identities.read',
  summary: 'Client certificates that were shown, let in or not, by policy, last seen first.',
  query: pageQuery.extend({
    within: z.enum(['24h', '7d', '30d']).default('7d'),
    policy: z.string().max(200).optional(),
    gateway: z.string().max(200).optional().describe('Seen by this one.'),
    kind: z.enum(['accepted', 'strangers']).optional().describe('strangers: never let in.'),
  }),
  answer: {
    status: 200,
    body: pageOf(identity).extend({
      since: time.nullable().describe('When the record began; null: none is kept (gateway.trustRecord).'),
      truncated: z.boolean().describe('There are more than the 2,000 that were seen last.'),
    }),
  },
  examples: [
    { name: 'of a week', status: 200 },
    { name: 'strangers of today', query: { within: '24h', kind: 'strangers', limit: '1' }, status: 200 },
    { name: 'another time', query: { within: '1y' }, status: 422 },
  ],
  run: async ({ context, query: { within: span, policy, gateway, kind, ...page } }) => {
    const clients = await context.clients();
    const from = context.clock.now() - within[span];
    const wanted = clients.identities
      .filter(
        (one) =>
          one.lastSeen >= from &&
          (policy === undefined || one.policy === policy) &&
          (gateway === undefined || one.seenAt.some((at) => at.gateway === gateway)) &&
          (kind === undefined || (one.lastAccepted === null) === (kind === 'strangers')),
      )
      .map(showIdentity);
    const shown = showPage('identities', cutPage('identities', wanted, page), (one) => one);
    const since = clients.since === null ? null : timeOf(clients.since);
    return { status: 200, body: { ...shown, since, truncated: clients.identityCount > clients.identities.length } };
  },
});

const seenCount = z.strictObject({ accepted: z.int(), refused: z.int() });

const listener = z.strictObject({
  id: z.string(),
  host: z.string(),
  port: z.int().describe('That is listened on.'),
  tls: z.boolean(),
  proxyProtocol: z.boolean(),
  policies: z.array(
    z.strictObject({
      id: z.string(),
      hosts: z.array(z.string()).describe('Server names; empty: every known one that no other policy has.'),
      clientCertificate: z.enum(['required', 'optional', 'off']),
      caBundles: z.array(z.string()),
      shows: z.array(shownPair),
      identities: z.strictObject({
        today: seenCount.describe('Certificates that were let in, and that were refused, in the last 24 hours.'),
        week: seenCount,
        anonymous: z
          .strictObject({ accepted: z.int(), refused: z.int() })
          .describe('Handshakes without a certificate.'),
        latest: z.array(z.strictObject({ subject: z.string(), issuer: z.string(), lastSeen: time, code: z.string() })),
      }),
    }),
  ),
});

const maxLatest = 5;

const listListeners = operation({
  id: 'listListeners',
  method: 'GET',
  path: '/listeners',
  act: 'config.read',
  summary:
    'Entry points; for each that speaks TLS the policies by server name: what clients are shown and asked for, who came.',
  query: pageQuery,
  answer: { status: 200, body: pageOf(listener) },
  examples: [{ name: 'all', status: 200 }],
  run: async ({ context, query }) => {
    const seen = await readEvidence(context);
    const { view, status } = seen;
    const policies = view.policies.map((policy) => ({
      id: policy.id,
      hosts: [...policy.hosts],
      clientCertificate: policy.clientCertificate,
      caBundles: [...policy.caBundles],
      shows: policy.shows.map((pair) => showPair(pair, seen.now)),
      identities: countIdentities(policy.id, seen),
    }));
    const all = view.listeners.map(({ name, host, port, tls, proxyProtocol }) => ({
      id: name,
      host,
      port: status.ports[name] ?? port,
      tls,
      proxyProtocol,
      // The server name alone decides, on each entry point alike.
      policies: tls ? policies : [],
    }));
    return { status: 200, body: showPage('listeners', cutPage('listeners', all, query), (one) => one) };
  },
});

function countIdentities(policy: string, seen: Evidence) {
  const own = seen.clientsOf(policy);
  const count = (ms: number): z.output<typeof seenCount> => {
    const recent = own.filter(({ lastSeen }) => lastSeen >= seen.now - ms);
    const accepted = recent.filter(({ lastAccepted }) => lastAccepted !== null && lastAccepted >= seen.now - ms).length;
    return { accepted, refused: recent.filter(({ code }) => code !== 'ok').length };
  };
  const anonymous = seen.clients.anonymous.filter((one) => one.policy === policy);
  const sum = (of: (one: AnonymousSeen) => number): number => anonymous.reduce((total, one) => total + of(one), 0);
  return {
    today: count(dayMs),
    week: count(7 * dayMs),
    anonymous: { accepted: sum(({ accepted }) => accepted), refused: sum(({ refused }) => refused) },
    latest: own.slice(0, maxLatest).map(({ subject, issuer, lastSeen, code }) => ({
      subject,
      issuer,
      lastSeen: timeOf(lastSeen),
      code,
    })),
  };
}

const seenCertificate = z.strictObject({
  id: z.string(),
  side: z.enum(['client', 'backend']),
  sha256: z.string(),
  subject: z.string(),
  issuer: z.string(),
  serial: z.string(),
  sans: z.array(z.string()),
  notAfter: time,
  state: expiryState,
  lastSeen: time,
  by: z.array(z.string()).describe('Policies to which it was shown, or addresses of backends that showed it.'),
  stranger: z.boolean().describe('A client showed it, and was never let in.'),
});
type SeenCertificate = z.output<typeof seenCertificate>;

const listSeenCertificates = operation({
  id: 'listSeenCertificates',
  method: 'GET',
  path: '/certificates-seen',
  act: 'identities.read',
  summary:
    'Certificates of others, as they were shown by clients and backends, strangers among them; what expires first stands first.',
  query: pageQuery.extend({ side: z.enum(['client', 'backend']).optional() }),
  answer: { status: 200, body: pageOf(seenCertificate) },
  examples: [
    { name: 'all', status: 200 },
    { name: 'of backends', query: { side: 'backend' }, status: 200 },
  ],
  run: async ({ context, query: { side, ...page } }) => {
    const seen = await readEvidence(context);
    const all = [...(side === 'backend' ? [] : ofClients(seen)), ...(side === 'client' ? [] : ofBackends(seen))];
    const sorted = all.toSorted((a, b) => Date.parse(a.notAfter) - Date.parse(b.notAfter));
    const shown = showPage('certificates-seen', cutPage('certificates-seen', sorted, page), (one) => one);
    return { status: 200, body: shown };
  },
});

function ofClients({ clients, now }: Evidence): SeenCertificate[] {
  const found = new Map<string, SeenCertificate>();
  for (const {
    sha256,
    subject,
    issuer,
    serial,
    sans,
    notAfter,
    lastSeen,
    lastAccepted,
    policy,
  } of clients.identities) {
    const known = found.get(sha256);
    found.set(sha256, {
      id: `client:${sha256}`,
      side: 'client',
      sha256,
      subject,
      issuer,
      serial,
      sans: [...sans],
      notAfter: timeOf(notAfter),
      // When it began is not kept.
      state: now > notAfter ? 'expired' : 'valid',
      lastSeen: known?.lastSeen ?? timeOf(lastSeen),
      by: [...(known?.by ?? []), policy],
      stranger: (known?.stranger ?? true) && lastAccepted === null,
    });
  }
  return [...found.values()];
}

function ofBackends({ handshakes, now }: Evidence): SeenCertificate[] {
  const found = new Map<string, SeenCertificate>();
  for (const { label, shown } of handshakes.values()) {
    if (shown === null) continue;
    const { sha256, subject, issuer, serial, sans, notAfter, at } = shown;
    const known = found.get(sha256);
    found.set(sha256, {
      id: `backend:${sha256}`,
      side: 'backend',
      sha256,
      subject,
      issuer,
      serial,
      sans: [...sans],
      notAfter: timeOf(notAfter),
      state: expiryStateOf(shown, now),
      lastSeen: timeOf(Math.max(at, known === undefined ? 0 : Date.parse(known.lastSeen))),
      by: [...(known?.by ?? []), label],
      stranger: false,
    });
  }
  return [...found.values()];
}

export const clientOperations: readonly Operation[] = [listIdentities, listListeners, listSeenCertificates];
