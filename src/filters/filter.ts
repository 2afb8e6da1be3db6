// The contract of filters: what a route does with a request beside passing it on. A filter sees each request of its routes
// after they are matched and authorised, and answers it, lets it pass, or makes it wait; it may change fields on both ways.
// Filters run in the order of their route, on answers of the backend in the reverse order. Which faults follow from one that
// fails is decided by flow/filtering.ts: a request whose filter failed never passes.
import type { BrotliCompress, Gzip, ZstdCompress } from 'node:zlib';
import type { Fault } from '../base/fault.ts';
import type { Identity } from '../trust/verdict.ts';
import { type FieldBlock, FieldKind, type Fields, kindOf } from '../http/field.ts';
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
  readonly waitMs?: number | undefined;
  /**
   * An answer, `pass`, or a promise of either, during which the request waits: its body is not read, and nothing of it has
   * reached a backend. To refuse, throw (or reject with) a Fault; anything else that is thrown is a defect, answered with 500.
   */
  onRequest(request: FilterRequest): FilterResult | Promise<FilterResult>;
  /**
   * The head of the answer, before anything of it is sent: the backend's, and where `alsoOwnAnswers` says so the gateway's
   * own. An Answer that it returns takes the place of the backend's. What it throws is answered like the above.
   */
  readonly onResponse?: ((response: FilterResponse, request: FilterRequest) => Answer | void) | undefined;
  /**
   * `onResponse` is asked about the gateway's own answers to requests of the route as well (refusals of any filter, faults of
   * the backend side), be it that `onRequest` was asked or not. Of an Answer that it returns then the body and Content-Type take the
   * place of those of a fault; those of an answer that a filter gave on purpose stay.
   */
  readonly alsoOwnAnswers?: true | undefined;
  /**
   * It answers preflights (OPTIONS with Origin and Access-Control-Request-Method): its route takes one for a method that it
   * serves though it does not serve OPTIONS. Where the filter lets it pass all the same, that is 405.
   */
  readonly answersPreflights?: true | undefined;
}

export type FilterResult = 'pass' | Answer;

/** What a filter sees of a request. The same object from its first filter to the end of its answer. */
export interface FilterRequest {
  readonly requestId: string;
  readonly method: string;
  /** Canonical, without port; '' where the client sent none. */
  readonly host: string;
  /** Normalised, as it was matched: what `paths` of a filter are compared with, whatever filters make of it. */
  readonly receivedPath: string;
  /** Normalised; what a filter before has made of it. */
  readonly path: string;
  /** With its `?`; '' where there is none. */
  readonly query: string;
  /**
   * What the backend is asked for instead, before the rewrite of the route; nothing is matched anew. Throws RangeError for a
   * path that is not normal (RFC 3986 section 6.2.2, no empty and no dot segments but as received, no %2F but where the route
   * takes it) or a query without its `?`.
   */
  setTarget(path: string, query: string): void;
  /** Largest body of this request in bytes, 0 = no limit. */
  readonly maxBodyBytes: number;
  /** Lowers it; a larger one changes nothing. Throws RangeError for what is no limit. */
  limitBody(bytes: number): void;
  /** For its line in the access log, as far as there is room. */
  note(name: string, value: string): void;
  /** Name of the route. */
  readonly route: string;
  /** Came over TLS. */
  readonly secure: boolean;
  /** As the client speaks: that of the connection; behind a trusted proxy what it says. Nobody else is believed. */
  readonly scheme: 'http' | 'https';
  /** Host, and port where it is not 443, at which the client reaches the same over TLS; undefined where it named no host. */
  readonly secureAuthority: string | undefined;
  /** Of the client, where its certificate passed every check. */
  readonly identity: Identity | undefined;
  /** Of the client; where a trusted proxy names it, the one that it names. */
  readonly address: string;
  /**
   * What the gateway tells the backend of the client beside these: X-Forwarded-*, X-Real-IP, X-Request-Id, and the verified
   * identity as the route has it forwarded. Faults: as `prepare` of the flow.
   */
  gatewayFields(): readonly FieldBlock[];
  /** As the client sent them, whatever filters make of them: what it accepts, and nothing of who it is. */
  readonly received: Fields;
  /** The client's fields as the backend will get them: without what no client may say for itself, with what filters changed. */
  readonly fields: FieldEdits;
  /**
   * Set by a filter while it waits: called once where nobody waits for it any more, since its time is up or the client is
   * gone. What its promise settles with afterwards is ignored.
   */
  onCancel: ((why: Fault) => void) | undefined;
}

/** What a filter sees of an answer. */
export interface FilterResponse {
  /** It is the gateway's own: its status stays. */
  readonly isOwn: boolean;
  /** Throws RangeError where it is set to what is no final status (200 to 599), TypeError where it is the gateway's own. */
  status: number;
  readonly fields: FieldEdits;
  /** Of the body as it comes from the backend: bytes, 0 where there is none; below 0 it is not known. Of an own answer 0. */
  readonly bodyLength: number;
  /**
   * The body passes through an encoder, which is made when the answer begins; its length is not known then. Throws TypeError where the
   * answer is the gateway's own, or is encoded already.
   */
  encode(make: () => BodyEncoder): void;
}

/** A stream of node:zlib that compresses. */
export type BodyEncoder = BrotliCompress | Gzip | ZstdCompress;

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
