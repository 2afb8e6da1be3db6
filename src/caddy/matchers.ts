// Matchers of Caddy's routes as hosts, path and conditions of ours. A route has sets of them, of which one has to hold as a whole.
import type { DraftMap } from '../import/draft.ts';
import { hasOuterAlternative } from '../import/outer-alternative.ts';
import type { SourceMap, SourceValue } from '../import/source-map.ts';

export type MatchSet = {
  /** undefined: every host. */
  readonly hosts: readonly string[] | undefined;
  /** undefined: every path. */
  readonly paths: readonly CaddyPath[] | undefined;
  readonly match: DraftMap;
  /** Only clients from there, or only those from elsewhere. */
  readonly addresses: { readonly ranges: readonly string[]; readonly negated: boolean } | undefined;
  /** Matchers that have no counterpart. */
  readonly strange: readonly SourceValue[];
};

export type CaddyPath = {
  readonly path: string;
  readonly pathMatch?: 'exact' | 'regex';
  /** `/x/*` is not for `/x`. */
  readonly isBelow?: true;
  /** As `paths` of a middleware says it. */
  readonly scope: string;
};

export const everything: MatchSet = {
  hosts: undefined,
  paths: undefined,
  match: {},
  addresses: undefined,
  strange: [],
};

export function readMatchSets(route: SourceMap): MatchSet[] {
  const sets = route.maps('match').map(readSet);
  return sets.length === 0 ? [everything] : sets;
}

function readSet(set: SourceMap): MatchSet {
  const strange: SourceValue[] = [];
  const match: DraftMap = {};
  let hosts: string[] | undefined;
  let paths: CaddyPath[] | undefined;
  let addresses: MatchSet['addresses'];
  for (const name of set.names) {
    const value = set.get(name);
    if (value === undefined) continue;
    const texts = value.items.flatMap(({ text }) => text ?? []);
    // All of a set have to hold: of two that we have one place for, none may stand for both.
    const isSecond =
      (/^path(?:_regexp)?$/.test(name) && paths !== undefined) ||
      (/^(?:remote_ip|client_ip|not)$/.test(name) && addresses !== undefined);
    if (isSecond) strange.push(value);
    else if (name === 'host' && texts.includes('*')) hosts = undefined;
    else if (name === 'host') hosts = texts.map(hostOf);
    else if (name === 'path') {
      const read = texts.map(pathOf);
      if (read.some((one) => one === undefined)) strange.push(value);
      else paths = read.filter((one) => one !== undefined);
      sayCase(value, texts);
    } else if (name === 'path_regexp') {
      const read = regexOf(value.map);
      if (read === undefined) strange.push(value);
      else paths = [read];
    } else if (name === 'method') match.methods = texts;
    else if (name === 'header') match.headers = conditionsOf(value, strange);
    else if (name === 'query') match.query = conditionsOf(value, strange);
    else if (name === 'remote_ip' || name === 'client_ip') addresses = rangesOf(value, false);
    else if (name === 'not') addresses = notAddresses(value) ?? addresses;
    else strange.push(value);
    if (name === 'not' && !isSecond && notAddresses(value) === undefined) strange.push(value);
  }
  for (const value of strange) markRead(value);
  return { hosts, paths, match, addresses, strange };
}

/** Reports in which it was said. */
const toldOfCase = new WeakSet();

/** Once: it is the same for every path. */
function sayCase(value: SourceValue, paths: readonly string[]): void {
  const { report } = value.reading;
  if (toldOfCase.has(report) || !paths.some((path) => /\p{L}/u.test(path))) return;
  toldOfCase.add(report);
  const says =
    'Caddy compares paths without case, here routes do with it: the same path in other letters meets what stands around it. Where a backend takes both for one, have it refuse the other';
  report.changed(value, value.shown, says);
}

/** In Caddy a star is one label. */
function hostOf(host: string): string {
  return host.toLowerCase().replace(/^\*\./, '{sub}.');
}

