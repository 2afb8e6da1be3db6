// Reads the head of a request (RFC 9112 sections 2, 3 and 5): text in, a value or an error out. Pure.
// Where a head could be read in two ways it is refused, never repaired.
import { isAuthority } from '../http/authority.ts';
import type { BodyLength, RequestHead } from '../http/exchange.ts';
import { isToken, type FieldNames, type Fields } from '../http/field.ts';
import type { HttpLimits } from '../http/limits.ts';
import { ParseError } from '../http/parse-error.ts';
import { parseConnection, withoutNominated } from './connection-options.ts';
import { FieldSection, readFields } from './field-section.ts';
import { parseFraming } from './framing.ts';

/** A request head with what only the connection itself needs to know. */
export interface Http1RequestHead extends RequestHead {
  readonly version: 10 | 11;
  /** The client wants the connection to stay open. */
  readonly keepAlive: boolean;
  /** The client waits for 100 Continue. */
  readonly expectContinue: boolean;
}

type Line = { method: string; target: string; version: 10 | 11; authority: string | undefined };

/** Visible ASCII but `#`: a fragment never belongs on the wire (RFC 9112 section 3.2). */
const originForm = /^\/[!"$-~]*$/;
const absoluteForm = /^https?:\/\/([^/?#]*)([!"$-~]*)$/i;

/**
 * Reads one request head, which stands in `buffer` from `start` to `end`: the position that `scanHead` returned, so its
 * octets are clean and it ends with an empty line.
 */
export function parseRequestHead(
  buffer: Buffer,
  start: number,
  end: number,
  names: FieldNames,
  limits: HttpLimits,
): Http1RequestHead | ParseError {
  const head = buffer.toString('latin1', start, end - 2);
  const newline = head.indexOf('\n');
  if (newline - 1 > limits.startLineBytes) return new ParseError('uri_too_long', 'the request line is too long');
  const line = parseRequestLine(head, newline - 1);
  if (line instanceof ParseError) return line;
  const section = new FieldSection();
  const error = readFields(head, newline + 1, head.length, names, limits.fieldCount, section);
  if (error !== undefined) return error;
  return combine(line, section);
}

function notALine(head: string, detail: string): ParseError {
  return head.startsWith('PROXY ') ? strayProxyHeader() : new ParseError('bad_request', detail);
}

/** Whoever sends one here is no balancer of this entry point, or sent one already. */
export function strayProxyHeader(): ParseError {
  return new ParseError('untrusted_proxy', 'a PROXY header, and this address is none of proxyProtocol.from');
}
/** What HTTP/2 makes of itself where nobody expects it (RFC 9113 section 3.4). */
const http2Begins = 'PRI * HTTP/2.0\r\n';

function parseRequestLine(head: string, end: number): Line | ParseError {
  const first = head.indexOf(' ');
  const second = head.indexOf(' ', first + 1);
  if (first < 1 || second === -1 || second > end) return notALine(head, 'not a request line');
  const protocol = head.slice(second + 1, end);
  const version = protocol === 'HTTP/1.1' ? 11 : protocol === 'HTTP/1.0' ? 10 : 0;
  if (version === 0) {
    // Over TLS without HTTP/2, or in plain text (h2c).
    if (head.startsWith(http2Begins)) return new ParseError('http_version', 'HTTP/2, which is not spoken here');
    if (/^HTTP\/[0-9]\.[0-9]$/.test(protocol)) return new ParseError('http_version', 'neither HTTP/1.1 nor HTTP/1.0');
    return notALine(head, 'a request line without a version');
  }
  const method = head.slice(0, first);
  if (method !== 'GET' && method !== 'POST' && !isToken(method)) {
    return new ParseError('bad_request', 'a method that is not a token');
  }
  if (method === 'CONNECT') return new ParseError('method_unsupported', 'CONNECT');
  const target = head.slice(first + 1, second);
  if (originForm.test(target)) return { method, target, version, authority: undefined };
  return parseOtherForm(method, target, version);
}

/** Absolute form (RFC 9112 section 3.2.2) and asterisk form (3.2.4). */
function parseOtherForm(method: string, target: string, version: 10 | 11): Line | ParseError {
  if (target === '*') {
    if (method === 'OPTIONS') return { method, target, version, authority: undefined };
    return new ParseError('bad_request', 'the target * with a method other than OPTIONS');
  }
  const absolute = absoluteForm.exec(target);
  const authority = absolute?.[1];
  if (authority === undefined) return new ParseError('bad_request', 'an illegal request target');
  if (!isAuthority(authority)) return new ParseError('bad_request', 'an illegal authority in the request target');
  let path = absolute?.[2] ?? '';
  if (path === '') path = method === 'OPTIONS' ? '*' : '/';
  else if (!path.startsWith('/')) path = `/${path}`;
  return { method, target: path, version, authority };
}

function combine(line: Line, section: FieldSection): Http1RequestHead | ParseError {
  const { method, target, version } = line;
  const { host } = section;
  if (host === undefined) {
    if (version === 11) return new ParseError('bad_request', 'no Host');
  } else if (!isAuthority(host)) return new ParseError('bad_request', 'an illegal Host');
  const { framingLookalike } = section;
  // Taking it out would do for the backend. But somebody in front may have read it, and then a request ends elsewhere for him.
  if (framingLookalike !== undefined)
    return new ParseError('bad_request', `${framingLookalike} is read as another field by some servers`);
  const bodyLength = parseFraming(section.contentLength, section.transferEncoding, version, 0);
  if (bodyLength instanceof ParseError) return bodyLength;
  const options = parseConnection(section.connection);
  if (options instanceof ParseError) return options;
  const { expect } = section;
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') {
    return new ParseError('expectation_failed', 'an expectation other than 100-continue');
  }
  const fields: Fields =
    options.nominated.length === 0 ? section.fields : withoutNominated(section.fields, options.nominated);
  return {
    method,
    target,
    authority: line.authority ?? host ?? '',
    version,
    fields,
    bodyLength: bodyLength satisfies BodyLength,
    upgrade: section.upgrade !== undefined && options.upgrade && version === 11 ? wantedUpgrade(section.upgrade) : '',
    acceptsTrailers: section.te !== undefined && acceptsTrailers(section.te),
    keepAlive: version === 11 ? !options.close : options.keepAlive && !options.close,
    expectContinue: expect !== undefined && version === 11 && bodyLength !== 0,
  };
}

/** The protocols wanted, lower case, without h2c: HTTP/2 is never spoken after an Upgrade (RFC 9113 section 3.1). */
function wantedUpgrade(value: string): string {
  return value
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'h2c')
    .join(', ');
}

function acceptsTrailers(te: string): boolean {
  return te
    .toLowerCase()
    .split(',')
    .some((coding) => coding.trim() === 'trailers');
}
