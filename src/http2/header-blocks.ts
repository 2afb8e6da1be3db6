// Turns messages into header blocks (RFC 9113 section 8): the pseudo-header fields and those of framing are always ours, the
// others are what the flow passes on. The block lies in the encoder until the next one.
import { chunkedBody, type OutgoingRequest, type ResponseHead } from '../http/exchange.ts';
import type { DateField } from '../http/date-field.ts';
import type { FieldBlock, Fields } from '../http/field.ts';
import type { HpackEncoder } from './hpack-encoder.ts';

/** Visible ASCII. What goes to another hop may end in a line of HTTP/1.1. */
const illegal = /[^!-~]/;
/** Methods whose requests mean something by having a body, so its absence is said (RFC 9110 section 8.6). */
const bodyMethods = new Set(['POST', 'PUT', 'PATCH']);

/** A request; one for another protocol as an extended CONNECT. False where method, target or authority is none: nothing may be sent. */
export function encodeRequest(encoder: HpackEncoder, request: OutgoingRequest): boolean {
  const { method, target, authority, bodyLength, extra, upgrade = '' } = request;
  if (target === '' || illegal.test(target) || illegal.test(authority)) return false;
  if (method !== 'GET' && method !== 'POST' && illegal.test(method)) return false;
  encoder.begin();
  encoder.field(':method', upgrade === '' ? method : 'CONNECT');
  encoder.field(':scheme', 'https');
  encoder.field(':authority', authority);
  encoder.field(':path', target);
  if (upgrade !== '') encoder.field(':protocol', upgrade);
  addFields(encoder, request.fields);
  if (bodyLength > 0) encoder.field('content-length', String(bodyLength));
  else if (bodyLength !== chunkedBody && upgrade === '' && bodyMethods.has(method))
    encoder.field('content-length', '0');
  if (request.acceptsTrailers) encoder.field('te', 'trailers');
  for (const block of extra) addBlock(encoder, block);
  return true;
}

/** A final response. `contentLength`: to be announced; negative for none. `date`: added where the fields have none. */
export function encodeResponse(
  encoder: HpackEncoder,
  head: ResponseHead,
  extra: FieldBlock,
  contentLength: number,
  date: Pick<DateField, 'value'>,
): void {
  encoder.begin();
  encoder.field(':status', String(head.status));
  const { names } = head.fields;
  let hasDate = false;
  for (let i = 0; i < names.length; i++) if (names[i]?.lower === 'date') hasDate = true;
  addFields(encoder, head.fields);
  if (!hasDate) encoder.field('date', date.value);
  if (contentLength >= 0) encoder.field('content-length', String(contentLength));
  addBlock(encoder, extra);
}

/** A 1xx response. */
export function encodeInterim(encoder: HpackEncoder, status: number, fields: Fields): void {
  encoder.begin();
  encoder.field(':status', String(status));
  addFields(encoder, fields);
}

export function encodeTrailers(encoder: HpackEncoder, trailers: Fields): void {
  encoder.begin();
  addFields(encoder, trailers);
}

function addFields(encoder: HpackEncoder, { names, values }: Fields): void {
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    if (name !== undefined) encoder.field(name.lower, values[i] ?? '', name.neverIndexed);
  }
}

function addBlock(encoder: HpackEncoder, { pairs }: FieldBlock): void {
  for (const [name, value] of pairs) encoder.field(name, value);
}
