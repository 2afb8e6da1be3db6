// `middlewares[].paths`: which requests of a route a middleware is about. Entries mean what they mean in Goma, all three
// readings at once: a regular expression found anywhere in the path, the whole path, and with `/*` at its end everything
// below; each also with the route's own path in front, and whatever the case. Where Goma does not understand an entry, the
// middleware is silently about nothing; here that is an error.
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { quote } from '../yaml/tree.ts';
import type { PathEntry } from './filter-type.ts';
import { parseSafeRegex } from './safe-regex.ts';

const maxPaths = 256;
const maxPathLength = 512;

/** Regular expression characters in a text that is otherwise a path. */
const isPlain = /^[\w\-./~!@&=,:%{}]*$/;

/** The entries without what depends on the route. Undefined where none is written. */
export function readFilterPaths(
  paths: readonly string[] | undefined,
  at: Cursor,
  problems: ProblemList,
): readonly PathEntry[] | undefined {
  if (paths === undefined) return undefined;
  if (paths.length > maxPaths) problems.error('too_many', at.place, `more than ${maxPaths} paths`);
  const entries = paths.flatMap((path, i) => readEntry(path, at.down(i), problems));
  if (paths.length === 0)
    problems.error(
      'empty_value',
      at.place,
      'paths holds no path',
      'Remove it: then every request of the route is meant.',
    );
  return entries;
}

function readEntry(path: string, at: Cursor, problems: ProblemList): PathEntry[] {
  if (path === '' || path.length > maxPathLength || /[\u0000-\u001f\u007f?#]/.test(path)) {
    problems.error(
      'bad_path',
      at.place,
      `${quote(path)} is no path`,
      'Write /admin, /admin/* or a regular expression.',
    );
    return [];
  }
  const entries: PathEntry[] = literally(path);
  const reading = parseSafeRegex(path);
  // What the pattern would find in a path of any length is `everything`; the reader of the paths needs no empty pattern.
  if ('pattern' in reading) entries.push({ kind: 'regex', pattern: reading.pattern });
  else if (!isPlain.test(path.replace(/\/\*$/, '')))
    problems.error('bad_path', at.place, `${quote(path)}: ${reading.problem}`, reading.hint);
  return entries;
}

/** The entry as a path; `paths` of a route's own folder are added by withRoutePath. */
function literally(path: string): PathEntry[] {
  const lower = path.toLowerCase();
  if (!path.startsWith('/')) return [];
  if (lower.endsWith('/*')) return [{ kind: 'prefix', path: lower.slice(0, -1) }];
  return [{ kind: 'exact', path: lower }];
}

/** The entries, and those that are paths below the route's path as well: `/admin` on the route `/app` is `/app/admin` too. */
export function withRoutePath(entries: readonly PathEntry[], routePath: string): PathEntry[] {
  const base = routePath === '/' ? '' : routePath.toLowerCase();
  if (base === '') return [...entries];
  return entries.flatMap((entry): PathEntry[] =>
    entry.kind === 'regex' ? [entry] : [entry, { ...entry, path: base + entry.path }],
  );
}
