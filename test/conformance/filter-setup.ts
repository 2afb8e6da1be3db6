// A route with filters without a gateway: clients over plain TCP, the whole flow, a real backend. The filters are the test's
// own; what a configuration makes of them is for journeys to show.
import { once } from 'node:events';
import { randomUUID } from 'node:crypto';
import net, { type AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { matchesAll } from '../../src/config/route-conditions.ts';
import { Deadlines } from '../../src/base/deadline.ts';
import { Slices } from '../../src/base/slices.ts';
import type { RouteConfig } from '../../src/config/gateway-config.ts';
import { peerOfPlainSocket } from '../../src/downstream/peer.ts';
import { ClientProtocols, http2Protocol } from '../../src/downstream/protocols.ts';
import type { PolicyTable } from '../../src/downstream/policy-table.ts';
import type { Filter } from '../../src/filters/filter.ts';
import { BodyBudget } from '../../src/flow/body-buffer.ts';
import { Client } from '../../src/flow/client.ts';
import { RequestMetrics, RouteMetrics } from '../../src/flow/request-metrics.ts';
import { Serve } from '../../src/flow/serve.ts';
import type { FaultReport, Route, Services, Serving } from '../../src/flow/serving.ts';
import { Forwarding } from '../../src/forwarding/forwarding.ts';
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
import { Feed } from '../support/wait-for.ts';
import { HandClock, names } from './http1-harness.ts';
import { backendConfig, clusterOptions, makeDependencies, openPools } from './upstream-setup.ts';

export type FilterSetupOptions = {
  readonly filters: readonly Filter[];
  readonly backend?: BackendOptions;
  readonly strip?: ConstructorParameters<typeof StripList>[0];
  /** Clients speak HTTP/2 from their first byte. */
  readonly http2?: boolean;
};

export async function openFilterSetup(t: TestContext, { filters, backend: answers, strip, http2 }: FilterSetupOptions) {
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
    methods: [],
    priority: 0,
    mergeSlashes: true,
    match: matchesAll,
    forwardHostHeaders: false,
    forwardClientCert: { mode: 'sanitize', custom: [], xfcc: undefined, rfc9440: undefined },
    timeouts: { connectMs: 5000, handshakeMs: 5000, responseMs: 0, idleMs: 0, tunnelMs: 0 },
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
  const serving: Serving = {
    number: 1,
    policies: { find: () => policy } as unknown as PolicyTable,
    routes: await RouteTable.build([route], new Slices(clock)),
    strip: new StripList({ ...strip, filters: sets }),
    forwarding: new Forwarding({ trustedProxies: [], ipHeaders: ['x-forwarded-for'] }, randomUUID),
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
    bodies: new BodyBudget(1_000_000, 100_000),
    metrics: new RequestMetrics(metrics.of),
    onDefect: (error) => defects.push(error),
    onFault: (report) => faults.push(report),
    current: () => serving,
  };
  const protocols = http2 === true ? new ClientProtocols([], http2Protocol) : new ClientProtocols();
  const connections = new Feed<{ readonly connection: ClientConnection; readonly client: Client }>('connections');
  const options = {
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
  };
  const listener = net.createServer((socket) => {
    const client = new Client(peerOfPlainSocket(socket));
    const owner = { onClosed: () => {} };
    const handler = new Serve(client, services);
    connections.push({ connection: protocols.open({ socket, transport: socket }, options, handler, owner), client });
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
  return { port, clock, deadlines, backend, connections, defects, faults, records, active };
}
