// YAML text to a tree of maps, lists and scalars in which everything knows its place. Scalars keep their source text
// (`1.10` stays `1.10`): what they mean is decided by the shape that reads them, as Goma's parser does it.
// Aliases and merge keys are resolved here, the environment is put in, and what could explode is bounded.
import {
  type Alias,
  Composer,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  Parser,
  type Scalar,
} from 'yaml';
import { isEncodedKey, maskSecrets } from '../base/secret-text.ts';
import { type Environment, substitute } from './environment.ts';
import type { Place } from './place.ts';
import type { ProblemList } from './problem-list.ts';
import { type LimitPassed, LimitScan, yamlLimits } from './limits.ts';

/** A variable that has no value and no default; `place`: where it is referred to. */
export type UnsetVariable = { readonly name: string; readonly place: Place };

export type TreeScalar = {
  readonly kind: 'scalar';
  readonly text: string;
  /** `key:`, `key: ~` and `key: null`. */
  readonly isNull: boolean;
  /** A problem was reported about it already, or will be: it counts as absent, and nobody should complain that it is. */
  readonly broken: boolean;
  /** Why it is broken; to be reported by who knows whether the value is used. */
  readonly unset?: readonly UnsetVariable[] | undefined;
  /** The text came from the environment, at least in part: do not print it. */
  readonly substituted: boolean;
  /** Where it did, what stands in the file, or the variable's name: `certs/${NAME}.key`. */
  readonly source?: string | undefined;
  /** The value is kept elsewhere, by the source of the configuration, under this id. */
  readonly materialId?: string;
  readonly place: Place;
};
export type TreeList = {
  readonly kind: 'list';
  readonly items: TreeNode[];
  /** Items were reported as wrong and cut out: that nothing is left does not mean that the list was empty. */
  wasCut?: boolean;
  readonly place: Place;
};
export type TreeEntry = { readonly keyPlace: Place; readonly value: TreeNode };
export type TreeMap = { readonly kind: 'map'; readonly entries: Map<string, TreeEntry>; readonly place: Place };
export type TreeNode = TreeScalar | TreeList | TreeMap;

/** The root of one file; undefined where it is empty or could not be read (then `problems` says why). */
export function parseYamlTree(
  file: string,
  text: string,
  env: Environment,
  problems: ProblemList,
): TreeNode | undefined {
  const start: Place = { file, line: 1, col: 1 };
  try {
    return new TreeReader(file, text, env, problems).read();
  } catch (error) {
    if (error instanceof LimitError) {
      const { what, offset } = error.passed;
      problems.error('yaml_too_large', placeAt(file, text, offset), `the file has ${what}`, limitsHint);
      return undefined;
    }
    // The YAML parser recurses: absurd nesting ends in a RangeError, which must not escape.
    const reason = error instanceof RangeError ? 'nested too deeply' : 'not readable as YAML';
    problems.error('yaml_syntax', start, `the file is ${reason}`);
    return undefined;
  }
}

/**
 * The root of each document of a text that somebody else's program reads: nothing of the environment is put in, and one file may
 * hold several. None where it could not be read (then `problems` says why).
 */
export function parseForeignTrees(file: string, text: string, problems: ProblemList): TreeNode[] {
  const start: Place = { file, line: 1, col: 1 };
  try {
    return new TreeReader(file, text, undefined, problems).readAll();
  } catch (error) {
    if (error instanceof LimitError) {
      const { what, offset } = error.passed;
      problems.error('yaml_too_large', placeAt(file, text, offset), `the file has ${what}`);
      return [];
    }
    const reason = error instanceof RangeError ? 'nested too deeply' : 'not readable as YAML';
    problems.error('yaml_syntax', start, `the file is ${reason}`);
    return [];
  }
}

/** Variables without a value that are told of one text: each is searched for in it. */
const maxUnset = 20;
const limitsHint =
  'docs/configuration.md lists the limits. Is this the right file? Many routes can stand in several: gateway.extraConfig.directory.';

/** Counted without a list of all lines: most files need it once at most. */
function placeAt(file: string, text: string, offset: number): Place {
  let line = 1;
  let start = 0;
  for (let end = text.indexOf('\n'); end >= 0 && end < offset; end = text.indexOf('\n', start)) {
    line++;
    start = end + 1;
  }
  return { file, line, col: offset - start + 1 };
}

/** `size`: values in it, itself included; `height`: levels below it. */
type Read = { readonly node: TreeNode; readonly size: number; readonly height: number };

/** A place in reach of a too large tree. */
class TooLarge {
  readonly place: Place;
  constructor(place: Place) {
    this.place = place;
  }
}

/** A limit that the text passes, found before the parser takes what passes it. */
class LimitError extends Error {
  readonly passed: LimitPassed;
  constructor(passed: LimitPassed) {
    super(passed.what);
    this.passed = passed;
  }
}

