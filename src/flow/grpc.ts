// What of gRPC a gateway has to know (the PROTOCOL-HTTP2 document of gRPC): which requests are calls, how long a call may take, and how
// an answer of our own looks to its client, who reads trailers and not the status of HTTP.
import { type Fault, type FaultCode, titleOf } from '../base/fault.ts';
import type { RequestHead } from '../http/exchange.ts';
import { FieldNames, Fields } from '../http/field.ts';

const contentType = /^application\/grpc(?:\+|;|$)/i;

/** Over HTTP/2 only: HTTP/1.1 clients (gRPC-Web and its kin) want the status of HTTP. */
export function isGrpc({ version, fields }: RequestHead): boolean {
  return version === 20 && isGrpcMediaType(fields.find('content-type') ?? '');
}

/** `type`: Content-Type of a request or an answer. */
export function isGrpcMediaType(type: string): boolean {
  return contentType.test(type);
}

const units: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };
const timeout = /^([0-9]{1,8})([HMSmun])$/;

/** Milliseconds that a call may take by its `grpc-timeout`; undefined where the field is no such thing. */
export function parseGrpcTimeout(value: string): number | undefined {
  const parts = timeout.exec(value);
  const unit = units[parts?.[2] ?? ''];
  return parts === null || unit === undefined ? undefined : Number(parts[1]) * unit;
}

/** Milliseconds that the client of a call gives it; undefined where there is no limit. */
export function grpcTimeoutMs(fields: Fields): number | undefined {
  const value = fields.find('grpc-timeout');
  return value === undefined ? undefined : parseGrpcTimeout(value);
}

const statusForm = /^[0-9]{1,2}$/;

/** Status codes of gRPC. */
const status = {
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

const byCode: ReadonlyMap<FaultCode, number> = new Map([
  ['response_timeout', status.deadlineExceeded],
  ['deadline_exceeded', status.deadlineExceeded],
  ['request_timeout', status.deadlineExceeded],
  ['filter_timeout', status.deadlineExceeded],
  ['over_fair_share', status.resourceExhausted],
  ['body_too_large', status.resourceExhausted],
]);

const byStatus: ReadonlyMap<number, number> = new Map([
  [401, status.unauthenticated],
  [403, status.permissionDenied],
  [404, status.unimplemented],
  [405, status.unimplemented],
  [421, status.permissionDenied],
  [429, status.resourceExhausted],
  [500, status.internal],
  [501, status.unimplemented],
]);

/** UNAVAILABLE invites to try again, so it is for what may be better then: never for what is wrong with the request. */
export function grpcStatusOf({ code, source, status: http }: Fault): number {
  // A backend that misses our certificate says nothing of the client's.
  if (code === 'no_client_cert' && source === 'client') return status.unauthenticated;
  return byCode.get(code) ?? byStatus.get(http) ?? (http < 500 ? status.internal : status.unavailable);
}

/** What a backend says of a call, in its trailers or in a head that is all of its answer; undefined where that is no number of gRPC. */
export function receivedGrpcStatus(fields: Fields): number | undefined {
  const value = fields.find('grpc-status');
  return value !== undefined && statusForm.test(value) ? Number(value) : undefined;
}

/** What a client of gRPC is told instead of a problem document, in an answer that has nothing but these. */
export function grpcFields(fault: Fault): [name: string, value: string][] {
  return [
    ['grpc-status', String(grpcStatusOf(fault))],
    ['grpc-message', titleOf(fault.code, fault.source)],
    ['countersign-fault', fault.code],
  ];
}

/** The same as trailers of an answer that has begun. */
export function grpcTrailers(fault: Fault): Fields {
  const names = new FieldNames(0);
  const trailers = new Fields();
  for (const [raw, value] of grpcFields(fault)) {
    const name = names.find(raw);
    if (name !== undefined) trailers.push(name, value);
  }
  return trailers;
}
