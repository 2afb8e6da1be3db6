// What the primary is asked about a request that somebody tries, and what it answers: plain data.
import type { Step } from '../diagnosis/step.ts';

export type TestQuestion = {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string | null;
  /** Of the certificates that run; null: none is shown. */
  readonly certificateId: string | null;
  readonly entryPoint: string | undefined;
};

export type TestReport = {
  readonly entryPoint: string;
  /** host:port that was connected to. */
  readonly address: string;
  readonly durationMs: number;
  /** Of the handshake with the gateway. */
  readonly steps: readonly Step[];
  /** As `routes:match` tells it. */
  readonly match: { readonly reachesBackend: boolean; readonly answer: { readonly code: string } | null };
  readonly backends: readonly { readonly backend: string; readonly steps: readonly Step[] }[];
  readonly answer: {
    readonly status: number;
    readonly headers: readonly (readonly [string, string])[];
    /** One of both. */
    readonly text: string | null;
    readonly base64: string | null;
    readonly bytes: number;
    readonly truncated: boolean;
  } | null;
  /** Of the fault table; null: nothing went wrong as far as the gateway says. */
  readonly code: string | null;
  readonly curl: string;
  readonly openssl: string | null;
};
