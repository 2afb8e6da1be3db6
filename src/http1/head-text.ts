// Renders heads (RFC 9112 sections 3 and 4): the framing and connection fields are always ours, never passed on.
import { STATUS_CODES } from '../base/node-http.ts';
import { chunkedBody, type OutgoingRequest, type ResponseHead } from '../http/exchange.ts';
import type { FieldBlock, Fields } from '../http/field.ts';
import { acceptField, acceptOf, keyField, webSocket } from '../http/websocket.ts';
import { fieldText } from './message-writer.ts';

const illegalInLine = /[^!-~]/;
/** Methods whose requests mean something by having a body, so its absence is said (RFC 9110 section 8.6). */
const bodyMethods = new Set(['POST', 'PUT', 'PATCH']);

/** A status line without CRLF. */
export function statusLine(status: number, reason: string): string {
  return `HTTP/1.1 ${status} ${reason === '' ? (STATUS_CODES[status] ?? '') : reason}`;
}

/** How the body of a response is delimited for this client. */
export type ResponseFraming = {
  /** The Content-Length to announce, chunkedBody, or anything else negative for none. */
  readonly announced: number;
  /** `Connection: close`, `keep-alive` (for HTTP/1.0) or '' for the default. */
  readonly connection: '' | 'close' | 'keep-alive';
};

/** A response head, empty line included. `date` is added where the fields have none. */
export function responseHeadText(
  head: ResponseHead,
  extra: FieldBlock,
  framing: ResponseFraming,
  date: string,
): string {
  const { names, values } = head.fields;
  let text = statusLine(head.status, head.reason);
  let hasDate = false;
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    if (name === undefined) continue;
    if (name.lower === 'date') hasDate = true;
    text += name.lead + values[i];
  }
  if (!hasDate) text += date;
  if (framing.announced >= 0) text += `\r\nContent-Length: ${framing.announced}`;
  else if (framing.announced === chunkedBody) text += '\r\nTransfer-Encoding: chunked';
  if (framing.connection === 'close') text += '\r\nConnection: close';
  else if (framing.connection !== '') text += '\r\nConnection: keep-alive';
  return `${text}\r\n${extra.text}\r\n`;
}

/** A 1xx head, empty line included. */
export function interimText(status: number, reason: string, fields: Fields): string {
  return `${statusLine(status, reason)}${fieldText(fields)}\r\n\r\n`;
}

/**
 * The answer that agrees to `protocol`, empty line included. `asked`: the fields of the request, with the key of its client
 * where the protocol is WebSocket.
 */
export function switchText(protocol: string, { reason, fields }: ResponseHead, asked: Fields): string {
  const key = protocol === webSocket ? asked.find(keyField) : undefined;
  const accept = key === undefined ? '' : `\r\n${acceptField}: ${acceptOf(key)}`;
  return `${statusLine(101, reason)}\r\nConnection: Upgrade\r\nUpgrade: ${protocol}${accept}${fieldText(fields)}\r\n\r\n`;
}

/**
 * A request head, empty line included; undefined where method, target or authority could break the request line.
 * `webSocketKey`: where WebSocket is asked for.
 */
export function requestHeadText(request: OutgoingRequest, webSocketKey = ''): string | undefined {
  const { method, target, authority, bodyLength, extra, upgrade = '' } = request;
  if (target === '' || illegalInLine.test(target) || illegalInLine.test(authority) || illegalInLine.test(method)) {
    return undefined;
  }
  let text = `${method} ${target} HTTP/1.1\r\nHost: ${authority}${fieldText(request.fields)}`;
  if (bodyLength > 0) text += `\r\nContent-Length: ${bodyLength}`;
  else if (bodyLength === chunkedBody) text += '\r\nTransfer-Encoding: chunked';
  else if (bodyMethods.has(method)) text += '\r\nContent-Length: 0';
  if (upgrade !== '') text += `\r\nConnection: Upgrade\r\nUpgrade: ${upgrade}`;
  else if (request.acceptsTrailers) text += '\r\nTE: trailers\r\nConnection: TE';
  if (webSocketKey !== '') text += `\r\n${keyField}: ${webSocketKey}`;
  text += '\r\n';
  for (const block of extra) text += block.text;
  return `${text}\r\n`;
}
