// How long a message body is (RFC 9112 section 6): Content-Length and Transfer-Encoding, without any repair.
import { parseContentLength } from '../http/content-length.ts';
import { type BodyLength, chunkedBody } from '../http/exchange.ts';
import { ParseError } from '../http/parse-error.ts';

/**
 * The body length that the framing fields give, or `absent` where there is neither.
 * Both fields together are refused: that is the classic way to smuggle a request.
 */
export function parseFraming(
  contentLength: string | undefined,
  transferEncoding: string | undefined,
  version: number,
  absent: BodyLength,
): BodyLength | ParseError {
  if (transferEncoding === undefined) {
    if (contentLength === undefined) return absent;
    return parseContentLength(contentLength) ?? new ParseError('bad_request', 'Content-Length is not a number');
  }
  if (contentLength !== undefined)
    return new ParseError('bad_request', 'Content-Length and Transfer-Encoding in one message');
  if (version < 11) return new ParseError('bad_request', 'Transfer-Encoding in an HTTP/1.0 message');
  const codings = transferEncoding.toLowerCase();
  if (codings === 'chunked') return chunkedBody;
  if (codings === '') return new ParseError('bad_request', 'empty Transfer-Encoding');
  const list = codings.split(',').map((coding) => coding.trim());
  if (list.slice(0, -1).includes('chunked')) return new ParseError('bad_request', 'chunked is not the last coding');
  return new ParseError('unknown_transfer_coding', 'a transfer coding other than chunked');
}
