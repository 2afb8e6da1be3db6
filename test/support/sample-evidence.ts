// What a control process could know of a small gateway: its configuration, what its workers say, who was seen; and the same with
// changes, for what is read off it.
import { X509Certificate } from 'node:crypto';
import { readFacts } from '../../src/certs/facts-reader.ts';
import { mintCa } from '../../src/certs/test-ca.ts';
import type { ClientsSeen } from '../../src/control/clients-seen.ts';
import { Evidence } from '../../src/control/evidence.ts';
import type { GatewayStatus } from '../../src/control/gateway-status.ts';
import type { ConfigView } from '../../src/control/view.ts';

export function sampleClients(now: number): ClientsSeen {
  const client = {
    policy: 'gateway',
    issuer: 'CN=sample CA',
    serial: '02',
    sans: ['DNS:alice.test'],
    notAfter: now + 86_400_000,
    serverNames: ['shop.test'],
    firstSeen: now - 7_200_000,
    version: 'TLSv1.3',
  };
  const lastSeen = now - 3_600_000;
  return {
    at: now,
    since: now - 86_400_000,
    gateways: [{ name: 'gateway-1', since: now - 86_400_000, written: now }],
    identities: [
      {
        ...client,
        sha256: 'b'.repeat(64),
        subject: 'CN=alice',
        lastSeen,
        lastAccepted: lastSeen,
        accepted: 5,
        refused: 0,
        code: 'ok',
        detail: '',
        seenAt: [{ gateway: 'gateway-1', lastSeen, lastAccepted: lastSeen }],
      },
      {
        ...client,
        sha256: 'c'.repeat(64),
        subject: 'CN=stranger',
        issuer: 'CN=other CA',
        lastSeen: lastSeen - 1,
        lastAccepted: null,
        accepted: 0,
        refused: 2,
        code: 'untrusted_issuer',
        detail: 'the issuer "CN=other CA" is not among the CAs',
        seenAt: [{ gateway: 'gateway-1', lastSeen: lastSeen - 1, lastAccepted: null }],
      },
    ],
    identityCount: 2,
    anonymous: [
      { policy: 'gateway', serverName: null, accepted: 0, refused: 1, firstSeen: now - 5, lastSeen: now - 5 },
    ],
    matched: [{ policy: 'gateway', sha256: 'b'.repeat(64), rule: { type: 'DNS', suffix: '.test' } }],
  };
}

export function sampleStatus(now: number): GatewayStatus {
  return {
    at: now,
    generation: 1,
    revision: 7,
    since: now - 60_000,
    refused: null,
    store: { up: true, revision: 7, digest: 'd'.repeat(64), readAt: now, problem: null },
    workers: [{ slot: 0, pid: 4711, serving: true, generation: 1 }],
    control: { endedAt: [] },
    certificates: [{ sha256: 'a'.repeat(64), serial: '01' }],
    certificateCount: 1,
    sources: [],
    backends: [{ route: 'orders', label: 'orders.test:8443', state: 'up', since: now - 5_000, down: null }],
    revocation: [],
    ports: { webSecure: 8443 },
    drift: [],
    handshakes: [
      { label: 'orders.test:8443', ok: { at: now - 2_000, version: 'TLSv1.3' }, failure: null, shown: null },
    ],
  };
}