function pathOf(path: string): CaddyPath | undefined {
  if (!path.startsWith('/') || /[{}]/.test(path)) return undefined;
  const plain = path.replace(/\*$/, '');
  if (plain.includes('*') || plain.includes('%')) return undefined;
  if (path === '/*') return { path: '/', scope: '^/' };
  if (path.endsWith('/*')) return { path: plain.slice(0, -1), isBelow: true, scope: `^${literal(plain)}` };
  if (path.endsWith('*')) return { path: plain.replace(/\/+$/, '') || '/', scope: `^${literal(plain)}` };
  if (path !== '/' && path.endsWith('/')) return undefined;
  return { path, pathMatch: 'exact', scope: `^${literal(path)}$` };
}

/** As an expression that fits nothing else. */
function literal(text: string): string {
  return text.replace(/[.*+?()[\]{}|^$\\]/g, '\\$&');
}

function regexOf(map: SourceMap | undefined): CaddyPath | undefined {
  const pattern = map?.text('pattern');
  map?.get('name');
  if (pattern === undefined || !pattern.startsWith('^/') || hasOuterAlternative(pattern)) return undefined;
  const isWhole = /(?<!\\)\$$/.test(pattern);
  const body = pattern
    .slice(1)
    .replace(/(?<!\\)\$$/, '')
    .replace(/\/(?:\(\.\*\)|\.\*)$/, '/.*');
  if (!isWhole && !body.endsWith('/.*') && !body.endsWith('/')) return undefined;
  return { path: isWhole || body.endsWith('/.*') ? body : `${body}.*`, pathMatch: 'regex', scope: pattern };
}

/** `{"X-A": ["b"]}`: one value, or that it is there (`*`), or not (null). */
function conditionsOf(value: SourceValue, strange: SourceValue[]): DraftMap[] {
  const map = value.map;
  return (map?.names ?? []).flatMap((name): DraftMap[] => {
    const field = map?.getEmpty(name);
    if (field?.isNull === true) return [{ name, present: true, invert: true }];
    const texts = field?.items.flatMap(({ text }) => text ?? []) ?? [];
    const [only, second] = texts;
    if (only === '*' && second === undefined) return [{ name, present: true }];
    if (only !== undefined && second === undefined && !only.includes('*') && !only.includes('{'))
      return [{ name, value: only }];
    strange.push(value);
    return [];
  });
}

const privateRanges = ['192.168.0.0/16', '172.16.0.0/12', '10.0.0.0/8', '127.0.0.1/8', 'fd00::/8', '::1'];

function rangesOf(value: SourceValue, negated: boolean): NonNullable<MatchSet['addresses']> {
  const texts = value.map?.items('ranges').flatMap(({ text }) => text ?? []) ?? [];
  value.map?.get('forwarded');
  return { ranges: texts.flatMap((text) => (text === 'private_ranges' ? privateRanges : [text])), negated };
}

/** `not` of addresses alone. */
function notAddresses(value: SourceValue): MatchSet['addresses'] {
  const [set, second] = value.items;
  const map = set?.map;
  const [name, other] = map?.names ?? [];
  if (
    map === undefined ||
    second !== undefined ||
    other !== undefined ||
    (name !== 'remote_ip' && name !== 'client_ip')
  )
    return undefined;
  const inner = map.get(name);
  return inner === undefined ? undefined : rangesOf(inner, true);
}

/** Somebody has said something of it as a whole. */
export function markRead(value: SourceValue): void {
  if (value.node.kind === 'map') for (const name of value.map?.names ?? []) markKey(value.map, name);
  if (value.node.kind === 'list') for (const item of value.items) markRead(item);
}

function markKey(map: SourceMap | undefined, name: string): void {
  const below = map?.getEmpty(name);
  if (below !== undefined) markRead(below);
}

export function readAllOf(map: SourceMap): void {
  for (const name of map.names) markKey(map, name);
}
