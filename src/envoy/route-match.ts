// A RouteMatch as path, pathMatch and match of a route. A condition that has no counterpart is a loss: without it the route would take
// requests that were meant for another.
import { parsePathRegex } from '../config/path-regex.ts';
import { parseRoutePath } from '../config/route-path.ts';
import type { DraftMap } from '../import/draft.ts';
import type { SourceMap, SourceValue } from '../import/source-map.ts';
import { type Context, readDeep } from './context.ts';
import { readStringMatcher, type StringRule, wholePattern } from './string-matcher.ts';

/** `text`: a prefix of characters, not of segments. */
export type PathRule = {
  readonly kind: 'exact' | 'prefix' | 'text' | 'regex';
  readonly path: string;
  readonly value: SourceValue;
};

export type RouteMatch = { readonly path: PathRule; readonly conditions: DraftMap };

const pathFields = ['prefix', 'path', 'path_separated_prefix', 'safe_regex', 'connect_matcher', 'path_match_policy'];

/** Undefined where it cannot be taken over: that was said. `around`: the route. */
export function readRouteMatch(context: Context, around: SourceMap): RouteMatch | undefined {
  const map = around.map('match');
  if (map === undefined) {
    context.report.refuse('bad_value', around, 'route', 'has no match');
    return undefined;
  }
  const path = readPathRule(context, map);
  const conditions: DraftMap = {};
  const methods: string[] = [];
  const headers = map.maps('headers').flatMap((one) => readHeader(context, one, methods));
  const query = map.maps('query_parameters').flatMap((one) => readQuery(context, one) ?? []);
  const grpc = map.getEmpty('grpc');
  map.mapOrEmpty('grpc');
  if (grpc !== undefined) {
    headers.push({ name: 'content-type', regex: String.raw`application/grpc(\+.*)?` });
    context.report.taken(grpc, 'grpc', 'match.headers: content-type');
  }
  if (methods.length > 0) conditions['methods'] = methods;
  if (headers.length > 0) conditions['headers'] = headers;
  if (query.length > 0) conditions['query'] = query;
  readRest(context, map);
  return path === undefined ? undefined : { path, conditions };
}

function readPathRule(context: Context, map: SourceMap): PathRule | undefined {
  const { report } = context;
  const found = pathFields.filter((name) => map.has(name));
  const [name] = found;
  const value = name === undefined ? undefined : map.get(name);
  if (name === undefined || value === undefined || found.length > 1) {
    report.refuse('bad_value', map, 'match', 'has to have one of prefix, path, path_separated_prefix, safe_regex');
    return undefined;
  }
  if (name === 'safe_regex') return readRegex(context, map, value);
  if (name === 'connect_matcher' || name === 'path_match_policy') {
    readDeep(value);
    if (name === 'connect_matcher') report.left(value, name, 'CONNECT is refused');
    else context.loses('route_left_out', value, 'has no counterpart; the route is left out');
    return undefined;
  }
  const written = map.text(name) === '' ? '/' : map.text(name);
  if (written === undefined) return undefined;
  const text = written;
  if (context.flag(map, 'case_sensitive') === false) {
    const at = map.get('case_sensitive') ?? value;
    if (
      !context.loses(
        'match_condition',
        at,
        'paths are compared with their case here, so other spellings meet another route',
      )
    )
      return undefined;
  }
  const reading = parseRoutePath(text);
  if ('problem' in reading || /[{}]/.test(text)) {
    report.refuse(
      'bad_path',
      value,
      value.shown,
      'problem' in reading ? `${reading.problem}. ${reading.hint}` : 'braces mean a parameter here',
    );
    return undefined;
  }
  const hasSlash = text.length > 1 && text.endsWith('/');
  if (name === 'path') return exactPath(context, value, reading.path, hasSlash);
  if (name === 'path_separated_prefix' || written === '/') {
    report.taken(value, value.shown, `path: ${reading.path}`);
    return { kind: 'prefix', path: reading.path, value };
  }
  if (hasSlash) {
    report.changed(value, value.shown, `path: ${reading.path}, which takes ${reading.path} without the slash as well`);
    return { kind: 'prefix', path: reading.path, value };
  }
  report.changed(
    value,
    value.shown,
    `path: ${reading.path}, which ends on a segment: ${reading.path}x is another path here`,
  );
  return { kind: 'text', path: reading.path, value };
}

function exactPath(context: Context, value: SourceValue, path: string, hasSlash: boolean): PathRule | undefined {
  if (hasSlash) {
    context.loses(
      'route_left_out',
      value,
      'no route here takes a path with its slash at the end alone; the route is left out',
    );
    return undefined;
  }
  context.report.taken(value, value.shown, `path: ${path}, pathMatch: exact`);
  return { kind: 'exact', path, value };
}

function readRegex(context: Context, map: SourceMap, value: SourceValue): PathRule | undefined {
  const regex = value.map;
  regex?.mapOrEmpty('google_re2')?.readAll();
  const at = regex?.get('regex');
  const text = regex?.text('regex');
  context.flag(map, 'case_sensitive');
  if (at === undefined || text === undefined) {
    context.report.refuse('bad_value', value, 'safe_regex', 'has no regex');
    return undefined;
  }
  // `/x.*` and `.*` behind the last slash say the same as a path and everything below it, but for `/xy`.
  const reading = parsePathRegex(text);
  if ('segments' in reading) {
    context.report.taken(at, at.shown, 'path, pathMatch: regex');
    return { kind: 'regex', path: text, value: at };
  }
  if (/^\/?(?:\.\*|\.\+)$/.test(text)) {
    context.report.taken(at, at.shown, 'path: /');
    return { kind: 'prefix', path: '/', value: at };
  }
  context.report.refuse('bad_regex', at, at.shown, `${reading.problem}. ${reading.hint}`.trim());
  return undefined;
}

