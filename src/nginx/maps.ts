// `map` blocks: which values of their source make a condition hold.
import { type Directive, firstWord, words } from './directive.ts';

export type MapEntry = {
  /** exact: without case. */
  readonly kind: 'exact' | 'regex' | 'default';
  readonly pattern: string;
  readonly ignoreCase: boolean;
  readonly value: string;
};

export type VariableMap = {
  readonly source: string;
  readonly entries: readonly MapEntry[];
  /** Without a default it is ''. */
  readonly fallback: string;
  readonly directive: Directive;
  /** Something in it is not of these: `hostnames`, `include`, `volatile`. */
  readonly isStrange: boolean;
};

/** By the variable that is made, `$partner`. */
export function readMaps(directives: readonly Directive[]): Map<string, VariableMap> {
  const maps = new Map<string, VariableMap>();
  for (const directive of directives) {
    const [source, variable] = words(directive);
    if (directive.name !== 'map' || source === undefined || variable === undefined) continue;
    maps.set(variable, readMap(directive, source));
  }
  return maps;
}

function readMap(directive: Directive, source: string): VariableMap {
  let fallback = '';
  let isStrange = false;
  const entries: MapEntry[] = [];
  for (const line of directive.block ?? []) {
    const value = firstWord(line);
    if (line.name === 'volatile' && line.args.length === 0) continue;
    if (line.args.length !== 1) isStrange = true;
    else if (line.name === 'default') fallback = value;
    else entries.push(entryOf(line.name, value));
  }
  return { source, entries, fallback, directive, isStrange };
}

function entryOf(name: string, value: string): MapEntry {
  if (name.startsWith('~*')) return { kind: 'regex', pattern: name.slice(2), ignoreCase: true, value };
  if (name.startsWith('~')) return { kind: 'regex', pattern: name.slice(1), ignoreCase: false, value };
  return { kind: 'exact', pattern: name.replace(/^\\/, ''), ignoreCase: true, value };
}
