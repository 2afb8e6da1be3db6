// Another server that a filter asks. How it is reached and verified is the upstream side's business, as for backends.
import type { Fault } from '../base/fault.ts';
import type { FieldBlock, Fields } from '../http/field.ts';

export type ServiceQuestion = {
  readonly method: 'GET';
  /** Path and query. */
  readonly target: string;
  /** Value of Host; undefined: that of the service. */
  readonly authority: string | undefined;
  readonly fields: Fields;
  readonly extra: readonly FieldBlock[];
  /** Bytes of its body that are wanted; what is longer comes without a body. */
  readonly maxBytes: number;
};

export type ServiceAnswer = {
  readonly status: number;
  readonly fields: Fields;
  /** Empty where there was none, or too much. */
  readonly body: Buffer;
};

export interface Service {
  /** `host:port`, for messages. */
  readonly label: string;
  /** Calls `done` once, later or before it returns, unless the result was called: then nobody wants it any more. */
  ask(question: ServiceQuestion, done: (outcome: ServiceAnswer | Fault) => void): () => void;
}
