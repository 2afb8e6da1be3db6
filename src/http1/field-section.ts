// The header section of a message (RFC 9112 section 5): lines to fields, with the fields that the codec acts on by itself
// (framing, hop-by-hop, Host, Expect) sorted out while passing. Knows nothing of requests or responses.
import { FieldKind, Fields, type FieldName, type FieldNames } from '../http/field.ts';
import { ParseError } from '../http/parse-error.ts';

const TAB = 9;
const SPACE = 32;

/** What a header section says. Strings are undefined where the field is absent. */
export class FieldSection {
  /** End-to-end fields, in order. */
  readonly fields = new Fields();
  host: string | undefined;
  contentLength: string | undefined;
  transferEncoding: string | undefined;
  /** All Connection values, joined by commas. */
  connection: string | undefined;
  upgrade: string | undefined;
  te: string | undefined;
  expect: string | undefined;
  /** A name that some servers read as Content-Length or Transfer-Encoding, as it was received. */
  framingLookalike: string | undefined;
}

/**
 * Reads the lines of `text` from `at` to `end`, each closed by CRLF, into `section`.
 * Controls and bare CR or LF must have been looked for before (`scanHead`, ChunkedReader).
 */
export function readFields(
  text: string,
  at: number,
  end: number,
  names: FieldNames,
  maxCount: number,
  section: FieldSection,
): ParseError | undefined {
  const { fields } = section;
  let count = 0;
  while (at < end) {
    const newline = text.indexOf('\n', at);
    const colon = text.indexOf(':', at);
    if (colon === -1 || colon > newline) return new ParseError('bad_request', 'a field line without a colon');
    const name = names.find(text.slice(at, colon));
    if (name === undefined) return badName(text, at);
    if (++count > maxCount) return new ParseError('headers_too_large', `more than ${maxCount} fields`);
    const value = trimmed(text, colon + 1, newline - 1);
    if (name.kind === FieldKind.plain) fields.push(name, value);
    else {
      const error = note(section, name, value);
      if (error !== undefined) return error;
    }
    at = newline + 1;
  }
  return undefined;
}

/** The text between two positions without outer spaces and tabs (OWS). */
function trimmed(text: string, start: number, end: number): string {
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

function badName(text: string, at: number): ParseError {
  const folded = isBlank(text.charCodeAt(at));
  return new ParseError('bad_request', folded ? 'a folded field line (obs-fold)' : 'a field name that is not a token');
}

/** Keeps a field that the codec acts on; fields that must be single are refused when they come twice, even with one value. */
function note(section: FieldSection, name: FieldName, value: string): ParseError | undefined {
  switch (name.kind) {
    case FieldKind.host:
      if (section.host !== undefined) return twice('Host');
      section.host = value;
      return undefined;
    case FieldKind.contentLength:
      if (section.contentLength !== undefined) return twice('Content-Length');
      section.contentLength = value;
      return undefined;
    case FieldKind.transferEncoding:
      if (section.transferEncoding !== undefined) return twice('Transfer-Encoding');
      section.transferEncoding = value;
      return undefined;
    case FieldKind.connection:
      section.connection = joined(section.connection, value);
      return undefined;
    case FieldKind.upgrade:
      section.upgrade = joined(section.upgrade, value);
      return undefined;
    case FieldKind.te:
      section.te = joined(section.te, value);
      return undefined;
    case FieldKind.expect:
      section.expect = joined(section.expect, value);
      return undefined;
    case FieldKind.framingLookalike:
      section.framingLookalike = name.raw;
      return undefined;
    default:
      return undefined;
  }
}

function twice(name: string): ParseError {
  return new ParseError('bad_request', `${name} stands there more than once`);
}

function joined(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before},${value}`;
}
