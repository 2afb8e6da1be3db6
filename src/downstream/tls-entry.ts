// The TLS entry point with what the gateway adds to it: counters for every handshake, one log line for each that failed.
import type { DownstreamDependencies } from './dependencies.ts';
import { HandshakeLog, type HandshakeLogLine } from './handshake-log.ts';
import { type HandshakeRecord, summarize } from './handshake-record.ts';
import { TlsListener } from './listener.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { MetricCatalogue } from '../telemetry/metrics.ts';
import { countNegotiated } from '../trust/count-negotiated.ts';

/** What it reports of refusals and outcomes goes to the log and the metrics. */
export type TlsEntryOptions = Omit<DownstreamDependencies, 'onRefused' | 'onOutcome' | 'onVerified' | 'onChallenge'> & {
  /** undefined: nobody keeps a record. */
  readonly onVerified: DownstreamDependencies['onVerified'] | undefined;
  /** Every failed handshake, as the log has it. Must not throw. */
  readonly onFailure?: ((record: HandshakeRecord) => void) | undefined;
  readonly maxConnections: number;
  readonly log: Logger;
  readonly metrics: MetricCatalogue;
};

export type TlsEntry = {
  /** Not listening yet. */
  readonly listener: TlsListener;
  /** Writes what was counted of repeated failures and not told yet, and begins anew. */
  readonly flushRefusals: () => void;
};

export function makeTlsEntry({
  maxConnections,
  log,
  metrics,
  onVerified,
  onFailure,
  ...dependencies
}: TlsEntryOptions): TlsEntry {
  const refusals = new HandshakeLog({
    clock: dependencies.clock,
    write: (line) => writeRefusal(log, line),
    onOverflow: (count) =>
      log.warn({ count }, 'further handshakes were refused, from more addresses than are told apart'),
  });
  const listener = new TlsListener({
    ...dependencies,
    ...(onVerified === undefined ? {} : { onVerified }),
    limits: { maxConnections },
    onRefused: (record) => {
      if (record.isSelfTest === true) return;
      refusals.add(record);
      onFailure?.(record);
    },
    onChallenge: () => metrics.acmeChallenges.labels({ type: 'tls-alpn-01' }).inc(),
    onOutcome: ({ policy, code, verdict, stapled, durationMs, waited, isSelfTest }) => {
      if (isSelfTest) {
        metrics.selfTestHandshakes.labels({ policy, result: code }).inc();
        return;
      }
      const { version = '', resumed = false } = verdict ?? {};
      const labels = { leg: 'client', policy, backend: '', result: code, version, resumed: String(resumed) };
      metrics.tlsHandshakes.labels(labels).inc();
      metrics.tlsHandshakeSeconds.labels({ leg: 'client' }).observe(durationMs / 1000);
      if (waited) metrics.tlsHandshakesWaited.labels({}).inc();
      if (verdict !== undefined) countNegotiated(metrics, 'client', verdict);
      if (stapled !== undefined) metrics.tlsStaples.labels({ result: stapled ? 'sent' : 'none' }).inc();
      if (resumed) metrics.tlsSessionReused.labels({ leg: 'client' }).inc();
      // Attempts that ended earlier never came to that question.
      if (verdict?.leaf === undefined && (code === 'ok' || code === 'no_client_cert'))
        metrics.tlsNoCertificate.labels({ policy }).inc();
    },
  });
  return { listener, flushRefusals: () => refusals.flush() };
}

/** The cause first, what else is known then, what to do last. */
function writeRefusal(log: Logger, line: HandshakeLogLine): void {
  const { time: _, help, code, raw, serverName, policy, leaf, repeated, ...connection } = line;
  const more = repeated === 0 ? '' : `; the last of ${repeated} more like it`;
  log.warn({ code, raw, serverName, policy, repeated, ...connection, leaf, help }, summarize(line) + more);
}
