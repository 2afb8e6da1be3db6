// The heads that come over HTTP/2, as the contract with the flow wants them, with what only the connection needs to know.
import type { RequestHead } from '../http/exchange.ts';
import type { Fields } from '../http/field.ts';
import type { ParseError } from '../http/parse-error.ts';

export interface Http2RequestHead extends RequestHead {
  readonly version: 20;
  /** The client waits for 100 Continue. */
  readonly expectContinue: boolean;
  /** Of an extended CONNECT (RFC 8441), which `upgrade` has too: `websocket`; '' otherwise. */
  readonly protocol: string;
}

/** A response head before it is known what was asked. */
export type ResponseSection = {
  readonly status: number;
  readonly fields: Fields;
  /** -1 where there is none. */
  readonly contentLength: number;
};

/** A message that breaks section 8 of RFC 9113; its stream has to be reset (PROTOCOL_ERROR). */
export class Malformed {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

/** What can be wrong with a request: it is malformed, or it is to be answered with the status of a fault. */
export type RequestProblem = Malformed | ParseError;
