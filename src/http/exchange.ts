// The contract between the protocols and the flow. One request is an Exchange on the client's side and a BackendCall on
// the backend's; HTTP/1.1 and HTTP/2 implement both. Everything is synchronous calls with back-pressure by return value:
// no streams, no promises, no closures per request. Calls of one side arrive in order, never after its end or failure.
import type { Fault } from '../base/fault.ts';
import type { FieldBlock, Fields } from './field.ts';

/** Length of a body in bytes, or one of the two codes below. 0 is no body. */
export type BodyLength = number;
/** Length unknown, ends with the last chunk (or END_STREAM). */
export const chunkedBody = -1;
/** Length unknown, ends with the connection (RFC 9112 section 6.3, responses only). */
export const untilClose = -2;

export type RequestHead = {
  readonly method: string;
  /** Origin form as received: path with its query (`/a/b?c=d`), or `*`. Never a fragment, never absolute form. */
  readonly target: string;
  /** Host as received, from the absolute form's authority where there is one; '' where an HTTP/1.0 client sent none. */
  readonly authority: string;
  /** 10, 11 or 20. */
  readonly version: number;
  /** Every field received except those the codec acts on by itself (framing, hop-by-hop, nominated ones): see each codec. */
  readonly fields: Fields;
  readonly bodyLength: BodyLength;
  /**
   * Protocols that the client wants to speak instead of HTTP, in its order, lower case, joined by `, `: of an Upgrade field, or
   * the one of an extended CONNECT (RFC 8441), whose method is told as GET and whose `bodyLength` is 0. '' where none.
   */
  readonly upgrade: string;
  /** True where the client accepts trailers (`TE: trailers`). */
  readonly acceptsTrailers: boolean;
};

export type ResponseHead = {
  readonly status: number;
  /** Latin1; '' is allowed. HTTP/2 has none. */
  readonly reason: string;
  /** As for RequestHead.fields: framing and hop-by-hop fields are taken out by the codec. */
  readonly fields: Fields;
  /** Body as it will arrive: 0 for HEAD, 204 and 304. */
  readonly bodyLength: BodyLength;
  /** Content-Length that HEAD and 304 answers announce without a body; -1 where there is none. */
  readonly announcedLength: number;
};

/** What whoever holds a request wants to know of its client, whether it takes the body already or not. */
export interface ClientWatcher {
  /**
   * The client is gone, broke the protocol within its body, or was too slow: nothing more comes, nothing can be sent
   * (unless `canRespond` still holds: a body that broke a rule before any response can be answered, with `respond` before
   * this returns; the codec answers with the fault's problem document where that does not happen).
   */
  onClientFailure(fault: Fault): void;
}

/**
 * What the flow wants to know of the client's side while it handles one request. Called after `receive`, sometimes from
 * within it. Nothing is called any more once the answer is complete (`sendEnd`, `respond`) or broken off (`abort`).
 */
export interface RequestSink extends ClientWatcher {
  /** One piece of the request body; it may be kept. */
  onRequestBody(chunk: Buffer): void;
  onRequestEnd(trailers: Fields | undefined): void;
  /** No more for now, and the end has not come: body that is held back must go on, the client may wait for its effect. */
  onRequestFlush(): void;
  /** The response may be written again after `sendBody` returned false. */
  onClientDrain(): void;
  /** After `switchProtocols`: the connection is to end soon (`drain`, `dismiss`), and no end of this can be expected otherwise. */
  onLeaving?(): void;
}

/** One request of a client and its answer, implemented by http1/server and http2/server. */
export interface Exchange {
  readonly head: RequestHead;
  /** Clock.monotonic() milliseconds at which the head was complete. */
  readonly startedAt: number;
  /** No final response head was sent yet, and one still can be. */
  readonly canRespond: boolean;
  /** Nothing can be sent any more: the answer is complete, broken off, or the client gone. */
  readonly isOver: boolean;
  /** Bytes of request body received so far, of response body sent so far: for the access log. */
  readonly receivedBytes: number;
  readonly sentBytes: number;

  /**
   * For a request that waits before its body is wanted: `watcher` is told once if the client goes away or is too slow (at
   * once, before this returns, where it is gone already). The body stays with the client but for what the codec may hold, the
   * deadline of the whole request runs. Ends with `receive`, or with the answer.
   */
  watch(watcher: ClientWatcher): void;
  /**
   * Lets the body flow into `sink`; sends 100 Continue where the client waits for it. Call once, and early: only then, or
   * with `watch`, is the flow told that the client went away (what was missed comes at once). Limits: `maxBodyBytes` 0 = none.
   * May call the sink before it returns: body that is there already, onRequestEnd where there is none, a failure.
   * `isConversation`: over HTTP/2, how long the client takes, and how much it says, is for the sink alone to limit.
   */
  receive(sink: RequestSink, maxBodyBytes: number, isConversation?: boolean): void;
  /** Stops onRequestBody and onRequestEnd; may be called before `receive`, which then sends no 100 Continue yet. */
  pauseRequest(): void;
  /** May call the sink before it returns. */
  resumeRequest(): void;

