// What path a backend gets: `rewrite` in place of what the route's path matched, then what follows it, then the backend's own
// base path in front. Goma leaves the paths of routes with {parameters} as they are, whatever their `rewrite` says; here the
// matched part is replaced for them too. The query passes through untouched.
import type { RouteConfig } from '../config/gateway-config.ts';
import { parseTemplate, type TemplatePart } from '../config/rewrite-template.ts';
import { openSegment } from '../http/open-segment.ts';
import { comparablePath, isDotSegment, patternSegments } from './normalize-target.ts';
import { type PathPattern, patternOf } from './path-pattern.ts';

export type Rewritten = Pick<RouteConfig, 'path' | 'match' | 'rewrite'>;

/** A segment of the rewrite: text, or what is put together for each path. */
type Piece = string | readonly TemplatePart[];

export class PathRewrite {
  readonly #pattern: PathPattern;
  readonly #pieces: readonly Piece[];

  private constructor(pattern: PathPattern, rewrite: string) {
    this.#pattern = pattern;
    this.#pieces = rewrite.split('/').flatMap((segment): Piece[] => {
      if (segment === '') return [];
      const parts = parseTemplate(segment);
      return parts.some((part) => typeof part !== 'string') ? [parts] : (patternSegments(`/${segment}`)?.slice() ?? []);
    });
  }

  /** Undefined where paths stay as they are. */
  static of(route: Rewritten): PathRewrite | undefined {
    const pattern = patternOf(route);
    return pattern === undefined || route.rewrite === undefined || route.rewrite === ''
      ? undefined
      : new PathRewrite(pattern, route.rewrite);
  }

  /**
   * The path behind `basePath` ('' or `/prefix`) for a normalised `path` that the route matched. A trailing slash is kept; slashes
   * are merged where the two parts meet and nowhere else. `isPathChanged`: by a filter; where it does not begin with the route's
   * path any more, the whole of it is put behind `rewrite`. Undefined where what is put in would be no honest segment: empty, or one
   * that some server resolves.
   */
  apply(path: string, basePath: string, isPathChanged: boolean): string | undefined {
    const count = isPathChanged && !beginsWith(path, this.#pattern) ? 0 : this.#pattern.segments.length;
    const rest = skipSegments(path, count);
    const given = path.slice(1).split('/', count);
    let replacement = '';
    for (const piece of this.#pieces) {
      const segment = typeof piece === 'string' ? piece : this.#fill(piece, given);
      // Pieces that mean nothing alone may make a dot segment together.
      if (typeof piece !== 'string' && !isHonest(segment)) return undefined;
      replacement += `/${segment}`;
    }
    const tail = rest.replace(/^\/+/, '');
    if (tail !== '') return `${basePath}${replacement}/${tail}`;
    return rest === '' && replacement !== '' ? basePath + replacement : `${basePath}${replacement}/`;
  }

  /** `given`: the segments that were matched, as they are sent: what needs an encoding has it. */
  #fill(parts: readonly TemplatePart[], given: readonly string[]): string {
    const groups = parts.some((part) => typeof part !== 'string' && 'group' in part) ? this.#groups(given) : [];
    return parts
      .map((part) => {
        if (typeof part === 'string') return part;
        if ('group' in part) return groups[part.group - 1] ?? '';
        const at = this.#pattern.segments.findIndex((one) => one.kind === 'param' && one.name === part.param);
        return given[at] ?? '';
      })
      .join('');
  }

  /** What groups hold is made of characters that need no encoding (config/path-regex.ts), whole segments aside. */
  #groups(given: readonly string[]): readonly string[] {
    return this.#pattern.segments.flatMap((segment, at) => {
      const text = given[at] ?? '';
      if (segment.kind === 'param') return segment.groups === 0 ? [] : [text];
      return segment.kind === 'regex' ? segment.capture(comparablePath(text)) : [];
    });
  }
}

function isHonest(segment: string): boolean {
  return segment !== '' && !isDotSegment(segment) && openSegment(segment) !== undefined;
}

/** The path for the backend: see PathRewrite. */
export function rewritePath(
  rewrite: PathRewrite | undefined,
  path: string,
  basePath: string,
  isPathChanged = false,
): string | undefined {
  return rewrite === undefined ? basePath + path : rewrite.apply(path, basePath, isPathChanged);
}

/** What a filter has made of a path may be none of the route's any more. */
function beginsWith(path: string, { segments }: PathPattern): boolean {
  const given = comparablePath(path).slice(1).split('/');
  return segments.every((segment, at) => {
    const part = given[at] ?? '';
    if (segment.kind === 'text') return segment.text === part;
    return part !== '' && (segment.kind === 'param' || segment.test(part, false) === true);
  });
}

/** What follows the first `count` segments: '', or a text that begins with a slash. */
function skipSegments(path: string, count: number): string {
  let at = 0;
  for (let i = 0; i < count; i++) {
    const next = path.indexOf('/', at + 1);
    if (next < 0) return '';
    at = next;
  }
  return path.slice(at);
}
