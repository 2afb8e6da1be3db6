// One field of a header list, judged once when it comes into being (RFC 9113 section 8.2): what an index of a table stands
// for was judged when it came into the table, and costs nothing when it is referred to again.
import { isAuthority } from '../http/authority.ts';
import { FieldKind, type FieldName, type FieldNames, isToken } from '../http/field.ts';
import { parseContentLength } from '../http/content-length.ts';
import { entryOverhead } from './static-table.ts';

/** What a field is to a message. */
export const HeaderRole = {
  /** Goes on to whoever is meant. */
  plain: 0,
  method: 1,
  scheme: 2,
  authority: 3,
  path: 4,
  status: 5,
  /** RFC 8441. */
  protocol: 6,
  host: 7,
  contentLength: 8,
  cookie: 9,
  te: 10,
  expect: 11,
  /** Is about one hop, or the form of a message: the codec's own business, passed on to nobody. */
  dropped: 12,
} as const;
export type HeaderRole = (typeof HeaderRole)[keyof typeof HeaderRole];

export type HeaderField = {
  readonly name: string;
  /** Latin1. */
  readonly value: string;
  /** As header lists and tables count it: name, value and 32. */
  readonly bytes: number;
  readonly role: HeaderRole;
  /** Undefined for a pseudo-header field, and for a name that is none. */
  readonly known: FieldName | undefined;
  /** What makes any message with this field malformed; '' where nothing does. */
  readonly flaw: string;
};

const TAB = 9;
const SPACE = 32;
const COLON = 58;
const pseudoRoles: ReadonlyMap<string, HeaderRole> = new Map([
  [':method', HeaderRole.method],
  [':scheme', HeaderRole.scheme],
  [':authority', HeaderRole.authority],
  [':path', HeaderRole.path],
  [':status', HeaderRole.status],
  [':protocol', HeaderRole.protocol],
]);

/** Section 8.2.2: they make a message malformed, where others of one hop are dropped. */
const connectionSpecific = new Set(['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade']);

/** What http1/head-scan refuses, CR and LF with it. */
const control = /[\0-\x08\x0a-\x1f\x7f]/;
/** Visible ASCII but `#`, as for HTTP/1.1 (RFC 9112 section 3.2). */
const originForm = /^\/[!"$-~]*$/;
const status = /^[1-9][0-9][0-9]$/;

/** Judges a field that came as two latin1 strings. `isSensitive`: the sender forbids it to be kept in any table. */
export function headerField(names: FieldNames, name: string, value: string, isSensitive = false): HeaderField {
  const bytes = name.length + value.length + entryOverhead;
  if (name.charCodeAt(0) === COLON) {
    const role = pseudoRoles.get(name);
    if (role !== undefined) return { name, value, bytes, role, known: undefined, flaw: flawOfPseudo(role, value) };
  }
  const known = names.find(name, isSensitive);
  if (known === undefined || known.raw !== known.lower) {
    const what = known === undefined ? 'a name that is not a token' : 'a name with upper-case letters';
    return { name, value, bytes, role: HeaderRole.dropped, known: undefined, flaw: what };
  }
  const role = roleOf(known);
  return { name: known.raw, value, bytes, role, known, flaw: flawOf(known, role, value) };
}

function roleOf({ kind, lower }: FieldName): HeaderRole {
  switch (kind) {
    case FieldKind.plain:
      return lower === 'cookie' ? HeaderRole.cookie : HeaderRole.plain;
    case FieldKind.host:
      return HeaderRole.host;
    case FieldKind.contentLength:
      return HeaderRole.contentLength;
    case FieldKind.te:
      return HeaderRole.te;
    case FieldKind.expect:
      return HeaderRole.expect;
    default:
      return HeaderRole.dropped;
  }
}

function flawOf({ kind, lower }: FieldName, role: HeaderRole, value: string): string {
  if (control.test(value)) return 'a control character in a value';
  if (isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(value.length - 1))) return 'blanks around a value';
  if (role === HeaderRole.plain || role === HeaderRole.cookie) return '';
  if (connectionSpecific.has(lower)) return `${lower} in HTTP/2`;
  if (kind === FieldKind.framingLookalike) return `${lower} is read as another field by some servers`;
  if (role === HeaderRole.contentLength)
    return parseContentLength(value) === undefined ? 'content-length is not a number' : '';
  // Section 8.2.2: nothing else of TE concerns HTTP/2.
  if (role === HeaderRole.te) return value === 'trailers' ? '' : 'te other than trailers';
  return '';
}

/** Section 8.2.1. */
function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

/** An empty :path is known by its absence from all forms; CONNECT without one is the business of header-list.ts. */
function flawOfPseudo(role: HeaderRole, value: string): string {
  switch (role) {
    case HeaderRole.method:
    case HeaderRole.protocol:
      return isToken(value) ? '' : 'a method or protocol that is not a token';
    case HeaderRole.scheme:
      return value === 'https' || value === 'http' ? '' : 'a scheme that is not HTTP';
    case HeaderRole.authority:
      return isAuthority(value) ? '' : 'an illegal :authority';
    case HeaderRole.path:
      return value === '*' || originForm.test(value) ? '' : 'an illegal :path';
    default:
      return status.test(value) ? '' : 'an illegal :status';
  }
}
