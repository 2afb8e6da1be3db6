// backend side without a gateway: a setup with recorded events, clusters over it, and calls that collect their answer.
import { Deadlines } from '../../src/base/deadline.ts';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import type { Fault } from '../../src/base/fault.ts';
import type { BackendConfig } from '../../src/config/gateway-config.ts';
import { NameResolver } from '../../src/dns/name-resolver.ts';
import { BufferPool } from '../../src/http/buffer-pool.ts';
import type { BackendCall, OutgoingRequest, ResponseHead, ResponseSink } from '../../src/http/exchange.ts';
import { FieldNames, Fields } from '../../src/http/field.ts';
import { defaultHttpLimits } from '../../src/http/limits.ts';
import { ReadBuffers } from '../../src/http/read-buffer.ts';
import { AnchorSet } from '../../src/trust/anchor-set.ts';
import { TrustBundle } from '../../src/trust/trust-bundle.ts';
import type { ProxiedAddresses } from '../../src/proxy-protocol/header.ts';
import type { CertificateFacts } from '../../src/certs/facts.ts';
import type { VerificationResult } from '../../src/trust/certificate-checks.ts';
import { Intermediates } from '../../src/trust/intermediates.ts';
import type { Verdict } from '../../src/trust/verdict.ts';
import type { Backend } from '../../src/upstream/backend.ts';
import { DialTurns } from '../../src/upstream/dial-turns.ts';
import type { UpstreamDependencies } from '../../src/upstream/dependencies.ts';
import type { CallWaiter } from '../../src/upstream/call-waiter.ts';
import type { Caller } from '../../src/upstream/caller.ts';
import type { ClusterOptions } from '../../src/upstream/cluster.ts';
import type { HealthState } from '../../src/upstream/health-state.ts';
import { IdleBudget } from '../../src/upstream/idle-budget.ts';
import type { PoolSettings } from '../../src/upstream/pool-settings.ts';
import { Pools } from '../../src/upstream/pools.ts';
import { TurnEnd } from '../../src/http/turn-end.ts';
import { Http2Shared } from '../../src/http2/shared.ts';
import { BackendProtocols } from '../../src/upstream/protocols.ts';
import type { TlsMaterial } from '../../src/upstream/tls-identity.ts';
import { Feed, SAFETY_NET_MS } from '../support/wait-for.ts';
import { resolverSettings } from '../support/resolver-settings.ts';

export type UpstreamEvent =
  | { readonly kind: 'connected'; readonly label: string; readonly verdict: Verdict | undefined }
  | { readonly kind: 'failed' | 'refused'; readonly label: string; readonly fault: Fault }
  | { readonly kind: 'certificate'; readonly label: string; readonly leaf: CertificateFacts }
  | { readonly kind: 'distrusted'; readonly label: string; readonly why: VerificationResult }
  | { readonly kind: 'health'; readonly label: string; readonly state: HealthState };

const silent = { onLookUp: () => undefined, onAddresses: () => undefined, onLookUpFailure: () => undefined };

export type TestDependencies = UpstreamDependencies & { readonly feed: Feed<UpstreamEvent> };

const openedPools: Pools[] = [];

/** Pools that `closePools` closes, also after a failed test: idle connections would keep the process. */
export function openPools(setup: UpstreamDependencies, budget = new IdleBudget(0), previous?: Pools): Pools {
  const pools = new Pools(setup, budget, previous);
  openedPools.push(pools);
  return pools;
}

/** For the `after` hook of a test file. */
export function closePools(): void {
  for (const pools of openedPools.splice(0)) pools.close();
}

export function makeDependencies(
  clock: Clock = systemClock,
  random: () => number = () => 0.5,
  protocols = new BackendProtocols(),
  resolver = new NameResolver({ clock, random, events: silent, settings: resolverSettings }),
): TestDependencies {
  const feed = new Feed<UpstreamEvent>('backend events');
  return {
    feed,
    clock,
    random,
    deadlines: new Deadlines(clock, 20),
    names: new FieldNames(),
    resolver,
    limits: defaultHttpLimits,
    buffers: new BufferPool(),
    readBuffers: new ReadBuffers(),
    turn: new TurnEnd(),
    http2: new Http2Shared(new FieldNames()),
    protocols,
    dials: new DialTurns(),
    draining: new Set(),
    intermediates: new Intermediates(),
    events: {
      onBackendConnected: (label, verdict) => feed.push({ kind: 'connected', label, verdict }),
      onBackendConnectFailure: (label, fault) => feed.push({ kind: 'failed', label, fault }),
      onBackendRefusal: (label, fault) => feed.push({ kind: 'refused', label, fault }),
      onBackendCertificate: (label, leaf) => feed.push({ kind: 'certificate', label, leaf }),
      onBackendDistrusted: (label, why) => feed.push({ kind: 'distrusted', label, why }),
      onBackendHealth: (label, state) => feed.push({ kind: 'health', label, state }),
    },
  };
}

/** Time that stands still until `advance`. Only what `advance` passes is due; due work runs in order. */
export class HandClock implements Clock {
  #now = 0;
  readonly #due = new Set<{ readonly at: number; readonly act: () => void }>();

  now(): number {
    return Date.now();
  }

  monotonic(): number {
    return this.#now;
  }

