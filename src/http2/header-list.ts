// Reads the heads and trailers of messages from decoded header lists (RFC 9113 section 8): values in, a value or a problem
// out. Pure. What is refused in HTTP/1.1 is refused here, by the same rules; what could be read in two ways too.
import { isAuthority } from '../http/authority.ts';
import { type BodyLength, chunkedBody, type ResponseHead } from '../http/exchange.ts';
import type { Fields } from '../http/field.ts';
import { ParseError } from '../http/parse-error.ts';
import { keepTrailers } from '../http/trailers.ts';
import type { DecodedHeaders } from './decoded-headers.ts';
import { HeaderRole } from './header-field.ts';
import { type HeaderSection, noPseudo, readSection, requestPseudo, responsePseudo } from './header-section.ts';
import { type Http2RequestHead, Malformed, type RequestProblem, type ResponseSection } from './message-head.ts';

export type RequestOptions = {
  /** Bytes of :path. */
  readonly pathBytes: number;
  /** SETTINGS_ENABLE_CONNECT_PROTOCOL was sent (RFC 8441). */
  readonly connectProtocol: boolean;
};

export type TrailerLimits = { readonly trailerBytes: number; readonly trailerCount: number };

const bit = (role: HeaderRole): number => 1 << role;
const ordinary = bit(HeaderRole.method) | bit(HeaderRole.scheme) | bit(HeaderRole.path);

/** Reads a request. `endStream`: its header block ended the stream. The same list gives the same head. */
export function readRequest(
  headers: DecodedHeaders,
  endStream: boolean,
  options: RequestOptions,
): Http2RequestHead | RequestProblem {
  if (endStream) return (headers.bodyless ??= parseRequest(headers, 0, options));
  return (headers.withBody ??= parseRequest(headers, chunkedBody, options));
}

function parseRequest(
  headers: DecodedHeaders,
  unannounced: BodyLength,
  options: RequestOptions,
): Http2RequestHead | RequestProblem {
  if (headers.excess !== '') return new ParseError('headers_too_large', headers.excess);
  const section = readSection(headers, requestPseudo);
  if (section instanceof Malformed) return section;
  const problem = checkForm(section, options) ?? checkAuthority(section) ?? checkExpectation(section);
  if (problem !== undefined) return problem;
  const { method, path, fields, contentLength, protocol } = section;
  if (protocol !== '') return connectHead(section);
  if (unannounced === 0 && contentLength > 0) return new Malformed('content-length without content');
  const bodyLength = contentLength === -1 ? unannounced : contentLength;
  return {
    method,
    target: path,
    authority: section.authority === '' ? (section.host ?? '') : section.authority,
    version: 20,
    fields,
    bodyLength,
    upgrade: '',
    acceptsTrailers: section.acceptsTrailers,
    expectContinue: section.expect !== undefined && unannounced !== 0 && bodyLength !== 0,
    protocol,
  };
}

/** An extended CONNECT, as the request for another protocol that it is in any version of HTTP (RFC 8441 section 5). */
function connectHead({
  path,
  authority,
  fields,
  contentLength,
  protocol,
}: HeaderSection): Http2RequestHead | Malformed {
  if (contentLength !== -1) return new Malformed('content-length in a CONNECT');
  return {
    method: 'GET',
    target: path,
    authority,
    version: 20,
    fields,
    bodyLength: 0,
    upgrade: protocol.toLowerCase(),
    acceptsTrailers: false,
    expectContinue: false,
    protocol,
  };
}

