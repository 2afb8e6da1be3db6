// Middlewares that change the path for the backend: `addPrefix`, `stripPrefix`, `rewriteRegex`. Nothing is matched anew.
import { list, map, text } from './atoms.ts';
import { filterType } from './filter-type.ts';
import { key } from './key.ts';
import { reportMistake } from './reading.ts';
import { readReplacement } from './replacement.ts';
import { parseRewrite } from './route-path.ts';
import { refused } from './support.ts';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';

const maxPrefixes = 64;

export const addPrefix = filterType({
  kind: 'addPrefix',
  names: ['addPrefix'],
  guards: true,
  says: 'Puts a path in front of the path of the request.',
  rule: map({
    prefix: key(text, { says: 'A path; required.', unset: 'required', page: 'Goma. A path.' }),
  }),
  read: ({ prefix }, at, problems) => {
    if (prefix === undefined && !at.isBroken('prefix'))
      problems.error('missing_key', at.place, 'the rule has no `prefix`');
    const path = prefix === undefined ? undefined : readPrefix(prefix, at.down('prefix'), problems);
    return path === undefined ? undefined : { prefix: path };
  },
});

export const stripPrefix = filterType({
  kind: 'stripPrefix',
  names: ['stripPrefix'],
  guards: true,
  says: 'Takes a path away from the beginning of the path of the request, on a segment boundary; one that begins with none of them stays.',
  rule: map({
    prefixes: key(list(text), {
      says: 'Paths; the first that fits; required.',
      unset: 'required',
      page: 'own, as Traefik has it. Paths; the first that fits.',
    }),
  }),
  read: ({ prefixes }, at, problems) => {
    if (prefixes === undefined || prefixes.length === 0) {
      if (!at.isBroken('prefixes')) problems.error('missing_key', at.place, 'the rule has no `prefixes`');
      return undefined;
    }
    if (prefixes.length > maxPrefixes) problems.error('too_many', at.place, `more than ${maxPrefixes} prefixes`);
    const read = prefixes.flatMap((prefix, i) => readPrefix(prefix, at.down('prefixes', i), problems) ?? []);
    return read.length < prefixes.length ? undefined : { prefixes: read };
  },
});

export const rewriteRegex = filterType({
  kind: 'rewriteRegex',
  names: ['rewriteRegex'],
  guards: true,
  says: 'Replaces what matches a pattern in the path of the request. What is no path afterwards (`..`, an empty or an encoded segment) is refused with 400.',
  rule: map({
    pattern: key(text, {
      says: 'Regular expression over the path; required.',
      unset: 'required',
      page: 'Goma. Regular expression of the [safe subset](#regular-expressions), found anywhere in the path as it was matched, percent-encoded.',
    }),
    replacement: key(text, {
      says: 'In place of each match; required.',
      unset: 'required',
      page: 'Goma. In place of each match; `$1` or `${1}` for a group. No `?`: the query stays as it is.',
    }),
  }),
  read: (rule, at, problems) => {
    const replacement = readReplacement(rule, at, problems);
    if (replacement === undefined || !/[?#]/.test(rule.replacement ?? '')) return replacement;
    reportMistake(problems, 'bad_replacement', at.down('replacement'), rule.replacement ?? '', {
      problem: 'a path has no query and no fragment',
      hint: 'Remove what stands from ? or # on.',
    });
    return undefined;
  },
});

export const stripQuery = filterType({
  kind: 'stripQuery',
  names: ['stripQuery'],
  guards: true,
  says: 'Takes parameters away from the query, however their names are encoded.',
  rule: map({
    params: key(list(text), { says: 'Names; required.', unset: 'required', page: 'Goma 1.0. Names of parameters.' }),
    methods: key(list(text), {
      says: 'Methods that it is for. Default: all.',
      default: [],
      page: 'Goma 1.0. Methods that it is for; none: all.',
    }),
    pathPattern: refused('take the parameters of other paths away too', 'Write paths of the middleware.'),
  }),
  read: ({ params, methods }, at, problems) => {
    if (params === undefined || params.length === 0 || params.includes('')) {
      if (!at.isBroken('params')) problems.error('missing_key', at.place, 'the rule has no `params`');
      return undefined;
    }
    if (params.length > maxPrefixes) problems.error('too_many', at.place, `more than ${maxPrefixes} parameters`);
    return { params, methods: methods.map((method) => method.trim().toUpperCase()) };
  },
});

/** Without a slash at its end; '' for `/`. */
function readPrefix(prefix: string, at: Cursor, problems: ProblemList): string | undefined {
  const reading = parseRewrite(prefix);
  if ('path' in reading) return reading.path === '/' ? '' : reading.path;
  reportMistake(problems, 'bad_path', at, prefix, reading);
  return undefined;
}
