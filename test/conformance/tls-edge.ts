// A listener of the edge with policies of the test's choice, for `openssl s_client` to try: every connection that reaches
// the flow is answered with the policy and the client's subject, and everything that happened is kept.
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { Deadlines } from '../../src/base/deadline.ts';
import type { ChallengeAnswers } from '../../src/acme/challenge-answers.ts';
import type { ClientTrustOptions } from '../../src/trust/client-trust.ts';
import { TrustPolicy, type TrustPolicyOptions } from '../../src/downstream/trust-policy.ts';
import { openAdmission } from '../../src/downstream/admission.ts';
import type { DownstreamDependencies, DownstreamState, HandshakeOutcome } from '../../src/downstream/dependencies.ts';
import type { HandshakeRecord } from '../../src/downstream/handshake-record.ts';
import type { HandshakeTurns } from '../../src/downstream/handshake-turns.ts';
import type { Intermediates } from '../../src/trust/intermediates.ts';
import { TlsListener, type DownstreamLimits } from '../../src/downstream/listener.ts';
import type { Peer } from '../../src/downstream/peer.ts';
import type { PendingLimits } from '../../src/downstream/pending-handshakes.ts';
import type { SessionStore } from '../../src/downstream/session-store.ts';
import { PolicyTable } from '../../src/downstream/policy-table.ts';
import type { Issued } from '../../src/certs/test-ca.ts';
import { Feed, SAFETY_NET_MS } from '../support/wait-for.ts';

export type PolicySpec = Partial<Omit<TrustPolicyOptions, 'certificates' | 'clientAuth' | 'resumption'>> & {
  /** Default: [name + '.test']. */
  readonly hosts?: readonly string[];
  readonly server: Issued | readonly Issued[];
  /** Anchors; absent: no client certificate is asked for. */
  readonly ca?: string | readonly string[];
  readonly required?: boolean;
  readonly onFailure?: 'close' | 'explain';
  readonly maxDepth?: number;
  /** Rules, trust domains, CRLs and so on; with `ca`. */
  readonly trust?: Partial<ClientTrustOptions>;
  readonly resumes?: boolean;
};

export type EdgeOptions = {
  readonly policies: Readonly<Record<string, PolicySpec>>;
  /** Name of the default policy; absent: unknown names are refused. */
  readonly defaultPolicy?: string;
  readonly clock?: Clock;
  /** Shared with another edge to act as two workers. */
  readonly secret?: Buffer;
  /** Sessions are kept there, instead of tickets under the secret. */
  readonly sessions?: SessionStore;
  /** Shared with another edge, as the workers of one gateway do. */
  readonly intermediates?: Intermediates;
  readonly limits?: Partial<DownstreamLimits>;
  /** The answers about clients, and who hears of those that pass unchecked. */
  readonly ocsp?: DownstreamDependencies['ocsp'];
  readonly handshakeTimeoutMs?: number;
  readonly handshakesPerSecond?: number;
  readonly pendingHandshakes?: PendingLimits;
  readonly turns?: HandshakeTurns;
  /** Whose PROXY headers are believed, what one client may have; default: nobody's, and everything. */
  readonly admission?: Partial<DownstreamState>;
  /** What the "flow" does with a connection; default: answers and closes. */
  readonly onConnection?: (socket: TLSSocket, peer: Peer, transport: Socket) => void;
  readonly onRefused?: (record: HandshakeRecord) => void;
  /** What a CA that validates is to find. */
  readonly challenges?: ChallengeAnswers;
  readonly onChallenge?: () => void;
};

export type Edge = {
  readonly port: number;
  readonly listener: TlsListener;
  readonly peers: Feed<Peer>;
  /** Connections that the flow has and that are not closed. */
  readonly open: ReadonlyMap<TLSSocket, Peer>;
  readonly refusals: Feed<HandshakeRecord>;
  readonly outcomes: Feed<HandshakeOutcome>;
  /** Exceptions that reached the listener; must stay empty. */
  readonly defects: unknown[];
  /** As a reload does. */
  replace(policies: EdgeOptions['policies'], defaultPolicy?: string): void;
  /** Tickets under the secret of another epoch. */
  rotate(secret: Buffer, accepted?: readonly Buffer[]): void;
  [Symbol.dispose](): void;
};

/** How a request went: served by a policy to a client, or refused with a code. */
export type Handshake = { readonly code: string; readonly policy: string; readonly resumed: boolean };

