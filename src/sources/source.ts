// The contract of sources of certificates (decision 0067): somebody who delivers a certificate with its key, or certificates of
// CAs, while the gateway runs. A source runs in the primary, never on the data path. It knows how to talk to whoever has the
// material; when it is asked, what is believed of what it delivers, and what becomes of it, is feed.ts and publisher.ts.
//
// To add one: its settings as a member of SourceSettings (config/source-config.ts), its keys in config/pair-sources.ts or
// config/bundle-sources.ts, its class here, a line in make-source.ts, and a bench in test/conformance/sources.test.ts.
import type { ChallengeAnswer } from '../acme/challenge-answers.ts';
import type { Clock } from '../base/clock.ts';

/** What a source delivers: as it came, not looked at yet. */
export type Delivery = {
  /** Where a pair is wanted. `certPem`: the leaf and what stands between it and its root, in whatever order. */
  readonly pair?: { readonly certPem: string; readonly keyPem: string };
  /** Where anchors are wanted: PEM of CA certificates, all that are to be trusted from now on. */
  readonly anchorsPem?: string;
  /** When it should be renewed, milliseconds since the epoch; undefined: at two thirds of its lifetime, of CAs within an hour. */
  readonly renewAt?: number;
};

/** Why there is nothing new, for whoever runs the gateway. No secret, nothing of what a command wrote that may be one. */
export type SourceProblem = {
  /** Stable, snake_case. */
  readonly code: string;
  readonly message: string;
  /** What to do; '' where the message says it all. */
  readonly hint: string;
  /** Whoever was asked said not to be asked again earlier; default: soon, then later each time. */
  readonly retryAfterMs?: number;
};

/** Thrown by those who fetch. */
export class SourceFailure extends Error implements SourceProblem {
  readonly code: string;
  readonly hint: string;
  readonly retryAfterMs?: number;

  constructor({ code, message, hint, retryAfterMs }: SourceProblem, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.hint = hint;
    if (retryAfterMs !== undefined) this.retryAfterMs = retryAfterMs;
  }
}

/** Whom a source tells. Both may be called at any time between `open` and `close`, never before `open` has returned. */
export type SourceSink = {
  deliver(delivery: Delivery): void;
  fail(problem: SourceProblem): void;
};

export type Source = {
  /** Called once, first. Must not throw. */
  open(sink: SourceSink): void;
  /**
   * Material is due: there is none yet, what there is comes to its end, or the last attempt failed some time ago. Ends in one
   * call of the sink at least; a source that is told by the other side, and is connected, does nothing. Never called again while
   * a call has not come to its end, as the sink hears it. Must not throw.
   */
  renew(): void;
  /** From now on the sink hears nothing. Lets go of processes and connections. */
  close(): void;
};

/** Our own listeners, for a source whose other side looks at them (ACME). */
export type ChallengeHost = {
  /** Resolves when clients are served. Rejects with the reason of the signal. */
  ready(signal: AbortSignal): Promise<void>;
  /** These and no others for the orders of `owner`. Resolves when every worker answers so. */
  publish(owner: string, answers: readonly ChallengeAnswer[]): Promise<void>;
};

/** The world, for those who make sources. */
export type SourceHost = {
  readonly clock: Clock;
  /** Between 0 and 1. */
  readonly random: () => number;
  /** Undefined: nobody is served here, and nothing is ordered that would need it. */
  readonly challenges?: ChallengeHost | undefined;
  /** Of the primary. */
  readonly env: Readonly<Record<string, string | undefined>>;
};

/** A source that answers when it is asked. `fetch` rejects with a SourceFailure; another error is a defect of ours. */
export class PolledSource implements Source {
  readonly #fetch: (signal: AbortSignal) => Promise<Delivery>;
  readonly #stop = new AbortController();
  #sink: SourceSink | undefined;
  #busy = false;

  constructor(fetch: (signal: AbortSignal) => Promise<Delivery>) {
    this.#fetch = fetch;
  }

  open(sink: SourceSink): void {
    this.#sink = sink;
  }

  renew(): void {
    if (this.#busy) return;
    this.#busy = true;
    const { signal } = this.#stop;
    void this.#fetch(signal).then(
      (delivery) => this.#end((sink) => sink.deliver(delivery)),
      (error: unknown) => this.#end((sink) => sink.fail(problemOf(error))),
    );
  }

  close(): void {
    this.#sink = undefined;
    this.#stop.abort();
  }

  #end(tell: (sink: SourceSink) => void): void {
    this.#busy = false;
    if (this.#sink !== undefined) tell(this.#sink);
  }
}

/** What is thrown, as a problem. */
export function problemOf(error: unknown): SourceProblem {
  if (error instanceof SourceFailure) return error;
  const message = `internal error: ${error instanceof Error ? error.message : String(error)}`;
  return { code: 'source_defect', message, hint: 'Please report this.' };
}
