// One health probe: a connection of its own through the same connect as requests (same TLS identity, no resumed session,
// so that the certificate is verified each time), one GET, and the status that comes back.
import { Fault, toFault } from '../base/fault.ts';
import type { HealthCheckConfig } from '../config/gateway-config.ts';
import type { BackendConnection } from '../http/backend-connection.ts';
import type { OutgoingRequest, ResponseHead, ResponseSink } from '../http/exchange.ts';
import { FieldBlock, Fields } from '../http/field.ts';
import type { OpenSocket } from '../http/read-buffer.ts';
import { writeProxyHeader } from '../proxy-protocol/writer.ts';
import type { Verdict } from '../trust/verdict.ts';
import type { UpstreamDependencies } from './dependencies.ts';
import type { Addresses } from './addresses.ts';
import { ConnectAttempt, type ConnectListener } from './connect.ts';
import { type Endpoint, endpointAuthority, endpointLabel } from './endpoint.ts';
import { type HealthReason, reasonOf } from './health-state.ts';
import { findNginxRefusal } from './nginx-refusal.ts';
import type { TlsIdentity } from './tls-identity.ts';
import { lateRefusal } from './transport-failure.ts';

export type ProbeTarget = {
  readonly endpoint: Endpoint;
  readonly addresses: Addresses;
  readonly identity: TlsIdentity | undefined;
  readonly path: string;
  /** Value of Host; undefined: that of the endpoint. */
  readonly host: string | undefined;
  readonly fields: FieldBlock;
  readonly proxyProtocol: 1 | 2 | undefined;
  /** Empty: every status below 400. */
  readonly healthyStatuses: readonly number[];
  /** For connection, handshake and answer together. */
  readonly timeoutMs: number;
  readonly dependencies: UpstreamDependencies;
};

/** What a probe sends: ours, unless `headers` has the same. */
export function probeFields(headers: HealthCheckConfig['headers']): FieldBlock {
  const given = new Set(headers.map(({ name }) => name.toLowerCase()));
  const ours = [
    ['User-Agent', 'countersign'],
    ['Accept', '*/*'],
  ] as const;
  return new FieldBlock([
    ...ours.filter(([name]) => !given.has(name.toLowerCase())),
    ...headers.map(({ name, value }) => [name, value] as const),
  ]);
}

export class Probe implements ConnectListener, ResponseSink {
  readonly #target: ProbeTarget;
  readonly #onResult: (reason: HealthReason | undefined) => void;
  readonly #attempt: ConnectAttempt;
  #connection: BackendConnection | undefined;
  #held: ResponseHead | undefined;
  #done = false;
  #cancelTimer: () => void;

  /** `onResult` is called once, later: undefined for healthy, else why not. */
  constructor(target: ProbeTarget, onResult: (reason: HealthReason | undefined) => void) {
    this.#target = target;
    this.#onResult = onResult;
    const { endpoint, addresses, identity, timeoutMs, proxyProtocol, dependencies } = target;
    this.#attempt = new ConnectAttempt(
      {
        endpoint,
        addresses,
        identity,
        tickets: undefined,
        clock: dependencies.clock,
        readBuffers: dependencies.readBuffers,
        intermediates: dependencies.intermediates,
        alpn: dependencies.protocols.offered(identity?.http2 ?? 'off'),
        connectMs: timeoutMs,
        handshakeMs: timeoutMs,
        header: proxyProtocol && writeProxyHeader(proxyProtocol, undefined),
      },
      this,
    );
    this.#cancelTimer = dependencies.clock.after(timeoutMs, () => this.#late());
  }

  start(): void {
    this.#attempt.start();
  }

  /** Gives up without a result. */
  cancel(): void {
    this.#done = true;
    this.#cancelTimer();
    this.#attempt.cancel();
    this.#connection?.destroy();
  }

  onConnected(open: OpenSocket, verdict: Verdict | undefined): void {
    const { endpoint, path, host, fields, dependencies } = this.#target;
    if (verdict?.leaf !== undefined) dependencies.events.onBackendCertificate(this.#label, verdict.leaf);
    const connection = dependencies.protocols.open(open, dependencies, this);
    this.#connection = connection;
    const request: OutgoingRequest = {
      method: 'GET',
      target: path,
      authority: host ?? endpointAuthority(endpoint),
      fields: new Fields(),
      extra: [fields],
      bodyLength: 0,
      acceptsTrailers: false,
    };
    try {
      const call = connection.openCall();
      call.sendRequest(request, this);
      call.sendRequestEnd(undefined);
      call.flushRequest();
    } catch (error) {
      this.#finish(reasonOf(toFault(error)));
    }
  }

  onConnectFailure(fault: Fault): void {
    this.#finish(reasonOf(fault));
  }

  onHead(head: ResponseHead): void {
    // nginx says in a 400 page that it wants (another) certificate: worth waiting for the page.
    if (head.status === 400 && this.#target.identity !== undefined && head.bodyLength !== 0) this.#held = head;
    else this.#verify(head.status);
  }

  onResponseBody(chunk: Buffer): void {
    if (this.#held === undefined) return;
    const { identity } = this.#target;
    const fault = findNginxRefusal(this.#held, chunk, { label: this.#label, presents: identity?.presents });
    if (fault === undefined) this.#verify(this.#held.status);
    else this.#finish(reasonOf(fault));
  }

  onResponseEnd(): void {
    if (this.#held !== undefined) this.#verify(this.#held.status);
  }

  onBackendFailure(fault: Fault): void {
    this.#finish(reasonOf(fault));
  }

  onInformational(): void {}
  onResponseFlush(): void {}
  onBackendDrain(): void {}

  // --- owner of the codec's connection

  onFree(): void {
    this.#connection?.destroy();
  }

  onClosed(): void {
    this.#target.addresses.gone(this.#attempt.address);
  }

  translateFailure(error: Error): Fault | undefined {
    const { identity } = this.#target;
    if (identity === undefined) return undefined;
    return lateRefusal(error, {
      label: this.#label,
      phase: 'open',
      presents: identity.presents,
      sawBackendCertificate: true,
      offered: identity.offered,
    });
  }

  get #label(): string {
    return endpointLabel(this.#target.endpoint);
  }

  #verify(status: number): void {
    const { healthyStatuses, path } = this.#target;
    const healthy = healthyStatuses.length === 0 ? status < 400 : healthyStatuses.includes(status);
    if (healthy) return this.#finish(undefined);
    const detail = `${this.#label} answered GET ${path} with ${status}`;
    const help = 'Compare healthCheck.path and healthyStatuses with what the backend answers.';
    this.#finish({ code: 'unhealthy_status', detail, raw: `HTTP ${status}`, help });
  }

  #late(): void {
    const detail = `${this.#label} did not answer the probe within ${this.#target.timeoutMs} ms`;
    this.#finish(reasonOf(new Fault('timeout', 'backend', { detail, raw: 'deadline' })));
  }

  #finish(reason: HealthReason | undefined): void {
    if (this.#done) return;
    this.cancel();
    this.#onResult(reason);
  }
}
