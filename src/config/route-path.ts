// Path patterns of routes: `/`, `/api`, `/users/{id}/orders`. A pattern is a prefix that ends on a segment boundary.
import { hasOneReading } from '../http/path-readings.ts';

export type PathReading = { readonly path: string } | { readonly problem: string; readonly hint: string };

const maxPathLength = 2048;

/** The pattern without trailing slash (`/` stays). */
export function parseRoutePath(text: string): PathReading {
  const plain = parsePlainPath(text);
  if ('problem' in plain) return plain;
  const names = new Set<string>();
  for (const segment of plain.path.split('/')) {
    if (segment.includes('*'))
      return {
        problem: 'wildcards in paths are not supported',
        hint: 'A path is a prefix already: `/api` matches /api and everything below it.',
      };
    if (!/[{}]/.test(segment)) continue;
    const name = /^\{([A-Za-z_][A-Za-z0-9_]*)\}$/.exec(segment)?.[1];
    if (/^\{[^}]*:/.test(segment))
      return {
        problem: `the parameter ${segment} has a regular expression`,
        hint: 'Parameters stand for one whole segment: write {name}.',
      };
    if (name === undefined)
      return {
        problem: `the segment "${segment}" is not a parameter`,
        hint: 'A parameter takes a whole segment and is named by letters, digits and underscores: /users/{id}.',
      };
    if (names.has(name))
      return { problem: `the parameter {${name}} stands twice in the path`, hint: 'Give each its own name.' };
    names.add(name);
  }
  // The names of parameters stand for text that nobody knows yet.
  if (!hasOneReading(plain.path.replaceAll(/\{[^/]*\}/g, 'x')))
    return {
      problem: 'the path is one that backends could read in several ways',
      hint: 'Leave out encodings within encodings (%25..), bytes that are no UTF-8, encoded ? and #, ;parameters before the last segment, and segments of nothing but dots or blanks.',
    };
  return plain;
}

/** A path as `rewrite` takes it; without trailing slash. What stands in braces is looked at by rewrite-template.ts. */
export function parseRewrite(text: string): PathReading {
  return parsePlainPath(text);
}

function parsePlainPath(text: string): PathReading {
  if (!text.startsWith('/')) return { problem: 'a path starts with a slash', hint: `Write /${text}.` };
  if (text.length > maxPathLength) return { problem: `the path is longer than ${maxPathLength} characters`, hint: '' };
  if (/[?#]/.test(text))
    return { problem: 'a path has no query and no fragment', hint: 'Remove what stands from ? or # on.' };
  if (/[\u0000-\u0020\u007f\\]/.test(text))
    return { problem: 'the path holds a space, a backslash or a control character', hint: '' };
  if (/[^\u0000-\u007f]/.test(text))
    return { problem: 'the path is not ASCII', hint: `Write it percent-encoded: ${encodeURI(text.toWellFormed())}` };
  if (/%(?![0-9A-Fa-f]{2})/.test(text) || /%(?:2f|5c|00)/i.test(text))
    return {
      problem: 'the path holds a percent-encoding that no request can match',
      hint: '%2f, %5c and %00 are refused in requests.',
    };
  const path = text.replace(/\/+$/, '') || '/';
  const segments = path.slice(1).split('/');
  if (segments.some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment)))
    return {
      problem: 'the path has a `.` or `..` segment',
      hint: 'Requests are normalised before routing, so it could never match.',
    };
  if (path !== '/' && segments.includes(''))
    return { problem: 'the path has an empty segment', hint: 'Two slashes follow each other.' };
  return { path };
}
