// Reads the chunked coding (RFC 9112 section 7.1): sizes, ignored extensions, data, trailers. Small chunks are moved together
// where they lie, so that a body in chunks of one byte costs its reader no more steps than one in large chunks.
// Every line must end with CRLF; nothing that only some parsers accept is accepted (incident 19).
import type { Fields, FieldNames } from '../http/field.ts';
import type { HttpLimits } from '../http/limits.ts';
import { ParseError } from '../http/parse-error.ts';
import { keepTrailers } from '../http/trailers.ts';
import { FieldSection, readFields } from './field-section.ts';

/** All extensions of one body together: nobody uses them, so a lot of them is an attack (CVE-2024-22019). */
const maxExtensionBytes = 16_384;

const plainSize = /^[0-9A-Fa-f]{1,13}$/;
// Blanks around ; and = (BWS) may be sent by nobody since RFC 7230, and not all parsers take them: refused.
const sizeWithExtensions =
  /^([0-9A-Fa-f]{1,13})(?:;[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:=(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"(?:[\t !#-[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"))?)+$/;

/** Octets that may not stand in a line: controls but HTAB, and a CR that is not the last but one. */
const illegal = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r[^\n]/;

/** A chunk longer than this is a piece of its own: to move it would cost more than a step does. */
const maxMovedBytes = 1024;

type State = 'size' | 'data' | 'data-end' | 'trailer' | 'done' | 'refused';

/** 2^52: more than anybody sends, less than where numbers lose digits. As in the expressions above. */
const maxSizeDigits = 13;

const LF = 10;
const CR = 13;

/** The value of a hex digit, or -1. */
function hexDigit(octet: number): number {
  if (octet >= 48 && octet <= 57) return octet - 48;
  const upper = octet & 0xdf;
  return upper >= 65 && upper <= 70 ? upper - 55 : -1;
}

/** Moves the bytes from `at` to `stop` down to `end`; returns where they end now. */
function moveTogether(buffer: Buffer, end: number, at: number, stop: number): number {
  if (stop - at > 16) buffer.copyWithin(end, at, stop);
  else for (let from = at; from < stop; from++) buffer[end + from - at] = buffer[from] as number;
  return end + stop - at;
}

/** One body after the other; call `read` until `done` or `error`, `reset` before the next body. */
export class ChunkedReader {
  /** Data of the last `read`; a view into the buffer given to it, whose bytes behind its beginning may have been moved. */
  data: Buffer | undefined;
  /** Why the body was refused; nothing can be read any more. */
  error: ParseError | undefined;
  /** Trailers, once done; undefined where none came. */
  trailers: Fields | undefined;
  readonly #names: FieldNames;
  readonly #limits: HttpLimits;
  #state: State = 'size';
  /** Beginning of a line whose end has not come. */
  #line = '';
  #left = 0;
  #trailer = '';
  #extensionBytes = 0;

  constructor(names: FieldNames, limits: HttpLimits) {
    this.#names = names;
    this.#limits = limits;
  }

  get done(): boolean {
    return this.#state === 'done';
  }

  reset(): void {
    this.data = undefined;
    this.error = undefined;
    this.trailers = undefined;
    this.#state = 'size';
    this.#line = '';
    this.#left = 0;
    this.#trailer = '';
    this.#extensionBytes = 0;
  }

