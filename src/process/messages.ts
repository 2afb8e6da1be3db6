// What the primary and its workers say to each other. Plain data over the fork's IPC channel (structured clone).
import type { ChallengeAnswer } from '../acme/challenge-answers.ts';
import type { SpentReport } from '../filters/rate-counters.ts';
import type { FailureReport } from '../gateway/failure-tally.ts';
import type { Observation } from '../gateway/observation.ts';
import type { SeenReport } from '../inventory/seen-clients.ts';
import type { Staple } from '../ocsp/staples.ts';
import type { ListenPorts } from '../downstream/entry-points.ts';
import type { SharedTicketKey, TicketSeed } from '../downstream/ticket-secret.ts';
import type { CrlMessage } from '../crl/subscriber.ts';
import type { LoadedRules } from '../loading/loaded.ts';
import type { MetricsSnapshot } from '../telemetry/metrics.ts';
import type { SpanBatch } from '../telemetry/tracer.ts';
import type { PayloadPiece } from './payload.ts';

/** Ports that were chosen at start: a worker listens on exactly these (0 in the configuration is any free one). */
export type Ports = ListenPorts;

export type ToWorker =
  /** A part of the configuration of the `prepare` with this number, which will follow (payload.ts). */
  | { readonly kind: 'piece'; readonly id: number; readonly piece: PayloadPiece }
  /** Build everything for this generation, without using it yet. */
  | {
      readonly kind: 'prepare';
      readonly id: number;
      readonly generation: number;
      /** The generation whose rules the pieces refer to: the one that is active. */
      readonly base: number | undefined;
      readonly loaded: LoadedRules;
      readonly ticketSeed: TicketSeed;
    }
  /** All workers could: use it from now on. */
  | { readonly kind: 'commit'; readonly generation: number }
  /** One could not: forget it. */
  | { readonly kind: 'abandon'; readonly generation: number }
  /** `proven`: the runtime that passed its self-test in another worker, if any did. */
  | {
      readonly kind: 'listen';
      readonly ports: Ports;
      readonly proven: string | undefined;
      /** By which it knows the gateway's own attempts. */
      readonly selfTestKey: Uint8Array;
    }
  | { readonly kind: 'snapshot'; readonly id: number }
  | { readonly kind: 'observe'; readonly id: number }
  /** Give a sign of life. */
  | { readonly kind: 'ping' }
  | CrlMessage
  /** Ticket keys that all gateways on one store have; their epochs are counted by this rotation. */
  | { readonly kind: 'ticketKeys'; readonly shared: readonly SharedTicketKey[]; readonly rotationMs: number }
  /** Intermediates that another worker learned, DER. */
  | { readonly kind: 'intermediates'; readonly ders: readonly Uint8Array[] }
  /** What rate limits of another worker counted. */
  | { readonly kind: 'spent'; readonly report: SpentReport }
  /** Tell what was seen of clients since the last time, now. */
  | { readonly kind: 'seen'; readonly id: number }
  /** Clients that the primary does not know: to be told in full when they come again. */
  | { readonly kind: 'forgetSeen'; readonly keys: readonly string[] }
  /** The OCSP response for a certificate of ours (SHA-256, hexadecimal); undefined: none any more. */
  | { readonly kind: 'staple'; readonly sha256: string; readonly staple: Staple | undefined }
  /** What a CA that validates is to find from now on, and nothing else. */
  | { readonly kind: 'challenges'; readonly id: number; readonly answers: readonly ChallengeAnswer[] }
  /** Reopen log files (after a rotation). */
  | { readonly kind: 'reopen' }
  | { readonly kind: 'drain' };

export type FromWorker =
  | { readonly kind: 'up' }
  | { readonly kind: 'pong' }
  /** `id` of the question. */
  | { readonly kind: 'prepared'; readonly id: number }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string }
  /** It answers so: `id` of the question. */
  | { readonly kind: 'challenged'; readonly id: number }
  /** Requests get this generation, and open connections were verified by it. */
  | { readonly kind: 'committed'; readonly generation: number }
  /** `runtime`: the one that passed its self-test. */
  | { readonly kind: 'listening'; readonly runtime: string }
  | { readonly kind: 'listenFailed'; readonly message: string }
  /** A defect ends this worker: it finishes what it has and accepts nothing more, so its successor may come at once. */
  | { readonly kind: 'leaving' }
  /** A client sent this intermediate (DER), and its chain was verified: the other workers should know it. */
  | { readonly kind: 'intermediate'; readonly der: Uint8Array }
  /** What its rate limits counted, for the other workers. */
  | { readonly kind: 'spent'; readonly report: SpentReport }
  /** What was seen of clients since the last time; `id` 0: unasked. */
  | { readonly kind: 'seen'; readonly id: number; readonly report: SeenReport | undefined }
  /** Handshakes that failed since the last time. */
  | { readonly kind: 'failures'; readonly report: FailureReport }
  /** Spans of requests that are over, in JSON of OTLP. */
  | { readonly kind: 'spans'; readonly batch: SpanBatch }
  | { readonly kind: 'observed'; readonly id: number; readonly observation: Observation | undefined }
  /** `id` 0: unasked, the last one of a worker that ends. */
  | { readonly kind: 'snapshot'; readonly id: number; readonly metrics: MetricsSnapshot };
