// The contract of filters: what a route does with a request beside passing it on. A filter sees each request of its routes
// after they are matched and authorised, and answers it, lets it pass, or makes it wait; it may change fields on both ways.
// Filters run in the order of their route, on answers of the backend in the reverse order. Which faults follow from one that
// fails is decided by flow/filtering.ts: a request whose filter failed never passes.
import type { Fault } from '../base/fault.ts';
import type { Identity } from '../trust/verdict.ts';
import { type FieldBlock, FieldKind, kindOf } from '../http/field.ts';
import type { FieldEdits } from './field-edits.ts';

/** How long a filter may make a request wait where it says nothing, in milliseconds. */
export const defaultWaitMs = 5_000;

/** One for all requests of a route; must not keep a request once it is over. */
export interface Filter {
  /** The key of the configuration that it comes from: for the log. */
  readonly name: string;
  /**
   * Request fields by which it says something of the client on its own authority (a user, a tenant): no client's own get
   * through any more, in no spelling, on no route, since a backend can stand behind several.
   */
  readonly sets?: readonly string[];
  /** Longest wait of one request, milliseconds; then it is refused with filter_timeout. */
  readonly waitMs?: number;
  /**
   * An answer, `pass`, or a promise of either, during which the request waits: its body is not read, and nothing of it has
   * reached a backend. To refuse, throw (or reject with) a Fault; anything else that is thrown is a defect, answered with 500.
   */
  onRequest(request: FilterRequest): FilterResult | Promise<FilterResult>;
  /** The head of the backend's answer, before anything of it is sent. What it throws is answered like the above. */
  onResponse?(response: FilterResponse, request: FilterRequest): void;
}

export type FilterResult = 'pass' | Answer;

/** What a filter sees of a request. The same object from its first filter to the end of its answer. */
export interface FilterRequest {
  readonly requestId: string;
  readonly method: string;
  /** Canonical, without port; '' where the client sent none. */
  readonly host: string;
  /** Normalised. */
  readonly path: string;
  /** With its `?`; '' where there is none. */
  readonly query: string;
  /** Name of the route. */
  readonly route: string;
  /** Came over TLS. */
  readonly secure: boolean;
  /** Of the client, where its certificate passed every check. */
  readonly identity: Identity | undefined;
  /** Of the client; where a trusted proxy names it, the one that it names. */
  readonly address: string;
  /** The client's fields as the backend will get them: without what no client may say for itself, with what filters changed. */
  readonly fields: FieldEdits;
  /**
   * Set by a filter while it waits: called once where nobody waits for it any more, since its time is up or the client is
   * gone. What its promise settles with afterwards is ignored.
   */
  onCancel: ((why: Fault) => void) | undefined;
}

/** What a filter sees of the backend's answer. */
export interface FilterResponse {
  /** Throws RangeError where it is set to what is no final status (200 to 599). */
  status: number;
  readonly fields: FieldEdits;
}

/** Throws RangeError where no answer can end with this status. */
export function checkStatus(status: number): void {
  if (!Number.isInteger(status) || status < 200 || status > 599) throw new RangeError(`${status} is no final status`);
}

/** A whole answer of the gateway itself. Made once where it is the same for all. */
export class Answer {
  readonly status: number;
  readonly fields: FieldBlock;
  /** UTF-8. */
  readonly body: string;
  /** Where it is a refusal: for log and metrics, nothing of it is sent. */
  readonly fault: Fault | undefined;

  /** Throws RangeError for a status that is none, and for fields that frame a message or concern one connection. */
  constructor(status: number, fields: FieldBlock, body: string, fault?: Fault) {
    checkStatus(status);
    const framing = fields.pairs.find(([name]) => kindOf(name.toLowerCase()) !== FieldKind.plain);
    if (framing !== undefined) throw new RangeError(`${framing[0]} frames messages: no filter sets it`);
    this.status = status;
    this.fields = fields;
    this.body = body;
    this.fault = fault;
  }
}