  /**
   * Reads on from `at` until the buffer is used up, the body ended, or a large chunk comes behind data that is there already;
   * returns the next position. Data that was read before the body turned out to be illegal is there beside the error.
   */
  read(buffer: Buffer, at: number): number {
    let start = -1;
    let end = -1;
    while (at < buffer.length) {
      if (this.#state === 'data') {
        const stop = Math.min(buffer.length, at + this.#left);
        if (start === -1) {
          start = at;
          end = stop;
        } else if (stop - at > maxMovedBytes) break;
        else end = moveTogether(buffer, end, at, stop);
        this.#left -= stop - at;
        if (this.#left === 0) this.#state = 'data-end';
        at = stop;
      } else {
        if (this.#state === 'done' || this.#state === 'refused') break;
        const next = this.#line === '' ? this.#takeShortLine(buffer, at) : at;
        at = next === at ? this.#takeLine(buffer, at) : next;
      }
    }
    this.data = start === -1 ? undefined : start === 0 && end === buffer.length ? buffer : buffer.subarray(start, end);
    return at;
  }

  /** The lines of nearly every body, read from the bytes: a size alone, or nothing. Returns `at` for all others. */
  #takeShortLine(buffer: Buffer, at: number): number {
    let end = at;
    let size = 0;
    if (this.#state === 'size') {
      const last = Math.min(buffer.length, at + maxSizeDigits);
      for (; end < last; end++) {
        const digit = hexDigit(buffer[end] as number);
        if (digit === -1) break;
        size = size * 16 + digit;
      }
      if (end === at) return at;
    }
    if (buffer[end] !== CR || buffer[end + 1] !== LF) return at;
    if (this.#state === 'size') this.#takeSize(size);
    else if (this.#state === 'data-end') this.#state = 'size';
    else this.#endTrailers();
    return end + 2;
  }

  #takeLine(buffer: Buffer, at: number): number {
    const room = this.#room() - this.#line.length;
    const newline = buffer.subarray(at, at + room).indexOf(LF);
    const end = newline === -1 ? Math.min(buffer.length, at + room) : at + newline + 1;
    this.#line += buffer.toString('latin1', at, end);
    if (newline !== -1) this.#endLine();
    else if (this.#line.length >= this.#room()) this.#refuse('a line that is too long');
    else if (illegal.test(this.#line)) this.#refuse('a control character or a bare CR');
    return end;
  }

  /** Bytes that the current line may have, CRLF included. */
  #room(): number {
    if (this.#state === 'data-end') return 2;
    if (this.#state === 'size') return this.#limits.chunkLineBytes + 2;
    return this.#limits.trailerBytes + 2;
  }

  #endLine(): void {
    const line = this.#line;
    this.#line = '';
    if (!line.endsWith('\r\n')) return this.#refuse('a bare LF');
    if (illegal.test(line)) return this.#refuse('a control character or a bare CR');
    if (this.#state === 'data-end') {
      if (line.length !== 2) return this.#refuse('no CRLF after the data of a chunk');
      this.#state = 'size';
    } else if (this.#state === 'size') this.#takeSizeLine(line.slice(0, -2));
    else if (line.length === 2) this.#endTrailers();
    else if (this.#trailer.length + line.length > this.#limits.trailerBytes) {
      this.#refuse('too many bytes of trailers', 'headers_too_large');
    } else this.#trailer += line;
  }

  #takeSizeLine(line: string): void {
    let digits = line;
    if (!plainSize.test(line)) {
      const match = sizeWithExtensions.exec(line);
      if (match?.[1] === undefined) return this.#refuse('an illegal chunk size');
      digits = match[1];
      this.#extensionBytes += line.length - digits.length;
      if (this.#extensionBytes > maxExtensionBytes) return this.#refuse('too many bytes of chunk extensions');
    }
    this.#takeSize(Number.parseInt(digits, 16));
  }

  #takeSize(size: number): void {
    this.#left = size;
    this.#state = size === 0 ? 'trailer' : 'data';
  }

  #endTrailers(): void {
    if (this.#trailer !== '') {
      const fields = this.#parseTrailers(this.#trailer);
      if (fields instanceof ParseError) return this.#refuse(fields.detail, fields.code);
      if (fields.length > 0) this.trailers = fields;
    }
    this.#state = 'done';
  }

  #parseTrailers(text: string): Fields | ParseError {
    const section = new FieldSection();
    const error = readFields(text, 0, text.length, this.#names, this.#limits.trailerCount, section);
    if (error !== undefined) return error;
    const { host, contentLength, transferEncoding, connection } = section;
    if ((host ?? contentLength ?? transferEncoding ?? connection) !== undefined) {
      return new ParseError('bad_request', 'a trailer that belongs to the head');
    }
    return keepTrailers(section.fields);
  }

  #refuse(detail: string, code: ParseError['code'] = 'bad_request'): void {
    this.#state = 'refused';
    this.error = new ParseError(code, detail);
  }
}