export async function openEdge(options: EdgeOptions): Promise<Edge> {
  const secret = options.secret ?? randomBytes(32);
  const clock = options.clock ?? systemClock;
  const peers = new Feed<Peer>('peers');
  const refusals = new Feed<HandshakeRecord>('refusals');
  const outcomes = new Feed<HandshakeOutcome>('outcomes');
  const defects: unknown[] = [];
  let policies = compile(options.policies, options.defaultPolicy, secret, options.sessions);
  const open = new Map<TLSSocket, Peer>();
  const listener = new TlsListener({
    ...(options.intermediates !== undefined && { intermediates: options.intermediates }),
    current: () => ({
      ...openAdmission,
      ...options.admission,
      policies,
      handshakeTimeoutMs: options.handshakeTimeoutMs ?? SAFETY_NET_MS,
      handshakesPerSecond: options.handshakesPerSecond ?? 0,
      pendingHandshakes: options.pendingHandshakes ?? { max: 2048, maxPerNetwork: 0 },
    }),
    onConnection: (socket, peer, transport) => {
      open.set(socket, peer);
      socket.on('close', () => open.delete(socket));
      peers.push(peer);
      (options.onConnection ?? answer)(socket, peer, transport);
    },
    onRefused: (record) => {
      refusals.push(record);
      options.onRefused?.(record);
    },
    onOutcome: (outcome) => outcomes.push(outcome),
    onDefect: (error) => defects.push(error),
    clock,
    // Swept often, so that no test waits for a deadline longer than it is.
    deadlines: new Deadlines(clock, 5),
    ...(options.limits !== undefined && { limits: options.limits }),
    ...(options.ocsp !== undefined && { ocsp: options.ocsp }),
    ...(options.turns !== undefined && { turns: options.turns }),
    ...(options.challenges !== undefined && { challenges: options.challenges }),
    ...(options.onChallenge !== undefined && { onChallenge: options.onChallenge }),
  });
  const { port } = await listener.listen({ host: '127.0.0.1', port: 0 });
  return {
    port,
    listener,
    peers,
    open,
    refusals,
    outcomes,
    defects,
    replace: (next, defaultPolicy) => {
      policies = compile(next, defaultPolicy, secret, options.sessions);
    },
    rotate: (next, accepted) => {
      for (const policy of policies.policies) policy.rotate(next, accepted);
    },
    [Symbol.dispose]: () => {
      listener.close();
      for (const socket of open.keys()) socket.destroy();
    },
  };
}

/** 200 with who asked, or 403 with the code where the verdict is to be explained. */
export function answer(socket: TLSSocket, peer: Peer): void {
  const body = peer.refused?.code ?? `${peer.policy} ${peer.identity?.leaf.subject ?? 'anonymous'}`;
  const status = peer.refused === undefined ? '200 OK' : '403 Forbidden';
  socket.once('data', () => {
    socket.end(`HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
  });
}

function compile(
  specs: EdgeOptions['policies'],
  defaultPolicy: string | undefined,
  secret: Buffer,
  sessions: SessionStore | undefined,
): PolicyTable {
  const compiled = Object.entries(specs).map(([name, spec]) => {
    const {
      hosts = [`${name}.test`],
      server,
      ca,
      required = true,
      onFailure = 'close',
      maxDepth = 4,
      resumes = true,
    } = spec;
    const servers: readonly Issued[] = 'keyPem' in server ? [server] : server;
    const policy = new TrustPolicy({
      name,
      minVersion: spec.minVersion ?? 'TLSv1.2',
      maxVersion: spec.maxVersion ?? 'TLSv1.3',
      ciphers: spec.ciphers ?? [],
      curves: spec.curves ?? [],
      http2: spec.http2 === true,
      isLazy: spec.isLazy === true,
      certificates: servers.map(({ chainPem, keyPem }) => ({ certPem: chainPem, keyPem, names: hosts })),
      clientAuth:
        ca === undefined
          ? undefined
          : { caPem: [ca].flat(), required, onFailure, maxDepth, distrustGraceMs: 500, ...spec.trust },
      resumption: { enabled: resumes, lifetimeS: 3600, secret, sessions },
    });
    return { policy, hosts };
  });
  const [gateway] = compiled;
  if (gateway === undefined) throw new Error('an edge needs a policy');
  return new PolicyTable({
    policies: compiled,
    gateway: gateway.policy,
    knownHosts: [],
    defaultPolicy: compiled.find(({ policy }) => policy.name === defaultPolicy)?.policy,
  });
}

/** A clock that is the system's, moved by `shiftMs` where certificates are verified; deadlines run as ever. */
export class ShiftedClock implements Clock {
  shiftMs = 0;

  now(): number {
    return Date.now() + this.shiftMs;
  }

  monotonic(): number {
    return systemClock.monotonic();
  }

  after(delayMs: number, act: () => void): () => void {
    return systemClock.after(delayMs, act);
  }
}
