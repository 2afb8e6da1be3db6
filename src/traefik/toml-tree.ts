// TOML as the tree that YAML is read into, with the places of its keys and values. The parser is loaded when a file needs it.
import type { AST } from 'toml-eslint-parser';
import type { Place } from '../yaml/place.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import type { TreeMap, TreeNode } from '../yaml/tree.ts';

const maxLength = 8 << 20;
const maxDepth = 64;

/** undefined where it cannot be read, which is reported. */
export async function parseTomlTree(file: string, text: string, problems: ProblemList): Promise<TreeMap | undefined> {
  const start: Place = { file, line: 1, col: 1 };
  if (text.length > maxLength) {
    problems.error('toml_too_large', start, 'the file is too large');
    return undefined;
  }
  const { parseTOML } = await import('toml-eslint-parser');
  try {
    return new TomlTree(file).read(parseTOML(text, { tomlVersion: '1.0' }));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const { lineNumber, column } = error as { lineNumber?: number; column?: number };
    problems.error(
      'toml_syntax',
      { file, line: lineNumber ?? 1, col: (column ?? 0) + 1 },
      `the file is not readable as TOML: ${error.message}`,
    );
    return undefined;
  }
}

class TomlTree {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  read(program: AST.TOMLProgram): TreeMap {
    const root = this.#map(program);
    for (const item of program.body[0].body) {
      if (item.type === 'TOMLKeyValue') this.#put(root, item, 0);
      else {
        const table = this.#tableAt(root, item);
        for (const pair of item.body) this.#put(table, pair, 0);
      }
    }
    return root;
  }

  #place(node: AST.TOMLNode): Place {
    return { file: this.#file, line: node.loc.start.line, col: node.loc.start.column + 1 };
  }

  #map(node: AST.TOMLNode): TreeMap {
    return { kind: 'map', entries: new Map(), place: this.#place(node) };
  }

  /** `[a.b]`, `[[a.b]]`: the parser has checked that they fit together. */
  #tableAt(root: TreeMap, table: AST.TOMLTable): TreeMap {
    let map = root;
    const { keys } = table.key;
    for (const [i, key] of keys.entries()) {
      const isLast = i === keys.length - 1;
      map = this.#below(map, nameOf(key), key, isLast && table.kind === 'array');
    }
    return map;
  }

  /** The map under a name; of a list its last item, or a new one. */
  #below(map: TreeMap, name: string, key: AST.TOMLNode, isNewItem: boolean): TreeMap {
    const known = map.entries.get(name)?.value;
    if (known?.kind === 'map') return known;
    if (known?.kind === 'list') {
      const last = known.items.at(-1);
      if (!isNewItem && last?.kind === 'map') return last;
      const item = this.#map(key);
      known.items.push(item);
      return item;
    }
    const fresh = this.#map(key);
    const value: TreeNode = isNewItem ? { kind: 'list', items: [fresh], place: this.#place(key) } : fresh;
    map.entries.set(name, { keyPlace: this.#place(key), value });
    return fresh;
  }

  #put(map: TreeMap, pair: AST.TOMLKeyValue, depth: number): void {
    const { keys } = pair.key;
    let into = map;
    for (const key of keys.slice(0, -1)) into = this.#below(into, nameOf(key), key, false);
    const last = keys.at(-1);
    if (last === undefined) return;
    into.entries.set(nameOf(last), { keyPlace: this.#place(last), value: this.#value(pair.value, depth) });
  }

  #value(node: AST.TOMLContentNode, depth: number): TreeNode {
    if (depth > maxDepth) throw new RangeError('nested too deep');
    const place = this.#place(node);
    if (node.type === 'TOMLArray')
      return { kind: 'list', items: node.elements.map((one) => this.#value(one, depth + 1)), place };
    if (node.type === 'TOMLInlineTable') {
      const map = this.#map(node);
      for (const pair of node.body) this.#put(map, pair, depth + 1);
      return map;
    }
    const text = node.value instanceof Date ? node.value.toISOString() : String(node.value);
    return { kind: 'scalar', text, isNull: false, broken: false, substituted: false, place };
  }
}

function nameOf(key: AST.TOMLBare | AST.TOMLQuoted): string {
  return key.type === 'TOMLBare' ? key.name : key.value;
}
