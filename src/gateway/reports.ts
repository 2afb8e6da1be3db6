// Turns what happens on both sides into log lines and counters of one worker. Lines that a stranger can cause are bounded:
// a backend that is down makes one line when it goes and one a minute, not one per request.
import { countNegotiated } from '../trust/count-negotiated.ts';
import type { Clock } from '../base/clock.ts';
import { clientNetwork } from '../base/client-network.ts';
import { type Fault, helpOf } from '../base/fault.ts';
import type { LookUpFailure, ResolverEvents } from '../dns/name-resolver.ts';
import type { OcspSoftFail } from '../ocsp/verification.ts';
import type { FaultReport } from '../flow/serving.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import type { VerificationResult } from '../trust/certificate-checks.ts';
import type { Verdict } from '../trust/verdict.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { BackendEvents, ConnectTimes } from '../upstream/dependencies.ts';
import type { HealthState } from '../upstream/health-state.ts';
import type { RefusedAdmission } from '../downstream/admission.ts';
import type { Address } from '../downstream/peer.ts';
import type { ClosedConnection } from '../downstream/closed-connections.ts';
import { BackendHandshakes } from './backend-handshakes.ts';
import type { FailureTally } from './failure-tally.ts';
import { ObservedCertificates } from './observed-certificates.ts';
import { QuietLines } from './quiet-lines.ts';

export class Reports implements BackendEvents, ResolverEvents {
  readonly metrics: Metrics;
  readonly observed = new ObservedCertificates();
  readonly handshakes = new BackendHandshakes();
  readonly #clock: Clock;
  readonly #failures: Pick<FailureTally, 'noteBackend'> | undefined;
  readonly #log: Logger;
  readonly #quiet: QuietLines;

  /** `failures`: undefined where nobody asks for them. */
  constructor(clock: Clock, log: Logger, metrics: Metrics, failures?: Pick<FailureTally, 'noteBackend'>) {
    this.#failures = failures;
    this.#clock = clock;
    this.#quiet = new QuietLines(clock);
    this.#log = log;
    this.metrics = metrics;
  }

