// The catalogue of metrics: every name, label and meaning in one place (docs/metrics.md is written from it). One instance
// per process; workers send snapshots, the primary merges them (exposition.ts). Names begin with countersign_.
import { delayBuckets } from './event-loop-delay.ts';
import {
  type Counter,
  counters,
  type Family,
  type Gauge,
  gauges,
  type Histogram,
  histograms,
  type MetricSample,
} from './registry.ts';

/** The numbers of one process at one moment: plain data that crosses process boundaries. */
export type MetricsSnapshot = readonly MetricSample[];

const prefix = 'countersign_';

function catalogue() {
  const counter = <L extends string>(name: string, help: string, ...labels: L[]) =>
    counters<L>({ name: prefix + name, help, labels });
  const gauge = <L extends string>(aggregator: 'sum' | 'min' | 'max', name: string, help: string, ...labels: L[]) =>
    gauges<L>({ name: prefix + name, help, labels, aggregator });
  const seconds = <L extends string>(name: string, help: string, ...labels: L[]) =>
    histograms<L>({ name: prefix + name, help, labels });
  return {
    // TLS on both sides. leg: client | backend; result: a verdict code (docs/faults.md).
    tlsHandshakes: counter(
      'tls_handshakes_total',
      'TLS handshakes by how they ended: leg client or backend, result ok or a reason code',
      'leg',
      'policy',
      'backend',
      'result',
      'version',
      'resumed',
    ),
    tlsCiphers: counter('tls_ciphers_total', 'TLS connections by cipher suite', 'leg', 'version', 'cipher'),
    tlsGroups: counter('tls_groups_total', 'Full TLS handshakes by key exchange group', 'leg', 'group'),
    tlsCertificates: counter(
      'tls_certificates_total',
      'TLS connections by what the other side showed: its key, and how its certificate is signed',
      'leg',
      'key',
      'signature',
    ),
    tlsStaples: counter(
      'tls_staples_total',
      'Clients that asked for a stapled OCSP response where stapling is on: result sent or none',
      'result',
    ),
    acmeChallenges: counter(
      'acme_challenges_answered_total',
      'Looks of a CA at what an open order has put here',
      'type',
    ),
    tlsHandshakeSeconds: seconds('tls_handshake_seconds', 'Duration of TLS handshakes', 'leg'),
    tlsHandshakesWaited: counter(
      'tls_handshakes_waited_total',
      'Handshakes of clients that waited for their turn, since others started at the same time',
    ),
    tlsSessionReused: counter('tls_session_reused_total', 'Handshakes that resumed a session', 'leg'),
    tlsNoCertificate: counter('tls_no_certificate_total', 'Clients that sent no certificate', 'policy'),
    certificateExpiry: gauge(
      'min',
      'certificate_expiry_timestamp_seconds',
      'When a certificate expires (a CRL: its nextUpdate; role backend: what a backend showed last), seconds since the epoch',
      'role',
      'subject',
    ),
    trustReEvaluated: counter(
      'trust_rejudged_total',
      'Open client connections judged again because trust changed: result ok, or why they were closed',
      'result',
    ),
    sessionsRevoked: gauge(
      'sum',
      'sessions_with_revoked_certificate',
      'Open client connections whose certificate is known to be revoked: returns to 0 as they are closed',
    ),
    ocspRequests: counter(
      'ocsp_requests_total',
      'Questions to OCSP responders: use client or staple, result good, revoked, unknown or why there is no answer',
      'use',
      'policy',
      'result',
    ),
    ocspSoftPasses: counter(
      'ocsp_soft_passes_total',
      'Clients let in although OCSP could not say that they are good (mode soft), by why not',
      'policy',
      'problem',
    ),
    stapleMissing: gauge(
      'max',
      'must_staple_missing',
      'Must-staple certificates of ours without a valid OCSP response',
    ),
    ocspAnswers: gauge('sum', 'ocsp_answers', 'OCSP answers about clients that are kept'),
    crlEntries: gauge('max', 'crl_entries', 'Revoked certificates in each CRL in force', 'source', 'issuer', 'number'),
    crlLastRefresh: gauge(
      'max',
      'crl_last_refresh_timestamp_seconds',
      'When a source of CRLs was last read without any error, seconds since the epoch',
      'source',
    ),
    crlRefreshFailures: counter(
      'crl_refresh_failures_total',
      'CRLs that could not be read, verified or fetched, or were older than the one in force',
      'source',
    ),
    sourceUp: gauge(
      'min',
      'certificate_source_up',
      'Whether the last attempt to get a certificate or CAs from a source brought something that can be used',
      'source',
      'kind',
    ),
    sourceFailures: counter(
      'certificate_source_failures_total',
      'Attempts to get a certificate or CAs from a source that brought nothing that can be used',
      'source',
      'kind',
    ),
    sourceNextRenewal: gauge(
      'min',
      'certificate_source_next_renewal_timestamp_seconds',
      'When a source is asked next, seconds since the epoch; absent where the source tells by itself',
      'source',
      'kind',
    ),
    sourceNotAfter: gauge(
      'min',
      'certificate_source_not_after_timestamp_seconds',
      'When what a source delivered last expires, seconds since the epoch',
      'source',
      'kind',
    ),
    spans: counter(
      'spans_total',
      'Spans of requests for the collector: result exported, or dropped where it did not take them in time',
      'result',
    ),
    handshakeFailuresDropped: counter(
      'handshake_failures_dropped_total',
      'Failed handshakes that the list of the API does not have, because there were too many kinds at once or no control process took them (the log has them)',
    ),
    trustRecordIdentities: gauge(
      'sum',
      'trust_record_identities',
      'Client certificates in the trust record: kind accepted (let in at least once) or refused',
      'kind',
    ),
    trustRecordFailures: counter(
      'trust_record_write_failures_total',
      'Times that the file of the trust record could not be written',
    ),
    verificationDisabled: gauge(
      'max',
      'backend_verification_disabled',
      '1 for each route whose backends are not verified (insecureSkipVerify)',
      'route',
    ),

    // Clients and their requests.
    connectionsActive: gauge('sum', 'connections_active', 'Open client connections', 'entry_point'),
    http2Connections: gauge('sum', 'http2_connections_active', 'Open HTTP/2 connections: leg client or backend', 'leg'),
    http2StreamsActive: gauge('sum', 'http2_streams_active', 'Open streams of HTTP/2: leg client or backend', 'leg'),
    http2Streams: counter('http2_streams_total', 'Streams of HTTP/2 that were taken on: leg client or backend', 'leg'),
    http2Resets: counter(
      'http2_resets_total',
      'RST_STREAM frames: leg client or backend, direction sent or received',
      'leg',
      'direction',
    ),
    http2GoAways: counter(
      'http2_goaways_total',
      'GOAWAY frames: leg client or backend, direction sent or received, code of RFC 9113 (ENHANCE_YOUR_CALM that is sent: a flood)',
      'leg',
      'direction',
      'code',
    ),
    connections: counter('connections_total', 'Accepted client connections', 'entry_point'),
    passThroughBytes: counter(
      'passthrough_bytes_total',
      'Bytes of connections that were passed through, counted at their end: direction received (from the client) or sent',
      'backend',
      'direction',
    ),
    requestsActive: gauge('sum', 'requests_active', 'Requests in progress'),
    tunnelsActive: gauge('sum', 'tunnels_active', 'Of these, WebSockets and other requests that switched protocols'),
    requests: counter(
      'requests_total',
      'Requests by class of the status that their client got (2xx; 0xx: the gateway cut them off before an answer)',
      'route',
      'status',
      'backend',
    ),
    requestSeconds: seconds('request_seconds', 'From the head of a request to the end of its answer', 'route'),
    faults: counter('faults_total', 'Failed requests by reason code and whose fault it was', 'code', 'source'),

    authResults: counter(
      'auth_results_total',
      'Requests that a middleware of the kind basicAuth, jwtAuth or forwardAuth decided: result passed, missing, refused or unavailable',
      'middleware',
      'result',
    ),
    identityChainUnknown: counter(
      'identity_chain_unknown_total',
      'Client connections whose chain was to be forwarded and is not known, so that backends got the certificate alone',
    ),

    // Backends.
    upstreamConnectSeconds: seconds(
      'upstream_connect_seconds',
      'TCP connect to a backend, however it ended',
      'backend',
    ),
    upstreamHandshakeSeconds: seconds(
      'upstream_handshake_seconds',
      'TLS handshake with a backend, however it ended',
      'backend',
    ),
    dnsLookups: counter(
      'dns_lookups_total',
      'Look-ups of host names by result: ok, not_found, timeout or failed',
      'result',
    ),
    dnsStaleNames: gauge(
      'max',
      'dns_stale_names',
      'Host names whose last look-up failed and whose addresses of before are in use, in the worker that has most',
    ),
    upstreamConnectFailures: counter(
      'upstream_connect_failures_total',
      'Connections to a backend that did not come about, in TCP or in TLS, by reason code',
      'backend',
      'code',
    ),
    upstreamFirstByteSeconds: seconds(
      'upstream_first_byte_seconds',
      'From the request on its way to the head of the answer',
      'backend',
    ),
    upstreamConnections: gauge(
      'sum',
      'upstream_connections',
      'Open connections to a backend of the configuration in force',
      'backend',
    ),
    upstreamWaiting: gauge(
      'sum',
      'upstream_waiting_requests',
      'Requests that wait for a connection to a backend',
      'backend',
    ),
    bufferedBytes: gauge(
      'sum',
      'buffered_bytes',
      'Bytes kept for slow clients: request bodies before a backend is asked, answers after it has told all',
      'body',
    ),
    upstreamRetries: counter(
      'upstream_retries_total',
      'Requests tried again, by the backend that failed them',
      'backend',
    ),
    backendHealthy: gauge(
      'min',
      'backend_healthy',
      '1 where every worker takes the backend for healthy',
      'route',
      'backend',
    ),

    // The gateway itself.
    configGeneration: gauge('max', 'config_generation', 'Number of the configuration in force'),
    configReloadFailures: counter('config_reload_failures_total', 'Reloads that kept the last good configuration'),
    configReloadFailed: gauge(
      'max',
      'config_reload_failed',
      '1 while the newest configuration on disk is not in force',
    ),
    configStoreUp: gauge(
      'max',
      'config_store_up',
      '1 while the store of the configuration can be read and is what it says, 0 while the last good revision stands in for it',
    ),
    configStoreRevision: gauge('max', 'config_store_revision', 'Number of the store revision that was loaded last'),
    configStoreAge: gauge(
      'max',
      'config_store_age_seconds',
      'Seconds since the store could be read last; 0 while it can',
    ),
    controlUp: gauge('max', 'control_up', '1 while the control process runs and answers (gateway.store), else 0'),
    controlEnds: counter('control_ends_total', 'Times that the control process ended and was started again'),
    alertsFiring: gauge(
      'max',
      'alerts_firing',
      'Alerts of this gateway that last (docs/alerts.md); none are known while there is no control process',
      'kind',
      'code',
      'severity',
    ),
    alertDeliveries: counter(
      'alert_deliveries_total',
      'Attempts to tell a receiver of alerts: result ok, status (it answered none of 2xx), redirect or a reason code',
      'receiver',
      'result',
    ),
    configDrift: gauge(
      'max',
      'config_drift',
      '1 while what runs is not what is meant: kind behind (another revision than the newest), unauthorised (a file or a row that nobody approved) or behaviour (a listener does something else than is declared)',
      'kind',
      'gateway',
    ),
    selfTestHandshakes: counter(
      'self_test_handshakes_total',
      'Handshakes of the gateway with its own listeners, which no other metric counts: result ok or a reason code',
      'policy',
      'result',
    ),
    workers: gauge('sum', 'workers', 'Worker processes that are ready and answered lately'),
    workerRestarts: counter('worker_restarts_total', 'Workers started again after they ended'),
    workerHangs: counter('worker_hangs_total', 'Workers that did not answer any more and were ended for it'),
    processCpuSeconds: counter(
      'process_cpu_seconds_total',
      'CPU time, user and system, by process: primary or worker (all together)',
      'process',
    ),
    processMemory: gauge(
      'sum',
      'process_resident_memory_bytes',
      'Resident memory by process: primary or worker (all together; pages that they share count each time)',
      'process',
    ),
    eventLoopBusySeconds: counter(
      'event_loop_busy_seconds_total',
      'Time that event loops were not waiting, by process; its rate, by countersign_workers, is how near workers are to their limit (1)',
      'process',
    ),
    eventLoopDelaySeconds: histograms<'process'>(
      {
        name: `${prefix}event_loop_delay_seconds`,
        help: 'How late event loops came to what was due, by process: of each process and second the longest',
        labels: ['process'],
      },
      delayBuckets,
    ),
    eventLoopDelayMax: gauge(
      'max',
      'event_loop_delay_max_seconds',
      'The longest delay of an event loop in the last minute, by process: a turn of 20 ms shows as 0.015 to 0.02',
      'process',
    ),
    connectionsRefused: counter(
      'connections_refused_total',
      'Connections to a plain entry point that were turned away: too many at once, or for their PROXY header or clientLimits, of which faults_total has the code (over TLS: handshakes with such a result)',
      'entry_point',
    ),
    descriptorsExhausted: counter(
      'file_descriptors_exhausted_total',
      'Looks, one a second and worker, that found no file descriptor left: connections are reset meanwhile',
    ),
    accessLogDropped: counter('access_log_dropped_total', 'Access log lines that could not be written'),
    logDropped: counter('log_dropped_total', 'Log lines that could not be written'),
  } as const;
}

export type MetricCatalogue = ReturnType<typeof catalogue>;

/** The metrics of one process. */
export class Metrics {
  readonly of: MetricCatalogue = catalogue();

  snapshot(): MetricsSnapshot {
    return this.families().map((family) => family.snapshot());
  }

  /** All metrics, for documentation. */
  families(): readonly Family<string, Counter | Gauge | Histogram>[] {
    return Object.values(this.of);
  }
}

/** Content-Type of what writeExposition gives. */
export const metricsContentType = 'text/plain; version=0.0.4; charset=utf-8';
