// The whole flow without a gateway process: the real edge over mutual TLS, routes, and clusters whose backends are reached over
// mutual TLS. Time stands still until `clock.turn`. Backends and clients are the test's.
import { ChallengeAnswers } from '../../src/acme/challenge-answers.ts';
import { randomUUID } from 'node:crypto';
import { matchesAll } from '../../src/config/match-conditions.ts';
import { Deadlines } from '../../src/base/deadline.ts';
import { Slices } from '../../src/base/slices.ts';
import type { PolicyTable } from '../../src/downstream/policy-table.ts';
import { ClientProtocols, http2Protocol as clientHttp2 } from '../../src/downstream/protocols.ts';
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
import { StripList } from '../../src/forwarding/strip-list.ts';
import { BufferPool } from '../../src/http/buffer-pool.ts';
import type { ClientConnection } from '../../src/http/client-connection.ts';
import { DateField } from '../../src/http/date-field.ts';
import { defaultHttpLimits } from '../../src/http/limits.ts';
import { TurnEnd } from '../../src/http/turn-end.ts';
import { Http2Shared } from '../../src/http2/shared.ts';
import { RouteTable } from '../../src/routing/route-table.ts';
import { AccessLogFields } from '../../src/telemetry/access-log-fields.ts';
import type { AccessLog, AccessRecord } from '../../src/telemetry/access-log.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';
import { Cluster, type ClusterOptions } from '../../src/upstream/cluster.ts';
import type { Pool } from '../../src/upstream/pool.ts';
import { BackendProtocols, http2Protocol as backendHttp2 } from '../../src/upstream/protocols.ts';
import { serverTimeouts } from '../support/server-timeouts.ts';
import { HandClock, names } from './http1-harness.ts';
import { openEdge } from './tls-edge.ts';
import { backendConfig, clusterOptions, makeDependencies, material, openPools } from './upstream-setup.ts';
import type { BackendConfig, BackendHttp2, RouteConfig } from '../../src/config/gateway-config.ts';
import { RouteRule } from '../../src/trust/route-rule.ts';
import type { Pki } from '../support/pki.ts';
import { Feed } from '../support/wait-for.ts';

export type RouteSpec = {
  readonly path: string;
  /** Of its backend at localhost. */
  readonly port: number;
  readonly upgrades?: readonly string[];
  readonly timeouts?: Partial<RouteConfig['timeouts']>;
  readonly maxBodyBytes?: number;
  readonly retry?: RouteConfig['retry'];
  readonly clientCert?: RouteConfig['clientCert'];
  readonly filters?: Route['filters'];
  /** Instead of the one backend at `port`. */
  readonly backends?: readonly BackendConfig[];
  readonly sendProxyProtocol?: 1 | 2;
  readonly choice?: Pick<ClusterOptions, 'loadBalancing' | 'hashOn' | 'sticky'>;
};

export type FlowSetupOptions = {
  readonly routes: readonly RouteSpec[];
  /** To the backends. */
  readonly http2: BackendHttp2;
  /** Whether clients need a certificate for the handshake; default true. */
  readonly required?: boolean;
  /** Clients without ALPN may begin with HTTP/2; default true. */
  readonly priorKnowledge?: boolean;
};

export async function openFlowSetup(
  pki: Pki,
  { routes: specs, http2, required = true, priorKnowledge = true }: FlowSetupOptions,
) {
  const clock = new HandClock();
  const deadlines = new Deadlines(clock);
  const pools = openPools(makeDependencies(undefined, undefined, new BackendProtocols([backendHttp2])));
  const identity = material(pki.internal.certPem, {
    client: { chainPem: pki.gateway.chainPem, keyPem: pki.gateway.keyPem },
    http2,
  });
  const metrics = new Metrics();
  const makeRoute = ({
    path,
    port,
    upgrades,
    timeouts,
    maxBodyBytes,
    retry,
    clientCert,
    filters,
    backends: several,
    choice,
    sendProxyProtocol,
  }: RouteSpec): Route => {
    const backends = several ?? [backendConfig(`https://localhost:${port}`)];
    const config = {
      name: path,
      path,
      hosts: [],
      methods: ['GET', 'POST'],
      priority: 0,
      mergeSlashes: true,
      match: matchesAll,
      forwardHostHeaders: false,
      forwardClientCert: {
        mode: 'sanitizeSet',
        custom: [],
        xfcc: { format: 'text', subject: false, uri: true, dns: false, cert: false, chain: false },
        rfc9440: { clientCert: false, chain: false },
      },
      timeouts: { connectMs: 5000, handshakeMs: 5000, responseMs: 0, idleMs: 0, tunnelMs: 0, ...timeouts },
      upgrades: upgrades ?? ['websocket'],
      retry: retry ?? { attempts: 1, on: [] },
      maxBodyBytes: maxBodyBytes ?? 0,
      backends,
    } as unknown as RouteConfig;
    return {
      config,
      cluster: new Cluster(
        clusterOptions(backends, identity, { ...choice, settings: { proxyProtocol: sendProxyProtocol } }),
        pools,
      ),
      metrics: new RouteMetrics(metrics.of, path),
      rule: clientCert && new RouteRule(clientCert),
      rewrite: undefined,
      filters: filters ?? [],
    };
  };
  const policy = { name: 'edge', clientAuth: undefined };
  const serving: Serving = {
    number: 1,
    policies: {
      find: (host: string | undefined) => (host?.startsWith('other.') === true ? { name: 'other' } : policy),
    } as unknown as PolicyTable,
    routes: await RouteTable.build(specs.map(makeRoute), new Slices(clock)),
    strip: new StripList(),
    health: undefined,
    forwarding: new Forwarding({ trustedProxies: [], ipHeaders: ['x-forwarded-for'] }, randomUUID),
    clientLimits: { requests: 0, isExempt: () => false },
    securePort: undefined,
    redirectPort: undefined,
    ruleOf: (route) => route.rule,
    ownUris: () => [],
  };
  const defects: unknown[] = [];
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
  const protocols = new ClientProtocols([clientHttp2]);
  const connections: ClientConnection[] = [];
  const clients: Client[] = [];
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
    priorKnowledge,
  };
  const terms = { server: pki.downstream, ca: pki.clients.certPem, required, http2: true };
  const edge = await openEdge({
    policies: {
      edge: { ...terms, hosts: ['localhost', 'edge.wild.test'] },
      other: { ...terms, hosts: ['other.wild.test'] },
    },
    onConnection: (socket, peer, transport) => {
      const client = new Client(peer);
      clients.push(client);
      const handler = new Serve(client, services);
      const owner = { onClosed: () => undefined };
      connections.push(protocols.open({ socket, transport }, options, handler, owner));
    },
  });
  const ours = (): Pool[] => [...pools.list()];
  const close = (): void => {
    for (const connection of connections) connection.destroy();
    edge[Symbol.dispose]();
    pools.close();
  };
  return {
    clock,
    edge,
    /** In the order in which they came, with their clients. */
    connections,
    clients,
    records,
    faults,
    defects,
    pools: ours,
    active: () => metrics.of.tunnelsActive.labels({}).value,
    close,
  };
}