  /** Sends 1xx other than 100 and 101 on; ignored for HTTP/1.0 clients. */
  sendInformational(head: ResponseHead): void;
  /**
   * Sends the final head. It is held back, small body pieces with it, until there is enough to write, the end, or `flush`.
   * The codec frames the body for this client (Content-Length, chunked, end of connection) and adds Date where it lacks.
   */
  sendHead(head: ResponseHead, extra: FieldBlock): void;
  /**
   * Agrees to `protocol`, one of `head.upgrade` (101, or 200 to an extended CONNECT); `head` gives the fields. From now on both
   * directions are bytes of that protocol: what the client sends comes to `sink` as request body, `sendBody` sends to it.
   * `sendEnd` ends our direction only, `onRequestEnd` tells of the end of the client's; after both the exchange is over. May
   * call the sink before it returns: what the client sent early.
   */
  switchProtocols(protocol: string, head: ResponseHead, sink: RequestSink): void;
  /** `chunk` is copied or written before this returns. False: stop until onClientDrain. Ignored where the answer has no body (HEAD, 204, 304); more than the announced length aborts. */
  sendBody(chunk: Buffer): boolean;
  /** After `sendBody` returned false: asks for more of the answer to be held for the client, within a budget. True: go on. */
  holdMore(): boolean;
  /** Ends the answer; less than the announced length aborts. Afterwards every call is ignored. */
  sendEnd(trailers: Fields | undefined): void;
  /** Nothing more comes in this turn: what is held back goes out. */
  flush(): void;
  /**
   * A whole answer of the gateway itself: status, fields, body text (UTF-8). Request body not yet read is drained (bounded) or
   * the connection closed. `close`: the connection says so and ends with this answer, whatever was sent behind the request.
   */
  respond(status: number, fields: FieldBlock, body: string, close?: boolean): void;
  /** Takes an answer back that was begun and of which nothing has left yet: `canRespond` again. False where it is too late. */
  takeBack(): boolean;
  /** Breaks off so that the client cannot take the answer for complete: TCP close without a final chunk, RST_STREAM. */
  abort(): void;
}

/** The request as it goes to a backend. */
export type OutgoingRequest = {
  readonly method: string;
  readonly target: string;
  /** Value of Host / :authority. */
  readonly authority: string;
  /** Fields of the client that pass on, already cleaned. */
  readonly fields: Fields;
  /** Fields of ours. */
  readonly extra: readonly FieldBlock[];
  readonly bodyLength: BodyLength;
  readonly acceptsTrailers: boolean;
  /**
   * The one protocol that is to be spoken instead of HTTP, if the backend agrees; none where it is absent or ''. Such a request
   * has no body and is not ended; nothing is sent behind it before `onSwitch`.
   */
  readonly upgrade?: string;
};

/** What the flow wants to know of the backend's side. */
export interface ResponseSink {
  /**
   * The backend agreed to the protocol that was asked for; `head` has the fields for the client. Both directions are bytes of
   * it from now on, told to the sink that this returns: `sendRequestEnd` and `onResponseEnd` end one direction each, and the
   * call is over after both. Only where `OutgoingRequest.upgrade` asked.
   */
  onSwitch?(head: ResponseHead): ResponseSink;
  onInformational(head: ResponseHead): void;
  onHead(head: ResponseHead): void;
  /** One piece of the response body, valid during the call only: what is kept must be copied. */
  onResponseBody(chunk: Buffer): void;
  onResponseEnd(trailers: Fields | undefined): void;
  /** No more for now: what this turn of the event loop brought is delivered. */
  onResponseFlush(): void;
  /** The request body may be written again. */
  onBackendDrain(): void;
  /** Nothing more comes. Before onHead: the answer is ours to make. After it: the answer is truncated. */
  onBackendFailure(fault: Fault): void;
}

/**
 * One backend connection (HTTP/1.1) or stream (HTTP/2) that carries one call at a time. After onResponseEnd or
 * onBackendFailure it is not the caller's any more: drop the reference, the next call on it may be another request's.
 */
export interface BackendCall {
  /** True where the connection carried an earlier call: a close before the answer may be mere staleness. */
  readonly reused: boolean;
  /**
   * True where the backend may hand the call back as not begun (`stream_refused`) after its body was sent: what is to be tried again
   * then has to be kept until the answer.
   */
  readonly mayBeRefused: boolean;
  /**
   * Sends the head, held back until body bytes, the end, or `flushRequest`. Always follow it with sendRequestEnd, body or not,
   * but where it asks for another protocol.
   */
  sendRequest(request: OutgoingRequest, sink: ResponseSink): void;
  /** False: stop until onBackendDrain. */
  sendRequestBody(chunk: Buffer): boolean;
  sendRequestEnd(trailers: Fields | undefined): void;
  flushRequest(): void;
  /** Stops reading; what one read had brought already (some 64 KiB) may still be delivered. */
  pauseResponse(): void;
  resumeResponse(): void;
  /** Nothing has come for long, which may be right: whether the backend is there at all is found out, and a call that has none fails. */
  verifyLiveness(): void;
  /** Gives the call up: HTTP/1.1 closes the connection, HTTP/2 resets the stream. No sink method is called any more. */
  cancel(): void;
}

/** Takes each new request of one client connection; made per connection, so it knows the peer. Must not throw. */
export interface RequestHandler {
  onRequest(exchange: Exchange): void;
  /** A request that could not even be read was answered with this fault by the codec (`Fault.status`), then closed: for log and metrics. */
  onBadRequest(fault: Fault): void;
  /** The client has done something of no use, which its connection has not earned. False: too much, with all its connections. */
  onUseless?(): boolean;
}