async function sampleView(): Promise<ConfigView> {
  const ca = await mintCa({ cn: 'sample CA' });
  const pair = await ca.issue({ kind: 'client', cn: 'gateway', sans: ['gateway.test'] });
  const leaf = readFacts(new X509Certificate(pair.certPem).raw);
  const { subject, sha256, notBefore, notAfter } = leaf;
  const shown = { id: 'gateway-client', subject, sha256, names: ['gateway.test'], notBefore, notAfter };
  const origin = { kind: 'file', place: { file: 'gateway.yml', line: 12 } } as const;
  const service = { kind: 'services', id: 'orders' } as const;
  return {
    generation: 1,
    revision: 7,
    digest: '0'.repeat(64),
    certificates: [
      { id: 'gateway-client', origin, source: null, chainPem: pair.certPem, usedBy: [service] },
      { id: 'spare', origin: { kind: 'store', revision: 7 }, source: null, chainPem: pair.certPem, usedBy: [] },
    ],
    caBundles: [{ id: 'internal', origin, source: null, caPem: [ca.certPem], usedBy: [service] }],
    services: [
      {
        id: 'orders',
        origin,
        source: 'dns',
        protocol: 'auto',
        addresses: [{ address: 'orders.test:8443', weight: 0, backup: false }],
        tls: {
          mode: 'mtls',
          certificateId: 'gateway-client',
          caBundle: 'internal',
          serverName: null,
          verified: true,
          notVerifiedBecause: null,
          nameCheck: 'san',
          minVersion: 'TLSv1.2',
          maxVersion: 'TLSv1.3',
          allowedSANs: [{ type: 'DNS', suffix: '.test' }],
          allowedFingerprints: null,
          allowedSPKI: null,
          crl: false,
        },
        healthCheck: null,
        usedBy: [{ kind: 'routes', id: 'orders' }],
      },
    ],
    routes: [
      {
        id: 'orders',
        origin,
        hosts: ['shop.test'],
        path: '/orders',
        methods: [],
        priority: 0,
        service: 'orders',
        backends: ['https://orders.test:8443'],
        middlewares: [{ name: 'limit', type: 'rateLimit' }],
        requiresClientCertificate: null,
      },
    ],
    policies: [
      {
        id: 'gateway',
        origin,
        hosts: [],
        clientCertificate: 'required',
        caBundles: ['internal'],
        certificates: [],
        shows: [shown],
        minVersion: 'TLSv1.2',
        maxVersion: 'TLSv1.3',
        allowedSANs: null,
        allowedFingerprints: null,
        allowedSPKI: null,
        trustDomains: [],
        crl: false,
        ocsp: null,
      },
    ],
    targets: [
      {
        id: 'orders',
        service: 'orders',
        route: 'orders',
        mode: 'mtls',
        verified: true,
        shows: shown,
        caBundle: 'internal',
        serverName: null,
        addresses: ['orders.test:8443'],
        allowedSANs: null,
        allowedFingerprints: null,
        allowedSPKI: null,
        crl: false,
      },
    ],
    relations: [{ id: 'gateway~orders', policy: 'gateway', target: 'orders', routes: ['orders'] }],
    listeners: [{ name: 'webSecure', host: '0.0.0.0', port: 8443, tls: true, proxyProtocol: false }],
    expiries: [],
    middlewares: [],
    alertReceivers: [],
  };
}

export type SampleChanges = {
  readonly status?: Partial<GatewayStatus>;
  /** The client that was let in was refused last, for this reason. */
  readonly regressed?: string;
  /** Other certificates, by id. */
  readonly chains?: Readonly<Record<string, string>>;
  /** How much later than now it is. */
  readonly aheadMs?: number;
  /** So many services more, all down. */
  readonly copies?: number;
};

/** What is known of the sample, with changes. */
export async function sampleEvidence(changes: SampleChanges = {}): Promise<Evidence> {
  const { aheadMs = 0, chains = {}, copies = 0 } = changes;
  const now = Date.now() + aheadMs;
  const view = await sampleView();
  const clients = sampleClients(now);
  const { regressed } = changes;
  const identities = clients.identities.map((one) =>
    regressed === undefined || one.lastAccepted === null ? one : { ...one, code: regressed },
  );
  const certificates = view.certificates.map((one) => ({ ...one, chainPem: chains[one.id] ?? one.chainPem }));
  const [target] = view.targets;
  const more = Array.from({ length: target === undefined ? 0 : copies }, (_, i) => ({
    ...target,
    id: `copy-${i}`,
    route: `copy-${i}`,
  }));
  const status = { ...sampleStatus(now), ...changes.status };
  const backends = more.map(({ route }) => ({
    route,
    label: 'orders.test:8443',
    state: 'down' as const,
    since: now,
    down: { code: 'refused', detail: '', help: '' },
  }));
  const isShownAnew = Object.keys(chains).length > 0;
  return new Evidence(
    {
      ...view,
      certificates,
      targets: [
        ...view.targets.map((one) => (isShownAnew ? { ...one, shows: null } : one)),
        ...(more as typeof view.targets),
      ],
      relations: [
        ...(copies > 0 ? [] : view.relations),
        ...more.map(({ id }) => ({ id: `gateway~${id}`, policy: 'gateway', target: id, routes: [id] })),
      ],
      caBundles: isShownAnew ? [] : view.caBundles,
      policies: view.policies.map((one) => (isShownAnew ? { ...one, shows: [] } : one)),
    },
    { ...status, backends: [...status.backends, ...backends] },
    { ...clients, identities },
    now,
  );
}