  onDefect(error: unknown): void {
    // Should a client find a way to repeat it, one stack a minute is enough.
    const suppressed = this.#admit(
      `defect ${error instanceof Error ? `${error.name} ${error.message}` : String(error)}`,
    );
    if (suppressed === undefined) return;
    this.#log.error({ err: error, ...(suppressed > 0 ? { suppressed } : {}) }, 'internal error: please report this');
  }

  /** A request failed for a reason that is not the client's. */
  onFault(report: FaultReport): void {
    const { code, route, backend, raw, source, requestId, detail, help } = report;
    // In TLS 1.3 the refusal comes after the handshake, with the request that was sent meanwhile.
    if (isRefusalOfOurs(code) && source === 'backend')
      this.#failures?.noteBackend({ code, detail, raw, help, address: backend, isHandshake: true }, this.#clock.now());
    // The same code for another reason is another line.
    const suppressed = this.#admit(`${route} ${backend} ${code}`, detail);
    if (suppressed === undefined) return;
    const why = detail === undefined ? '' : `: ${detail}`;
    this.#log.warn(
      { code, route, backend, raw, ...more(suppressed), source, requestId, detail, help },
      `request failed: ${code}${why}${route === '' ? '' : ` (route ${route})`}`,
    );
  }

  /** A filter's own: keys that cannot be fetched, somebody who tries passwords. */
  onFilterTrouble(kind: string, about: object, message: string): void {
    const suppressed = this.#admit(`filter ${kind}`, message);
    if (suppressed === undefined) return;
    this.#log.warn({ ...about, ...more(suppressed) }, message);
  }

  /** Something unclear about revocation let a client pass, as its policy wants. */
  onOcspSoftPass({ policy, problem, detail }: OcspSoftFail): void {
    const suppressed = this.#admit(`ocsp ${policy} ${problem}`);
    if (suppressed === undefined) return;
    const more = suppressed > 0 ? { suppressed } : {};
    this.#log.warn(
      { policy, problem, detail, ...more },
      'a client was let in unchecked: OCSP gave no answer (mode soft)',
    );
  }

  /** Trust changed, and open connections did not outlive it. */
  onClientsDistrusted(one: ClosedConnection): void {
    this.#log.warn(one, `client connections closed: ${one.code}: ${one.detail}`);
  }

  /** One connection more than an entry point holds. */
  onTurnedAway(entryPoint: string): void {
    this.metrics.of.connectionsRefused.labels({ entry_point: entryPoint }).inc();
    const suppressed = this.#admit(`turned away ${entryPoint}`);
    if (suppressed === undefined) return;
    this.#log.warn({ entryPoint, ...more(suppressed) }, 'connection turned away: too many at once');
  }

  /** On an entry point without TLS; the others have a log of their handshakes. */
  onConnectionRefused(entryPoint: string, address: Address, { code, detail }: RefusedAdmission): void {
    this.metrics.of.connectionsRefused.labels({ entry_point: entryPoint }).inc();
    this.metrics.of.faults.labels({ code, source: 'client' }).inc();
    const { remoteAddress } = address;
    const suppressed = this.#admit(`refused ${entryPoint} ${code} ${clientNetwork(remoteAddress)}`, detail);
    if (suppressed === undefined) return;
    this.#log.warn(
      { code, entryPoint, ...address, ...more(suppressed), detail, help: helpOf(code, 'client') },
      `connection refused: ${code}: ${detail} (from ${remoteAddress})`,
    );
  }

  /** Meanwhile the system's queue is emptied by resetting who is in it. */
  onDescriptorsExhausted(raw: string): void {
    this.metrics.of.descriptorsExhausted.labels({}).inc();
    const suppressed = this.#admit(`descriptors ${raw}`);
    if (suppressed === undefined) return;
    const about = { raw, ...more(suppressed) };
    this.#log.error(
      about,
      'no file descriptor is left: connections are reset (raise the limit, LimitNOFILE of systemd)',
    );
  }

  onBackendConnected(label: string, verdict: Verdict | undefined, times: ConnectTimes): void {
    this.#observe(label, times);
    this.handshakes.noteSuccess(label, verdict, this.#clock.now());
    if (verdict === undefined) return;
    this.#countHandshake(label, 'ok', verdict.version, verdict.resumed);
    countNegotiated(this.metrics.of, 'backend', verdict);
  }

  onBackendConnectFailure(label: string, fault: Fault, times: ConnectTimes): void {
    this.#observe(label, times);
    const now = this.#clock.now();
    this.handshakes.noteFailure(label, fault, now);
    const { code, detail, raw, help } = fault;
    // Those are told with the request that they fail.
    if (!isRefusalOfOurs(code))
      this.#failures?.noteBackend(
        { code, detail, raw, help, address: label, isHandshake: times.handshakeMs !== undefined },
        now,
      );
    this.metrics.of.upstreamConnectFailures.labels({ backend: label, code: fault.code }).inc();
    if (times.handshakeMs !== undefined) this.#countHandshake(label, fault.code, '', false);
  }

  /** The request that met it is counted and logged by itself; here is whom the backend does not let in. */
  onBackendRefusal(label: string, fault: Fault): void {
    this.handshakes.noteFailure(label, fault, this.#clock.now());
  }

  /** A connection that was passed through ended because of its target. */
  onPassThroughFault({ code, detail = '', raw, help }: Fault, backend: string): void {
    const suppressed = this.#admit(`passed through ${backend} ${code}`);
    if (suppressed === undefined) return;
    const about = { backend, code, detail, raw, help, ...more(suppressed) };
    this.#log.warn(about, `a connection could not be passed through: ${code}: ${detail}`);
  }

  onBackendCertificate(label: string, leaf: CertificateFacts): void {
    this.observed.note(label, leaf);
    this.handshakes.noteCertificate(label, leaf, this.#clock.now());
  }

  onBackendDistrusted(label: string, { code, detail }: VerificationResult): void {
    const suppressed = this.#admit(`distrusted ${label} ${code}`, detail);
    if (suppressed === undefined) return;
    const about = { backend: label, code, detail, ...more(suppressed) };
    this.#log.warn(about, `connections to a backend closed: ${code}: ${label}: ${detail}`);
  }

  onBackendHealth(label: string, state: HealthState): void {
    if (state.healthy) {
      this.#log.info({ backend: label, source: state.source }, 'backend is healthy again');
    } else {
      const { code = 'down', detail = '', raw = '', help } = state.reason ?? {};
      const about = { backend: label, source: state.source, code, detail, raw, help };
      this.#log.warn(about, `backend marked down: ${code}: ${detail === '' ? label : detail}`);
    }
  }

  onLookUp(result: 'ok' | LookUpFailure['code']): void {
    this.metrics.of.dnsLookups.labels({ result }).inc();
  }

  onAddresses(name: string, addresses: readonly string[]): void {
    this.#log.info({ name, addresses }, 'a host name of backends has other addresses');
  }

  onLookUpFailure(name: string, { code, raw, detail }: LookUpFailure, kept: readonly string[]): void {
    const suppressed = this.#admit(`look-up ${name} ${code}`);
    if (suppressed === undefined) return;
    const about = { name, code, raw, detail, ...(suppressed > 0 ? { suppressed } : {}) };
    if (kept.length === 0) this.#log.warn(about, 'a host name has no address');
    else this.#log.warn({ ...about, addresses: kept }, 'a look-up failed; the addresses of before stay in use');
  }

  #observe(backend: string, { connectMs, handshakeMs }: ConnectTimes): void {
    const { of } = this.metrics;
    of.upstreamConnectSeconds.labels({ backend }).observe(connectMs / 1000);
    if (handshakeMs === undefined) return;
    of.upstreamHandshakeSeconds.labels({ backend }).observe(handshakeMs / 1000);
    of.tlsHandshakeSeconds.labels({ leg: 'backend' }).observe(handshakeMs / 1000);
  }

  #countHandshake(backend: string, result: string, version: string, resumed: boolean): void {
    const { of } = this.metrics;
    const labels = { leg: 'backend', policy: '', backend, result, version, resumed: String(resumed) };
    of.tlsHandshakes.labels(labels).inc();
    if (resumed) of.tlsSessionReused.labels({ leg: 'backend' }).inc();
  }

  /** The rules have changed: what fails from now on is told as if nothing had been said. */
  onReload(): void {
    this.#quiet.reset();
  }

  #admit(kind: string, variant?: string): number | undefined {
    return this.#quiet.admit(kind, variant);
  }
}

/** The backend looked at our certificate, or missed one. */
function isRefusalOfOurs(code: string): code is 'refused_by_peer' | 'no_client_cert' {
  return code === 'refused_by_peer' || code === 'no_client_cert';
}

function more(suppressed: number): { suppressed?: number } {
  return suppressed > 0 ? { suppressed } : {};
}
