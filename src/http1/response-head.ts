// Reads the head of a response (RFC 9112 sections 4 to 6): text in, a value or an error out. Pure.
// A backend is trusted no more than a client: whatever could desynchronise the connection is refused.
import { parseContentLength } from '../http/content-length.ts';
import { type BodyLength, type ResponseHead, untilClose } from '../http/exchange.ts';
import type { FieldNames } from '../http/field.ts';
import type { HttpLimits } from '../http/limits.ts';
import { ParseError } from '../http/parse-error.ts';
import { parseConnection, withoutNominated } from './connection-options.ts';
import { FieldSection, readFields } from './field-section.ts';
import { parseFraming } from './framing.ts';

/** A response head with what only the connection itself needs to know. */
export interface Http1ResponseHead extends ResponseHead {
  /** Framing and options allow another request on this connection. */
  readonly keepAlive: boolean;
  /** Protocol that a 101 switches to, lower case; '' where it names none. */
  readonly upgrade: string;
}

const DIGIT_0 = 48;
const SPACE = 32;
const CR = 13;

/** Reads one response head to a request with `method`. `buffer`, `start` and `end` as for parseRequestHead. */
export function parseResponseHead(
  buffer: Buffer,
  start: number,
  end: number,
  names: FieldNames,
  limits: HttpLimits,
  method: string,
): Http1ResponseHead | ParseError {
  const head = buffer.toString('latin1', start, end - 2);
  const newline = head.indexOf('\n');
  if (newline - 1 > limits.startLineBytes) return malformed('the status line is too long');
  const status = readStatus(head);
  if (status === 0) return malformed('not a status line');
  const section = new FieldSection();
  const error = readFields(head, newline + 1, head.length, names, limits.fieldCount, section);
  if (error !== undefined) return malformed(error.detail);
  // The space before an absent reason is often left out.
  const reason = newline - 1 > 13 ? head.slice(13, newline - 1) : '';
  return combine(head.charCodeAt(7) === DIGIT_0 ? 10 : 11, status, reason, section, method);
}

/** The status of `HTTP/1.x NNN` followed by a space or the end of the line; 0 where it is something else. */
function readStatus(head: string): number {
  const minor = head.charCodeAt(7) - DIGIT_0;
  if (!head.startsWith('HTTP/1.') || (minor !== 0 && minor !== 1) || head.charCodeAt(8) !== SPACE) return 0;
  const hundreds = head.charCodeAt(9) - DIGIT_0;
  const tens = head.charCodeAt(10) - DIGIT_0;
  const ones = head.charCodeAt(11) - DIGIT_0;
  if (!(hundreds >= 1 && hundreds <= 9 && tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9)) return 0;
  const after = head.charCodeAt(12);
  return after === SPACE || after === CR ? hundreds * 100 + tens * 10 + ones : 0;
}

function combine(version: number, status: number, reason: string, section: FieldSection, method: string) {
  const options = parseConnection(section.connection);
  if (options instanceof ParseError) return malformed(options.detail);
  const framed = parseFraming(section.contentLength, section.transferEncoding, version, untilClose);
  if (framed instanceof ParseError) return malformed(framed.detail);
  const interim = status < 200;
  const bodyless = interim || status === 204 || status === 304 || method === 'HEAD';
  const bodyLength: BodyLength = bodyless ? 0 : framed;
  const keepAlive = version === 11 ? !options.close : options.keepAlive && !options.close;
  // A 1xx or 204 that announces a body may be followed by one: what comes next cannot be told apart from it.
  const suspicious = (interim || status === 204) && framed !== untilClose && framed !== 0;
  return {
    status,
    reason,
    fields: options.nominated.length === 0 ? section.fields : withoutNominated(section.fields, options.nominated),
    bodyLength,
    announcedLength:
      bodyless && section.contentLength !== undefined ? (parseContentLength(section.contentLength) ?? -1) : -1,
    keepAlive: keepAlive && bodyLength !== untilClose && !suspicious,
    upgrade: options.upgrade && section.upgrade !== undefined ? section.upgrade.toLowerCase() : '',
  };
}

function malformed(detail: string): ParseError {
  return new ParseError('backend_protocol', detail);
}