  after(delayMs: number, act: () => void): () => void {
    const entry = { at: this.#now + delayMs, act };
    this.#due.add(entry);
    return () => this.#due.delete(entry);
  }

  /** Delays of everything that waits, soonest first. */
  get waits(): number[] {
    return [...this.#due].map(({ at }) => at - this.#now).sort((a, b) => a - b);
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const next = [...this.#due].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#due.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.act();
    }
    this.#now = end;
  }
}

export function backendConfig(url: string, more: Partial<BackendConfig> = {}): BackendConfig {
  const { protocol, hostname, port, pathname } = new URL(url);
  return {
    scheme: protocol === 'https:' ? 'https' : 'http',
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port),
    basePath: pathname === '/' ? '' : pathname,
    weight: 0,
    match: [],
    exclusive: false,
    priority: 0,
    backup: false,
    place: { file: 'test.yml', line: 1, col: 1 },
    ...more,
  };
}

/** For backends over plain HTTP, where nobody looks at it. */
export const noTls: TlsMaterial = {
  verify: true,
  anchors: undefined,
  client: undefined,
  serverName: undefined,
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
};

export function anchorsOf(pem: string): TlsMaterial['anchors'] {
  const { bundle } = TrustBundle.parse(pem);
  if (bundle === undefined) throw new Error('no anchors in the PEM');
  return new AnchorSet(bundle, false);
}

export function material(rootPem: string, more: Partial<TlsMaterial> = {}): TlsMaterial {
  return {
    verify: true,
    anchors: anchorsOf(rootPem),
    client: undefined,
    serverName: undefined,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ...more,
  };
}

/** A test's own, of the same order as those of the configuration. */
const poolSettings: PoolSettings = {
  maxConnsPerHost: 256,
  reservedConnsPerHost: 32,
  maxIdleConnsPerHost: 256,
  idleMs: 90_000,
  maxAgeMs: 3_600_000,
  maxWaiting: 1024,
  connectMs: SAFETY_NET_MS,
  handshakeMs: SAFETY_NET_MS,
};

export function clusterOptions(
  backends: readonly BackendConfig[],
  tls: TlsMaterial,
  more: Partial<ClusterOptions> & { readonly settings?: Partial<PoolSettings> } = {},
): ClusterOptions {
  const { settings, ...rest } = more;
  return {
    backends,
    tls,
    loadBalancing: 'roundRobin',
    healthCheck: undefined,
    pool: { ...poolSettings, ...settings },
    ...rest,
  };
}

export type Answer = {
  readonly status: number;
  readonly head: ResponseHead;
  readonly body: string;
  readonly reused: boolean;
};

/** One GET, from acquire to the last byte; resolves with the answer or rejects with the Fault. */
export class TestCall implements CallWaiter, ResponseSink {
  cancelled = false;
  call: BackendCall | undefined;
  readonly caller: Caller | undefined;
  readonly proxied: ProxiedAddresses | undefined;
  readonly answer: Promise<Answer>;
  /** Resolves when a connection was handed over. */
  readonly acquired: Promise<BackendCall>;
  readonly #path: string;
  readonly #hold: boolean;
  readonly #backend: Backend;
  readonly #settle = Promise.withResolvers<Answer>();
  readonly #hand = Promise.withResolvers<BackendCall>();
  #head: ResponseHead | undefined;
  #body = '';

  /** `hold`: the request is sent by `send()`, not at once. */
  constructor(
    backend: Backend,
    options: { path?: string; fresh?: boolean; hold?: boolean; caller?: Caller; proxied?: ProxiedAddresses } = {},
  ) {
    this.#backend = backend;
    this.caller = options.caller;
    this.proxied = options.proxied;
    this.#path = options.path ?? '/';
    this.#hold = options.hold ?? false;
    this.answer = this.#settle.promise;
    this.acquired = this.#hand.promise;
    // Whoever is interested in a failure awaits it; nobody has to.
    this.answer.catch(() => undefined);
    this.acquired.catch(() => undefined);
    backend.acquire(this, options.fresh === true ? { fresh: true } : undefined);
  }

  onCall(call: BackendCall): void {
    this.call = call;
    this.#hand.resolve(call);
    if (!this.#hold) this.send();
  }

  send(): void {
    const request: OutgoingRequest = {
      method: 'GET',
      target: this.#path,
      authority: this.#backend.authority,
      fields: new Fields(),
      extra: [],
      bodyLength: 0,
      acceptsTrailers: false,
    };
    this.call?.sendRequest(request, this);
    this.call?.sendRequestEnd(undefined);
    this.call?.flushRequest();
  }

  onCallFailure(fault: Fault): void {
    this.#backend.reportFailure(fault);
    this.#hand.reject(fault);
    this.#settle.reject(fault);
  }

  onHead(head: ResponseHead): void {
    this.#head = head;
    this.#backend.reportResponse(head.status);
  }

  onResponseBody(chunk: Buffer): void {
    this.#body += chunk.toString('latin1');
  }

  onResponseEnd(): void {
    const head = this.#head;
    if (head === undefined) throw new Error('an end without a head');
    this.#settle.resolve({ status: head.status, head, body: this.#body, reused: this.call?.reused === true });
  }

  onBackendFailure(fault: Fault): void {
    this.#backend.reportFailure(fault);
    this.#settle.reject(fault);
  }

  onInformational(): void {}
  onResponseFlush(): void {}
  onBackendDrain(): void {}
}

/** The fault that a call ends in; fails where it succeeds. */
export async function faultOf(call: TestCall): Promise<Fault> {
  try {
    const { status } = await call.answer;
    throw new Error(`expected a fault, got ${status}`);
  } catch (error) {
    return error as Fault;
  }
}