/** Which pseudo-header fields there are (sections 8.3.1 and 8.5, RFC 8441 section 4), and what they hold. */
function checkForm(section: HeaderSection, options: RequestOptions): RequestProblem | undefined {
  const { method, path, pseudo } = section;
  const isConnect = method === 'CONNECT';
  const isExtended = (pseudo & bit(HeaderRole.protocol)) !== 0;
  if (isConnect && !isExtended) {
    if ((pseudo & ~bit(HeaderRole.method)) !== bit(HeaderRole.authority)) return new Malformed('an ill-formed CONNECT');
    return new ParseError('method_unsupported', 'CONNECT');
  }
  if (isExtended && !(isConnect && options.connectProtocol)) return new Malformed(':protocol where it does not belong');
  if ((pseudo & ordinary) !== ordinary) return new Malformed('no :method, :scheme or :path');
  if (path === '') return new Malformed('an empty :path');
  if (isExtended && (pseudo & bit(HeaderRole.authority)) === 0) return new Malformed('CONNECT without :authority');
  if (section.illegalValue !== '') return new ParseError('bad_request', section.illegalValue);
  if (path === '*' && method !== 'OPTIONS') {
    return new ParseError('bad_request', 'the target * with a method other than OPTIONS');
  }
  if (path.length > options.pathBytes) return new ParseError('uri_too_long', ':path is too long');
  return undefined;
}

/** One host, whoever says it (section 8.3.1). */
function checkAuthority({ authority, host }: HeaderSection): RequestProblem | undefined {
  if (authority === '') {
    if (host === undefined) return new ParseError('bad_request', 'neither :authority nor host');
    return isAuthority(host) ? undefined : new ParseError('bad_request', 'an illegal host');
  }
  if (host === undefined || host === authority) return undefined;
  return host.toLowerCase() === authority.toLowerCase() ? undefined : new Malformed('host is not :authority');
}

function checkExpectation({ expect }: HeaderSection): RequestProblem | undefined {
  if (expect === undefined || expect.toLowerCase() === '100-continue') return undefined;
  return new ParseError('expectation_failed', 'an expectation other than 100-continue');
}

/** Reads a response to a request with `method`. The same list gives the same fields. */
export function readResponse(headers: DecodedHeaders, endStream: boolean, method: string): ResponseHead | Malformed {
  const section = (headers.response ??= parseResponse(headers));
  if (section instanceof Malformed) return section;
  const { status, fields, contentLength } = section;
  if (status < 200 && endStream) return new Malformed('an interim response that ends the stream');
  const bodyless = status < 200 || status === 204 || status === 304 || method === 'HEAD';
  if (endStream && !bodyless && contentLength > 0) return new Malformed('content-length without content');
  const unannounced = endStream ? 0 : chunkedBody;
  return {
    status,
    reason: '',
    fields,
    bodyLength: bodyless ? 0 : contentLength === -1 ? unannounced : contentLength,
    announcedLength: bodyless ? contentLength : -1,
  };
}

function parseResponse(headers: DecodedHeaders): ResponseSection | Malformed {
  if (headers.excess !== '') return new Malformed(headers.excess);
  const section = readSection(headers, responsePseudo);
  if (section instanceof Malformed) return section;
  if (section.pseudo === 0) return new Malformed('no :status');
  if (section.illegalValue !== '') return new Malformed(section.illegalValue);
  // Section 8.6: nobody switches protocols in HTTP/2.
  if (section.status === '101') return new Malformed(':status 101');
  return { status: Number(section.status), fields: section.fields, contentLength: section.contentLength };
}

/** Reads trailers, and leaves out those that may not go on. The same list gives the same fields. */
export function readTrailers(headers: DecodedHeaders, limits: TrailerLimits): Fields | Malformed {
  return (headers.trailers ??= parseTrailers(headers, limits));
}

function parseTrailers(headers: DecodedHeaders, { trailerBytes, trailerCount }: TrailerLimits): Fields | Malformed {
  if (headers.excess !== '' || headers.bytes > trailerBytes || headers.count > trailerCount) {
    return new Malformed('too many trailers');
  }
  const section = readSection(headers, noPseudo);
  if (section instanceof Malformed) return section;
  if (section.host !== undefined || section.contentLength !== -1) {
    return new Malformed('a trailer that belongs to the head');
  }
  return keepTrailers(section.fields);
}
