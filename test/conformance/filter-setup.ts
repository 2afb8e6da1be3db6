// A route with filters without a gateway: clients over plain TCP, the whole flow, a real backend. The filters are the test's
// own; what a configuration makes of them is for journeys to show.
import { ChallengeAnswers } from '../../src/acme/challenge-answers.ts';
import { EncoderBudget } from '../../src/filters/encoder-budget.ts';
import { once } from 'node:events';
import { randomUUID } from 'node:crypto';
import { lookup } from 'node:dns';
import net, { type AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { matchesAll } from '../../src/config/match-conditions.ts';
import { Deadlines } from '../../src/base/deadline.ts';
import { Slices } from '../../src/base/slices.ts';
import type { RouteConfig } from '../../src/config/gateway-config.ts';
import { addressOf, peerOfPlainConnection } from '../../src/downstream/peer.ts';
import { ClientProtocols, http2Protocol } from '../../src/downstream/protocols.ts';
import type { PolicyTable } from '../../src/downstream/policy-table.ts';
import type { FilterDependencies } from '../../src/filters/dependencies.ts';
import type { Filter } from '../../src/filters/filter.ts';
import { KeySets } from '../../src/filters/key-sets.ts';
import { PasswordChecks } from '../../src/filters/password-checks.ts';
import { RateCounters } from '../../src/filters/rate-counters.ts';
import { ClientCounts } from '../../src/downstream/client-counts.ts';
import { FutileHandshakes } from '../../src/downstream/futile-handshakes.ts';
import { UselessTraffic } from '../../src/downstream/useless-traffic.ts';
import { SlowLane } from '../../src/flow/slow-lane.ts';
import { BodyBudget } from '../../src/flow/body-buffer.ts';
import { Client } from '../../src/flow/client.ts';
import { RequestMetrics, RouteMetrics } from '../../src/flow/request-metrics.ts';
import { Serve } from '../../src/flow/serve.ts';
import type { FaultReport, Route, Services, Serving } from '../../src/flow/serving.ts';
import { Forwarding } from '../../src/forwarding/forwarding.ts';
import type { RequestIdRules } from '../../src/forwarding/request-id.ts';
import { StripList } from '../../src/forwarding/strip-list.ts';
import type { ClientConnection } from '../../src/http/client-connection.ts';
import { defaultHttpLimits } from '../../src/http/limits.ts';
import { serverTimeouts } from '../support/server-timeouts.ts';
import { BufferPool } from '../../src/http/buffer-pool.ts';
import { TurnEnd } from '../../src/http/turn-end.ts';
import { Http2Shared } from '../../src/http2/shared.ts';
import { DateField } from '../../src/http/date-field.ts';
import { RouteTable } from '../../src/routing/route-table.ts';
import { AccessLogFields } from '../../src/telemetry/access-log-fields.ts';
import type { AccessLog, AccessRecord } from '../../src/telemetry/access-log.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';
import { Cluster } from '../../src/upstream/cluster.ts';
import { type BackendOptions, startBackend } from '../support/backend.ts';
import { Feed, SAFETY_NET_MS } from '../support/wait-for.ts';
import { HandClock, names } from './http1-harness.ts';
import { backendConfig, clusterOptions, makeDependencies, openPools } from './upstream-setup.ts';

export type FilterSetupOptions = {
  readonly filters: readonly Filter[];
  readonly backend?: BackendOptions;
  readonly strip?: ConstructorParameters<typeof StripList>[0];
  /** That the route serves; default all. */
  readonly methods?: readonly string[];
  /** Default: nobody is a trusted proxy, ids are kept from proxies and told. */
  readonly forwarding?: { readonly trustedProxies?: readonly string[]; readonly requestId?: RequestIdRules };
  /** Of one client at a time; default no limit. */
  readonly requestsPerClient?: number;
  /** Clients speak HTTP/2 from their first byte. */
  readonly http2?: boolean;
};

/** What filters need that a configuration makes; `more`: what the test has of its own. */
export function filterDependencies(more: Partial<FilterDependencies> = {}): FilterDependencies {
  const clock = more.clock ?? new HandClock();
  return {
    clock,
    rates: new RateCounters(clock, () => 0.5),
    encoders: new EncoderBudget(),
    passwords: new PasswordChecks(clock),
    keySets: new KeySets(),
    lookup: lookup,
    metrics: new Metrics().of,
    warn: () => {},
    shared: new Map(),
    openService: () => {
      throw new Error('there is no service here');
    },
    ...more,
  };
}

export async function openFilterSetup(t: TestContext, options: FilterSetupOptions) {
  const { filters, backend: answers, strip, methods, http2, forwarding: asked = {}, requestsPerClient = 0 } = options;
  const backend = await startBackend(answers);
  t.after(async () => backend.stop());
  const clock = new HandClock();
  const deadlines = new Deadlines(clock);
  // The backend side runs by the machine's clock: only the client and the filters wait by hand.
  const setup = makeDependencies();
  const pools = openPools(setup);
  const tls = {
    verify: true,
    anchors: undefined,
    client: undefined,
    serverName: undefined,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
  } as const;
  const target = backendConfig(`http://127.0.0.1:${backend.port}`);
  const cluster = new Cluster(clusterOptions([target], tls), pools);
  const metrics = new Metrics();
  const config = {
    name: 'filtered',
    path: '/',
    hosts: [],
    methods: methods ?? [],
    priority: 0,
    mergeSlashes: true,
    match: matchesAll,
    forwardHostHeaders: false,
    forwardClientCert: { mode: 'sanitize', custom: [], xfcc: undefined, rfc9440: undefined },
    timeouts: { connectMs: SAFETY_NET_MS, handshakeMs: SAFETY_NET_MS, responseMs: 0, idleMs: 0, tunnelMs: 0 },
    upgrades: ['websocket'],
    retry: { attempts: 1, on: [] },
    maxBodyBytes: 0,
    backends: [target],
  } as unknown as RouteConfig;
  const route: Route = {
    config,
    cluster,
    metrics: new RouteMetrics(metrics.of, 'filtered'),
    rewrite: undefined,
    rule: undefined,
    filters,
  };
  const policy = { name: '', clientAuth: undefined };
  const sets = filters.flatMap((filter) => filter.sets ?? []);
  const { trustedProxies = [], requestId } = asked;
  const forwarding = new Forwarding({ trustedProxies, ipHeaders: ['x-forwarded-for'] }, randomUUID, requestId);
  const serving: Serving = {
    number: 1,
    policies: { find: () => policy } as unknown as PolicyTable,
    routes: await RouteTable.build([route], new Slices(clock)),
    strip: new StripList({ ...strip, filters: sets }),
    health: undefined,
    forwarding,
    clientLimits: { requests: requestsPerClient, isExempt: (address) => forwarding.isTrustedProxy(address) },
    securePort: undefined,
    redirectPort: undefined,
    ruleOf: () => undefined,
    ownUris: () => [],
  };
  const defects = new Feed<unknown>('defects');
  const faults = new Feed<FaultReport>('faults');
  const records = new Feed<AccessRecord>('access log');
  const services: Services = {
    clock,
    deadlines,
    accessLog: {
      fields: new AccessLogFields(),
      write: (record: AccessRecord) => records.push(record),
    } as unknown as AccessLog,
    tracing: undefined,
    clientRequests: new ClientCounts(),
    useless: new UselessTraffic(clock),
    slowLane: new SlowLane(clock),
    futile: new FutileHandshakes(clock),
    bodies: new BodyBudget(1_000_000, 100_000),
    metrics: new RequestMetrics(metrics.of),
    onDefect: (error) => defects.push(error),
    onFault: (report) => faults.push(report),
    isDraining: () => false,
    challenges: new ChallengeAnswers(),
    onChallenge: () => {},
    current: () => serving,
  };
  const protocols = http2 === true ? new ClientProtocols([], http2Protocol) : new ClientProtocols();
  const connections = new Feed<{ readonly connection: ClientConnection; readonly client: Client }>('connections');
  const codec = {
    names,
    limits: defaultHttpLimits,
    timeouts: serverTimeouts,
    deadlines,
    clock,
    date: new DateField(clock),
    buffers: new BufferPool(),
    turn: new TurnEnd(),
    http2: new Http2Shared(names),
    maxConcurrentStreams: 100,
    priorKnowledge: true,
  };
  const listener = net.createServer((socket) => {
    const client = new Client(peerOfPlainConnection(addressOf(socket)));
    const owner = { onClosed: () => {} };
    const handler = new Serve(client, services);
    connections.push({ connection: protocols.open({ socket, transport: socket }, codec, handler, owner), client });
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  t.after(() => {
    for (const { connection } of connections.items) connection.destroy();
    listener.close();
    pools.close();
  });
  const { port } = listener.address() as AddressInfo;
  const active = (): number => metrics.of.requestsActive.labels({}).value;
  const inFlight = (): number => services.clientRequests.size;
  return { port, clock, deadlines, backend, connections, defects, faults, records, active, inFlight };
}