class TreeReader {
  readonly #file: string;
  readonly #text: string;
  /** undefined: `${NAME}` is text. */
  readonly #env: Environment | undefined;
  readonly #problems: ProblemList;
  readonly #lines = new LineCounter();
  /** Finished nodes; undefined while a node is being read (an alias to it would be a cycle). */
  readonly #done = new Map<Node, Read | undefined>();
  /** By name, the last one so far: what an alias that comes now means. The parser's own search walks the whole document. */
  readonly #anchors = new Map<string, Node>();
  #repeated = 0;

  constructor(file: string, text: string, env: Environment | undefined, problems: ProblemList) {
    this.#file = file;
    this.#text = text;
    this.#env = env;
    this.#problems = problems;
  }

  read(): TreeNode | undefined {
    const documents = this.#parse();
    const [first, second] = documents;
    if (second !== undefined) {
      const place = this.#placeOf(second.range?.[0] ?? 0);
      this.#problems.error(
        'multiple_documents',
        place,
        'the file holds more than one YAML document',
        'Remove everything from the second `---` on, or move it to a file of its own under gateway.extraConfig.directory.',
      );
    }
    if (this.#reportSyntax(documents)) return undefined;
    return first && this.#root(first);
  }

  readAll(): TreeNode[] {
    const documents = this.#parse();
    if (this.#reportSyntax(documents)) return [];
    return documents.flatMap((document) => this.#root(document) ?? []);
  }

  #parse(): readonly Document[] {
    const options = { lineCounter: this.#lines, schema: 'failsafe', uniqueKeys: false, prettyErrors: false } as const;
    const [scan, parser, composer] = [new LimitScan(), new Parser(this.#lines.addNewLine), new Composer(options)];
    const documents: Document[] = [];
    this.#lines.addNewLine(0);
    // In one pass: splitting a text into tokens is a third of reading it.
    for (const lexeme of new Lexer().lex(this.#text)) {
      const passed = scan.next(lexeme);
      if (passed !== undefined) throw new LimitError(passed);
      for (const token of parser.next(lexeme)) for (const one of composer.next(token)) documents.push(one);
    }
    for (const token of parser.end()) for (const one of composer.next(token)) documents.push(one);
    for (const one of composer.end()) documents.push(one);
    return documents;
  }

  #root({ contents }: Document): TreeNode | undefined {
    if (contents === null || contents === undefined) return undefined;
    try {
      return this.#node(contents, 0).node;
    } catch (error) {
      if (!(error instanceof TooLarge)) throw error;
      this.#problems.error(
        'yaml_too_large',
        error.place,
        'the document is too large, too deep, or its aliases expand to too much',
        `Limits: ${yamlLimits.values} values, ${yamlLimits.depth} levels, ${yamlLimits.aliases} aliases that repeat ${yamlLimits.repeatedValues} values.`,
      );
      return undefined;
    }
  }

  /** The first mistake of the file: the parser stumbles over the rest of the line, and what it reads then is no use. */
  #reportSyntax(documents: readonly Document[]): boolean {
    const [error] = documents.flatMap((document) => document.errors);
    const [warning] = documents.flatMap((document) => document.warnings);
    if (error !== undefined) {
      const place = this.#placeOf(error.pos[0]);
      const line = this.#text.split('\n', place.line)[place.line - 1] ?? '';
      const hint = /[{[,].*(?<!["'])\$\{/.test(line)
        ? 'Within { } and [ ] a variable must stand in quotes: "${NAME}".'
        : '';
      this.#problems.error('yaml_syntax', place, `not valid YAML: ${maskSecrets(firstLine(error.message))}`, hint);
    } else if (warning !== undefined) {
      const message = `not supported in YAML here: ${maskSecrets(firstLine(warning.message))}`;
      this.#problems.error('yaml_tag', this.#placeOf(warning.pos[0]), message, 'Remove the tag.');
    }
    return error !== undefined || warning !== undefined;
  }

  #placeOf(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#file, line: Math.max(1, line), col: Math.max(1, col) };
  }

  #node(node: Node, depth: number): Read {
    const place = this.#placeOf(node.range?.[0] ?? 0);
    if (depth > yamlLimits.depth) throw new TooLarge(place);
    if (isAlias(node)) return this.#alias(node, place, depth);
    this.#noteAnchor(node);
    const known = this.#done.get(node);
    if (known !== undefined) return known;
    this.#done.set(node, undefined);
    const result = this.#fresh(node, place, depth);
    if (result.size > yamlLimits.values) throw new TooLarge(place);
    this.#done.set(node, result);
    return result;
  }

  #noteAnchor(node: Node): void {
    const { anchor } = node as { readonly anchor?: string };
    if (anchor !== undefined) this.#anchors.set(anchor, node);
  }

  /** What the alias means was read before, or is being read (a cycle): it is never read twice. */
  #alias({ source }: Alias, place: Place, depth: number): Read {
    const target = this.#anchors.get(source);
    // A key may be an anchor, too; keys are not read as values.
    const known = target && (isScalar(target) ? this.#node(target, depth) : this.#done.get(target));
    if (known === undefined) {
      const what = target === undefined ? 'names no anchor' : 'refers to a value that contains it';
      // `*.example.com` without quotes: an alias to YAML, a wildcard to everybody else.
      const shown = quote(`*${source}`);
      const hint = target === undefined ? `If a text that begins with * is meant, quote it: ${shown}.` : '';
      this.#problems.error('yaml_alias', place, `the alias ${what}`, hint);
      return leaf({ ...emptyScalar(place), broken: true });
    }
    this.#repeated += known.size;
    const tooDeep = depth + known.height > yamlLimits.depth;
    if (tooDeep || this.#repeated > yamlLimits.repeatedValues) throw new TooLarge(place);
    return known;
  }

  #fresh(node: Node, place: Place, depth: number): Read {
    if (isScalar(node)) return leaf(this.#scalar(node, place));
    if (isMap(node)) return this.#map(node.items, place, depth);
    if (!isSeq(node)) return leaf(emptyScalar(place));
    let size = 1;
    let height = 0;
    const items: TreeNode[] = [];
    for (const item of node.items) {
      const read = this.#node(item as Node, depth + 1);
      items.push(read.node);
      size += read.size;
      height = Math.max(height, read.height + 1);
      if (size > yamlLimits.values) throw new TooLarge(place);
    }
    return { node: { kind: 'list', items, place }, size, height };
  }

  #map(pairs: readonly { key: unknown; value: unknown }[], place: Place, depth: number): Read {
    const entries = new Map<string, TreeEntry>();
    const merged: TreeNode[] = [];
    let size = 1;
    let height = 0;
    for (const { key, value } of pairs) {
      const keyPlace = this.#placeOf((key as Node | null)?.range?.[0] ?? 0);
      if (!isScalar(key)) {
        this.#problems.error('yaml_key', keyPlace, 'a key must be plain text');
        continue;
      }
      this.#noteAnchor(key);
      const read =
        value === null || value === undefined ? leaf(emptyScalar(keyPlace)) : this.#node(value as Node, depth + 1);
      size += read.size;
      height = Math.max(height, read.height + 1);
      if (size > yamlLimits.values) throw new TooLarge(place);
      const name = sourceOf(key);
      if (name === '<<' && key.type === 'PLAIN') {
        merged.push(read.node);
        continue;
      }
      const earlier = entries.get(name);
      if (earlier === undefined) entries.set(name, { keyPlace, value: read.node });
      else
        this.#problems.error(
          'duplicate_key',
          keyPlace,
          `the key ${quote(name)} stands twice in one map`,
          `It was first given in line ${earlier.keyPlace.line}; only one of the two can count.`,
        );
    }
    for (const source of merged) this.#merge(entries, source, place);
    return { node: { kind: 'map', entries, place }, size, height };
  }

  /** `<<: *a` and `<<: [*a, *b]`: what is written in the map itself wins, then the earlier source. */
  #merge(entries: Map<string, TreeEntry>, source: TreeNode, place: Place): void {
    const maps = source.kind === 'list' ? source.items : [source];
    for (const map of maps) {
      if (map.kind !== 'map') {
        this.#problems.error(
          'yaml_merge',
          map.kind === 'scalar' ? place : map.place,
          'a merge key `<<` takes a map or a list of maps',
        );
        continue;
      }
      for (const [name, entry] of map.entries) if (!entries.has(name)) entries.set(name, entry);
    }
  }

