// Locations of a server, nested ones too, and the paths that they are for in our words. nginx takes the exact one, else the longest
// prefix unless a regular expression fits; here the more specific path wins, so `priority` is written where that is not the same.
import { hasOuterAlternative } from '../import/outer-alternative.ts';
import { type Directive, words } from './directive.ts';
import { Scope } from './scope.ts';

export type LocationKind = 'exact' | 'prefix' | 'regex';

export type Location = {
  readonly directive: Directive | undefined;
  readonly scope: Scope;
  readonly kind: LocationKind;
  /** As it is written, of regular expressions too. */
  readonly path: string;
  /** `~*`. */
  readonly ignoreCase: boolean;
  /** `^~`: no regular expression is tried. */
  readonly isFinal: boolean;
  /** The location around it. */
  readonly parent: Location | undefined;
};

/** `@name` ones are left out: nothing is routed to them. */
export function readLocations(server: Scope): { locations: Location[]; named: Directive[] } {
  const locations: Location[] = [];
  const named: Directive[] = [];
  const visit = (scope: Scope, parent: Location | undefined): void => {
    for (const directive of scope.own('location')) {
      const location = readLocation(directive, scope, parent);
      if (location === undefined) named.push(directive);
      else {
        locations.push(location);
        visit(location.scope, location);
      }
    }
  };
  visit(server, undefined);
  return { locations, named };
}

function readLocation(directive: Directive, around: Scope, parent: Location | undefined): Location | undefined {
  const [first = '', second] = words(directive);
  // A modifier may stand without a space: `=/x`, `~*\.php`.
  const [, glued = '', rest = ''] =
    second === undefined ? (/^(=|\^~|~\*|~)(.*)$/.exec(first) ?? [first, '', first]) : [first, first, second];
  if (second === undefined && first.startsWith('@')) return undefined;
  const kind: LocationKind = glued === '=' ? 'exact' : glued.startsWith('~') ? 'regex' : 'prefix';
  return {
    directive,
    scope: new Scope(directive.block ?? [], around),
    kind,
    path: rest,
    ignoreCase: glued === '~*',
    isFinal: glued === '^~',
    parent,
  };
}

export type PathKeys = { readonly path: string; readonly pathMatch?: 'exact' | 'regex' };

/** undefined where no path of ours says it. */
export function pathOf({ kind, path, ignoreCase }: Location): PathKeys | undefined {
  if (kind === 'regex') {
    const expression = regexPath(path);
    return expression === undefined || (ignoreCase && /[A-Za-z]/.test(expression))
      ? undefined
      : { path: expression, pathMatch: 'regex' };
  }
  if (!path.startsWith('/')) return undefined;
  const written = encodePath(path);
  if (kind === 'prefix') return { path: written.replace(/\/+$/, '') || '/' };
  // A slash at the end is dropped from paths.
  return written !== '/' && written.endsWith('/') ? undefined : { path: written, pathMatch: 'exact' };
}

/** nginx compares decoded paths: what stands there as it is has to be encoded here. */
function encodePath(path: string): string {
  return path.replace(/[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]/g, (char) => encodeURIComponent(char));
}

/** An expression over the whole path; nginx's may fit anywhere. */
function regexPath(pattern: string): string | undefined {
  if (!pattern.startsWith('^/') || hasOuterAlternative(pattern)) return undefined;
  let body = pattern.slice(1).replaceAll('\\/', '/');
  const isWhole = /(?<!\\)\$$/.test(body);
  if (isWhole) body = body.slice(0, -1);
  // `(.*)` and `.*` at the end are everything below a slash.
  body = body.replace(/\/(?:\(\.\*\)|\.\*|\(\.\+\)|\.\+)$/, '/.*');
  if (isWhole || body.endsWith('/.*')) return body;
  return body.endsWith('/') ? `${body}.*` : undefined;
}

/** The location that `path` is led to, were it not for `but`: by prefixes alone. */
export function longestPrefix(locations: readonly Location[], path: string, but?: Location): Location | undefined {
  const fitting = locations.filter((one) => one !== but && one.kind === 'prefix' && path.startsWith(one.path));
  return fitting.toSorted((a, b) => b.path.length - a.path.length)[0];
}
