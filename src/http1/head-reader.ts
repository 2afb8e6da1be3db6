// Finds and parses the request heads in what a client sends, however it is cut into pieces (RFC 9112 section 2.2). Keeps
// how far an incomplete head was looked at, so that a client that drips its bytes costs no more than one that does not.
import type { FieldNames } from '../http/field.ts';
import type { HttpLimits } from '../http/limits.ts';
import { ParseError } from '../http/parse-error.ts';
import { illegalHead, resumeAt, scanHead } from './head-scan.ts';
import { type Http1RequestHead, parseRequestHead, strayProxyHeader } from './request-head.ts';

export class HeadReader {
  /** After `read` gave a head or an empty line: the position behind it. */
  next = 0;
  readonly #names: FieldNames;
  readonly #limits: HttpLimits;
  /** Bytes of an incomplete head that were looked at. */
  #scanned = 0;
  #emptyLine = false;

  constructor(names: FieldNames, limits: HttpLimits) {
    this.#names = names;
    this.#limits = limits;
  }

  /** A part of a head was looked at, and the rest has not come. */
  get isWithin(): boolean {
    return this.#scanned > 0;
  }

  /** What stands at `at`: a head, an empty line, something that cannot become a head, or too little to tell (`more`). */
  read(buffer: Buffer, at: number): Http1RequestHead | ParseError | 'empty line' | 'more' {
    if (buffer[at] === 13 && buffer.length > at + 1) return this.#skipEmptyLine(buffer, at);
    const end = scanHead(buffer, at + this.#scanned, Math.min(buffer.length, at + this.#limits.headBytes));
    if (end < 0) return this.#verifyPart(buffer, at, end);
    this.#scanned = 0;
    this.#emptyLine = false;
    this.next = end;
    return parseRequestHead(buffer, at, end, this.#names, this.#limits);
  }

  /** One empty line before a request is tolerated (RFC 9112 section 2.2): old clients send it after a body. */
  #skipEmptyLine(buffer: Buffer, at: number): ParseError | 'empty line' {
    if (this.#emptyLine || buffer[at + 1] !== 10) {
      // Version 2 of the PROXY protocol begins with two empty lines and a NUL.
      if (buffer[at + 1] === 10 && buffer[at + 2] === 0) return strayProxyHeader();
      return new ParseError('bad_request', 'empty lines before the request line');
    }
    this.#emptyLine = true;
    this.next = at + 2;
    return 'empty line';
  }

  #verifyPart(buffer: Buffer, at: number, scanned: number): ParseError | 'more' {
    const { startLineBytes, headBytes } = this.#limits;
    if (scanned === illegalHead) {
      return new ParseError('bad_request', 'a control character or a bare CR or LF in the head');
    }
    const length = buffer.length - at;
    if (length > startLineBytes + 1 && !buffer.subarray(at, at + startLineBytes + 2).includes(10)) {
      return new ParseError('uri_too_long', 'the request line is too long');
    }
    if (length >= headBytes) return new ParseError('headers_too_large', 'the head is too long');
    this.#scanned = resumeAt(scanned) - at;
    return 'more';
  }
}