  #scalar(node: Scalar, place: Place): TreeScalar {
    const source = sourceOf(node);
    const isNull = node.type === 'PLAIN' && /^(?:~|null|Null|NULL|)$/.test(source) && node.tag === undefined;
    const { text, changed, unset } =
      this.#env === undefined ? { text: source, changed: false, unset: [] } : substitute(source, this.#env);
    const broken = unset.length > 0;
    return {
      kind: 'scalar',
      text,
      isNull: isNull || broken,
      broken,
      unset: broken ? this.#placesOf(unset, node) : undefined,
      substituted: changed,
      source: changed ? source : undefined,
      place,
    };
  }

  #placesOf(unset: readonly string[], node: Scalar): UnsetVariable[] {
    const start = node.range?.[0] ?? 0;
    const source = this.#text.slice(start, node.range?.[1] ?? start);
    return [...new Set(unset)].slice(0, maxUnset).map((name) => {
      const within = source.indexOf(`\${${name}}`);
      return { name, place: this.#placeOf(start + Math.max(0, within)) };
    });
  }
}

function leaf(node: TreeNode): Read {
  return { node, size: 1, height: 0 };
}

function emptyScalar(place: Place): TreeScalar {
  return { kind: 'scalar', text: '', isNull: true, broken: false, substituted: false, place };
}

function sourceOf(node: Scalar): string {
  return node.source ?? (typeof node.value === 'string' ? node.value : '');
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0] ?? '';
}

/** Text of the configuration as it is shown in messages: quoted and cut; nothing of it where it may be a key. */
export function quote(text: string): string {
  if (isEncodedKey(text)) return '"…"';
  return text.length > 80 ? `"${text.slice(0, 77)}…"` : `"${text}"`;
}
