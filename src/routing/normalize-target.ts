// The one form of a path in which it is verified and sent: a request's target and a route's pattern both pass through
// here. Percent-encodings of unreserved characters are decoded once, the others written in upper case (RFC 3986
// section 6.2.2); plain dot segments are resolved (section 5.2.4); slashes are merged. What two servers could read
// differently is refused, never repaired: %5c %00 `\`, a broken %, encoded dots or `..;` that would climb, climbing
// above the root or over an empty segment; %2f is told of, since a route may let it pass. Which path wins, and which spellings of it are refused because a backend could
// see another route's path in them, is route-table.ts; what the backend gets is rewrite-path.ts.

export type NormalPath = {
  /** Normalised, begins with `/`; or `*` (OPTIONS). This is what is matched and what is forwarded. */
  readonly path: string;
  /** As received, with its `?`; '' where there is none. path + query is a target again. */
  readonly query: string;
  /** `%2F` stands in a segment, which is a slash to some servers: it may pass where the route says so (`allowEncodedSlash`). */
  readonly encodedSlash: boolean;
  /** The path with the empty segments in its middle, for routes that keep them; '' where it has none. */
  readonly unmerged: string;
};

/** Anything in a path that needs more than a glance: encodings, backslash, a segment that is empty or begins with a dot, bytes outside ASCII. */
const suspicious = /[%\\#]|\/[./]|[^\x21-\x7e]/;

/** The normal form of an origin-form target, or undefined where it must be refused with 400. */
export function normalizeTarget(target: string): NormalPath | undefined {
  const mark = target.indexOf('?');
  const raw = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? '' : target.slice(mark);
  if (raw.charCodeAt(0) !== 0x2f) return raw === '*' && mark < 0 ? asItCame(raw, query) : undefined;
  if (!suspicious.test(raw)) return asItCame(raw, query);
  const path = resolve(raw);
  return path === undefined ? undefined : mergeSlashes(path, query);
}

function asItCame(path: string, query: string): NormalPath {
  return { path, query, encodedSlash: false, unmerged: '' };
}

/** Slashes in front are always merged: `//host/path` is a reference to another host for who resolves it as one. */
function mergeSlashes(resolved: string, query: string): NormalPath {
  const encodedSlash = resolved.includes('%2F');
  if (!resolved.includes('//')) return { path: resolved, query, encodedSlash, unmerged: '' };
  const unmerged = resolved.replace(/^\/+/, '/');
  const path = unmerged.replace(/\/{2,}/g, '/');
  return { path, query, encodedSlash, unmerged: unmerged === path ? '' : unmerged };
}

const hex = /^[0-9A-Fa-f]{2}$/;
const unreserved = /^[A-Za-z0-9\-._~]$/;

function resolve(raw: string): string | undefined {
  const out: string[] = [];
  const segments = raw.split('/');
  const last = segments.length - 1;
  for (let i = 1; i <= last; i++) {
    const given = segments[i] ?? '';
    const segment = decodeSegment(given);
    if (segment === undefined) return undefined;
    if (segment === '.') {
      if (i === last) out.push('');
    } else if (segment === '..') {
      // Encoded dots only ever come from somebody who wants two servers to disagree about them. Whether `/a//..` is
      // `/a/` or `/` depends on who merges slashes first; above the root there is nothing.
      if (given !== '..' || out.length === 0 || out.at(-1) === '') return undefined;
      out.pop();
      if (i === last) out.push('');
    } else if (climbsWithParameter.test(segment)) {
      return undefined;
    } else out.push(segment);
  }
  return `/${out.join('/')}`;
}

/** True for a segment that some server resolves, or takes for no segment, `..;x` included. */
export function isDotSegment(segment: string): boolean {
  return segment === '.' || segment === '..' || climbsWithParameter.test(segment);
}

/** `..;x` is `..` to servers that cut path parameters off before they resolve dots (Tomcat, Jetty). */
const climbsWithParameter = /^\.\.?(?:;|%3B)/;

function decodeSegment(segment: string): string | undefined {
  let out = '';
  for (let i = 0; i < segment.length; i++) {
    const code = segment.charCodeAt(i);
    // `\`, `#`, controls, space and DEL never stand in a path (RFC 3986 section 3.3).
    if (code === 0x5c || code === 0x23 || code <= 0x20 || code === 0x7f) return undefined;
    if (code > 0x7f) {
      // A head is latin1, so a character is one byte as the client sent it.
      if (code > 0xff) return undefined;
      out += `%${code.toString(16).toUpperCase()}`;
    } else if (code === 0x25) {
      const digits = segment.slice(i + 1, i + 3);
      if (!hex.test(digits)) return undefined;
      const byte = Number.parseInt(digits, 16);
      if (byte === 0 || byte === 0x5c) return undefined;
      const char = String.fromCharCode(byte);
      out += unreserved.test(char) ? char : `%${digits.toUpperCase()}`;
      i += 2;
    } else out += segment.charAt(i);
  }
  return out;
}

/**
 * A route's pattern as segments of the same form: text becomes UTF-8 percent-encodings, trailing slashes are dropped, `{name}`
 * stays as it is. Undefined where no request could ever match it (see normalizeTarget).
 */
export function patternSegments(pattern: string): readonly string[] | undefined {
  const trimmed = pattern.replace(/\/+$/, '');
  if (trimmed === '') return [];
  if (!trimmed.startsWith('/')) return undefined;
  const segments: string[] = [];
  for (const segment of trimmed.slice(1).split('/')) {
    if (isParam(segment)) {
      segments.push(segment);
      continue;
    }
    const encoded = segment.replace(
      /[^\x21-\x7e]|["#<>?^`{|}]|%(?![0-9A-Fa-f]{2})/gu,
      (char) => `%${[...Buffer.from(char)].map((byte) => byte.toString(16).toUpperCase().padStart(2, '0')).join('%')}`,
    );
    const decoded = decodeSegment(encoded);
    if (decoded === undefined || decoded.includes('%2F') || isDotSegment(decoded)) return undefined;
    segments.push(decoded);
  }
  return segments;
}

/** True for a whole-segment parameter: `{id}`. */
export function isParam(segment: string): boolean {
  return /^\{[^{}:./]+\}$/.test(segment);
}

const encodedPathCharacter = /%(?:2[1246-9A-C]|3[A-E]|40|5E|60|7[B-D])/g;

/**
 * The form in which segments are compared: characters that come unencoded in a path, whether they may (`!$&'()*+,;=:@`)
 * or not (`"<>^\`{|}`), decoded too, so that a route at `/v1:admin` is not escaped from by asking for `/v1%3Aadmin`. Sent is still what normalizeTarget gave.
 */
export function comparablePath(path: string): string {
  if (!path.includes('%')) return path;
  return path.replace(encodedPathCharacter, (text) => String.fromCharCode(Number.parseInt(text.slice(1), 16)));
}
