// One request on its way through the flow. The object is one; its type grows with each step, so that a request which was
// not authorised cannot be dispatched: the types do not fit, and the proof is a value that authorize.ts alone can make.
import type { Fault } from '../base/fault.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import type { TrustPolicy } from '../downstream/trust-policy.ts';
import type { Exchange, OutgoingRequest, ResponseHead } from '../http/exchange.ts';
import type { Answer, BodyEncoder } from '../filters/filter.ts';
import type { FieldBlock, Fields } from '../http/field.ts';
import type { RequestTrace } from '../telemetry/tracer.ts';
import type { Backend } from '../upstream/backend.ts';
import type { Caller } from '../upstream/caller.ts';
import type { Client } from './client.ts';
import type { Route, Services, Serving } from './serving.ts';

/** What the filters of its route make of a request (filtering.ts). */
export interface FilterChanges {
  /** The client's fields that go on to the backend. */
  readonly requestFields: Fields;
  /** Largest body, 0 = no limit. */
  readonly maxBodyBytes: number;
  /** The head of the backend's answer as the client gets it, what it gets in its place, or why it gets neither. Never throws. */
  changeResponse(head: ResponseHead): ResponseHead | Answer | Fault;
  /** Trailers of the request, without what filters have decided in its head. */
  cleanRequestTrailers(trailers: Fields): Fields;
  /** Of the answer that `changeResponse` gave, likewise. */
  cleanResponseTrailers(trailers: Fields): Fields;
  /** An informational answer (103), of which no filter is asked. */
  changeInformational(head: ResponseHead): ResponseHead;
  /** What the body of the answer that `changeResponse` gave passes through; undefined: it goes as it is. */
  makeEncoder(): BodyEncoder | undefined;
  /** An answer of the gateway's own; `isOnPurpose`: a filter gave it, so its body stays. Throws what a filter throws. */
  changeOwnAnswer(status: number, fields: FieldBlock, isOnPurpose: boolean): OwnAnswer;
}

/** What filters make of an answer of the gateway's own. `body`: in place of a problem document; undefined: it stays. */
export type OwnAnswer = { readonly fields: FieldBlock; readonly body: string | undefined };

/** A request as it came in. */
export class RequestContext {
  readonly exchange: Exchange;
  readonly client: Client;
  readonly serving: Serving;
  readonly services: Services;
  requestId = '';
  /** undefined: nothing is traced. */
  trace: RequestTrace | undefined = undefined;
  /** Canonical Host without port; '' where it is absent or not a name. */
  host = '';
  policy: TrustPolicy | undefined = undefined;
  /** Normalised path: what is matched is what is sent. */
  path = '';
  query = '';
  /** A filter has set path and query: what is sent is not what was matched. */
  isPathChanged = false;
  route: Route | undefined = undefined;
  /** Its route serves another method, of which this one asks whether a page may use it: a filter answers, or it is refused with this. */
  unserved: Fault | undefined = undefined;
  /** The protocol that the route lets it switch to; '' for none. */
  upgrade = '';
  /** Made by authorize.ts, for this request alone. */
  permission: object | undefined = undefined;
  /** Undefined where the route has no filters. */
  changes: FilterChanges | undefined = undefined;
  /** What filters want its line in the access log to say. */
  noted: (readonly [name: string, value: string])[] | undefined = undefined;
  /** Every filter of the route let it pass. */
  filtersPassed = false;
  backend: Backend | undefined = undefined;
  /** Of the connection that took the request last; undefined over plain HTTP. */
  backendCertificate: CertificateFacts | undefined = undefined;
  outgoing: OutgoingRequest | undefined = undefined;
  caller: Caller | undefined = undefined;
  /** It has switched protocols: what it took, and how it ended, says nothing of requests. */
  isTunnel = false;
  /** Status sent to the client; 0 while there is none. */
  status = 0;
  fault: Fault | undefined = undefined;
  /** Under this it is among the requests in progress of its client (in-flight.ts). */
  countedAs: string | undefined = undefined;
  /** How a call of gRPC ended, as its client was told; undefined where it was told nothing. */
  grpcStatus: number | undefined = undefined;
  /** True once it was counted and logged. */
  recorded = false;

  constructor(exchange: Exchange, client: Client, serving: Serving, services: Services) {
    this.exchange = exchange;
    this.client = client;
    this.serving = serving;
    this.services = services;
  }
}

/** Host and connection belong to the same policy. */
export type Identified = RequestContext & { readonly policy: TrustPolicy };
export type Routed = Identified & { readonly route: Route };
