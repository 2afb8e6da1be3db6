// The TLS entry point with what the gateway adds to it: counters for every handshake, one log line for each that failed.
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../base/clock.ts';
import { faultTable } from '../base/fault.ts';
import type { Deadlines } from '../base/deadline.ts';
import type { DownstreamState, DownstreamDependencies, VerifiedClient } from './dependencies.ts';
import { HandshakeLog } from './handshake-log.ts';
import type { Intermediates } from '../trust/intermediates.ts';
import { TlsListener } from './listener.ts';
import type { Peer } from './peer.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { MetricCatalogue } from '../telemetry/metrics.ts';

export type TlsEntryOptions = {
  readonly maxConnections: number;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly log: Logger;
  readonly metrics: MetricCatalogue;
  readonly intermediates: Intermediates;
  readonly ocsp: DownstreamDependencies['ocsp'];
  readonly current: () => DownstreamState;
  /** Every client that got as far as a verdict; undefined: nobody keeps a record. */
  readonly onVerified?: ((verified: VerifiedClient) => void) | undefined;
  readonly onConnection: (socket: TLSSocket, peer: Peer, transport: Socket) => void;
  readonly onDefect: (error: unknown) => void;
};

export type TlsEntry = {
  /** Not listening yet. */
  readonly listener: TlsListener;
  /** Writes what was counted of repeated failures and not told yet: before the process ends. */
  readonly flushRefusals: () => void;
};

export function makeTlsEntry(options: TlsEntryOptions): TlsEntry {
  const { clock, deadlines, log, metrics, intermediates, ocsp, current, onConnection, onVerified, onDefect } = options;
  const refusals = new HandshakeLog({
    clock,
    write: (line) =>
      log.warn({ ...line, time: undefined, help: faultTable[line.code].help }, `handshake refused: ${line.code}`),
    onOverflow: (count) =>
      log.warn({ count }, 'further handshakes were refused, from more addresses than are told apart'),
  });
  const listener = new TlsListener({
    limits: { maxConnections: options.maxConnections },
    clock,
    deadlines,
    intermediates,
    ocsp,
    current,
    onConnection,
    onDefect,
    ...(onVerified === undefined ? {} : { onVerified }),
    onRefused: (record) => refusals.add(record),
    onOutcome: ({ policy, code, version, resumed, certificate, durationMs }) => {
      const labels = { leg: 'client', policy, backend: '', result: code, version, resumed: String(resumed) };
      metrics.tlsHandshakes.labels(labels).inc();
      metrics.tlsHandshakeSeconds.labels({ leg: 'client' }).observe(durationMs / 1000);
      if (resumed) metrics.tlsSessionReused.labels({ leg: 'client' }).inc();
      // Attempts that ended earlier never came to that question.
      if (!certificate && (code === 'ok' || code === 'no_client_cert'))
        metrics.tlsNoCertificate.labels({ policy }).inc();
    },
  });
  return { listener, flushRefusals: () => refusals.flush() };
}