/** One HeaderMatcher; `:method` becomes a method. */
function readHeader(context: Context, map: SourceMap, methods: string[]): DraftMap[] {
  const name = map.text('name') ?? '';
  const value = map.get('name');
  if (value === undefined) {
    context.report.refuse('bad_value', map, 'headers', 'has no name');
    return [];
  }
  const invert = context.flag(map, 'invert_match') === true;
  const missing = map.get('treat_missing_header_as_empty');
  const unusual = map.names.filter((one) => one === 'range_match' || one === 'contains_match');
  for (const one of unusual) readDeep(map.get(one));
  if (unusual.length > 0 || (missing !== undefined && context.flag(map, 'treat_missing_header_as_empty') === true)) {
    context.report.loses('match_condition', value, `header ${name}`, 'has no counterpart', () =>
      context.reading.nodeOf(map.path),
    );
    return [];
  }
  const rule = headerRule(context, map);
  if (rule === undefined) return [];
  if (name === ':method' && methods.length > 0)
    context.report.loses('match_condition', value, name, 'two conditions on the method');
  else if (name === ':method') {
    if (rule !== 'present' && !invert && rule.kind === 'exact') {
      methods.push(rule.text.toUpperCase());
      context.report.taken(value, value.shown, 'match.methods');
    } else if (rule !== 'present' && !invert && rule.kind === 'regex' && /^[A-Z]+(?:\|[A-Z]+)*$/.test(rule.text)) {
      methods.push(...rule.text.split('|'));
      context.report.taken(value, value.shown, 'match.methods');
    } else context.report.loses('match_condition', value, name, 'only exact methods are matched here');
  }
  if (name === ':method') return [];
  if (name.startsWith(':') || name === '') {
    context.report.loses('match_condition', value, name, 'pseudo-headers are matched by hosts and path', () =>
      context.reading.nodeOf(map.path),
    );
    return [];
  }
  context.report.taken(value, value.shown, 'match.headers');
  // A field that is absent satisfies no inverted comparison there.
  const presence: DraftMap[] = invert && rule !== 'present' ? [{ name, present: true }] : [];
  return [...presence, conditionOf(name, rule, invert)];
}

function headerRule(context: Context, map: SourceMap): StringRule | 'present' | undefined {
  if (map.has('string_match')) {
    const value = map.get('string_match');
    return value && readStringMatcher(context, value);
  }
  const present = map.get('present_match');
  // Without any of them, a field has to be there.
  const old = (['exact', 'prefix', 'suffix', 'safe_regex'] as const).find((kind) => map.has(`${kind}_match`));
  if (old === undefined) {
    if (present !== undefined && context.flag(map, 'present_match') === false) {
      context.loses('match_condition', present, 'write invert_match');
      return undefined;
    }
    return 'present';
  }
  if (old === 'safe_regex') {
    const regex = map.map('safe_regex_match');
    regex?.mapOrEmpty('google_re2')?.readAll();
    const value = regex?.get('regex');
    const text = regex?.text('regex');
    return value === undefined || text === undefined ? undefined : { kind: 'regex', text, ignoreCase: false, value };
  }
  const text = map.text(`${old}_match`);
  const value = map.get(`${old}_match`);
  return value === undefined || text === undefined ? undefined : { kind: old, text, ignoreCase: false, value };
}

function conditionOf(name: string, rule: StringRule | 'present', invert: boolean): DraftMap {
  const condition: DraftMap = { name };
  if (rule === 'present') condition['present'] = true;
  else if (rule.kind === 'exact' && !rule.ignoreCase) condition['value'] = rule.text;
  else condition['regex'] = caseless(rule);
  if (invert) condition['invert'] = true;
  return condition;
}

/** Letters in both cases: the patterns of conditions have no flags. */
function caseless(rule: StringRule): string {
  const pattern = wholePattern(rule);
  return rule.ignoreCase && rule.kind !== 'regex'
    ? pattern.replace(/[a-z]/gi, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`)
    : pattern;
}

function readQuery(context: Context, map: SourceMap): DraftMap | undefined {
  const name = map.text('name') ?? '';
  const string = map.get('string_match');
  const present = map.get('present_match');
  if (present !== undefined && context.flag(map, 'present_match') === false) {
    context.loses('match_condition', present, 'that a parameter is absent: write invert');
    return undefined;
  }
  context.taken(map, 'name', 'match.query');
  if (string === undefined) return { name, present: true };
  const rule = readStringMatcher(context, string);
  return rule && conditionOf(name, rule, false);
}

const otherConditions = ['runtime_fraction', 'tls_context', 'dynamic_metadata', 'filter_state', 'cookies'];

function readRest(context: Context, map: SourceMap): void {
  context.flag(map, 'case_sensitive');
  for (const name of otherConditions) {
    const value = map.getEmpty(name);
    if (value === undefined) continue;
    readDeep(value);
    context.loses('match_condition', value, 'has no counterpart as a condition of a route');
  }
}
