// What an importer reads of a tree of YAML or JSON: every key that was looked at is noted, so that what nobody looked at can be told. A
// field that an importer forgot is never ignored in silence.
import type { Place } from '../yaml/place.ts';
import { quote, type TreeMap, type TreeNode } from '../yaml/tree.ts';
import type { ImportReport } from './report.ts';

/** How names are compared: `requireClientCertificate` and `require_client_certificate` are one. */
export type NameForm = (written: string) => string;

export class Reading {
  readonly report: ImportReport;
  readonly nameForm: NameForm;
  readonly #maps = new Map<TreeMap, SourceMap>();
  readonly #nodes = new Map<string, object>();

  constructor(report: ImportReport, nameForm: NameForm = (name) => name) {
    this.report = report;
    this.nameForm = nameForm;
  }

  value(node: TreeNode, path: string): SourceValue {
    return new SourceValue(this, node, path, node.place);
  }

  /** Of one map there is one reader, however often it is reached. */
  mapOf(node: TreeMap, path: string): SourceMap {
    let map = this.#maps.get(node);
    if (map === undefined) this.#maps.set(node, (map = new SourceMap(this, node, path)));
    return map;
  }

  /** What became of the part of the source at `path`: where comments about it belong. */
  becomes(path: string, node: object): void {
    this.#nodes.set(path, node);
  }

  /** The nearest around a path; undefined where nothing is known of it. */
  nodeOf(path: string): object | undefined {
    for (let at = path; at !== ''; at = at.replace(/[.[]?[^.[]*$/, '')) {
      const node = this.#nodes.get(at);
      if (node !== undefined) return node;
    }
    return undefined;
  }

  /** Calls `onRead` for each single value that was asked for, but for those of a whole of which something was said. */
  forEachRead(onRead: (value: SourceValue) => void): void {
    for (const map of this.#maps.values()) map.forEachRead(onRead);
  }

  /** Calls `onUnread` for each key of a map that was opened, and that nobody asked for. */
  forEachUnread(onUnread: (value: SourceValue, name: string, map: SourceMap) => void): void {
    for (const map of this.#maps.values()) map.forEachUnread(onUnread);
  }
}

export class SourceValue {
  readonly reading: Reading;
  readonly node: TreeNode;
  /** For people: `listeners[0].filter_chains[1].name`. */
  readonly path: string;
  /** Of the key, where it has one; else of the value. */
  readonly place: Place;

  constructor(reading: Reading, node: TreeNode, path: string, place: Place) {
    this.reading = reading;
    this.node = node;
    this.path = path;
    this.place = place;
  }

  get isNull(): boolean {
    return this.node.kind === 'scalar' && this.node.isNull;
  }

  /** Of a scalar that says something. */
  get text(): string | undefined {
    return this.node.kind === 'scalar' && !this.node.isNull ? this.node.text : undefined;
  }

  /** undefined where it is no map. `{}` in YAML and `key:` without a value are one: an empty map. */
  get map(): SourceMap | undefined {
    if (this.isNull) return this.reading.mapOf(emptyMap(this.node), this.path);
    return this.node.kind === 'map' ? this.reading.mapOf(this.node, this.path) : undefined;
  }

  /** One value stands for a list of one. */
  get items(): readonly SourceValue[] {
    const { node, reading, path } = this;
    if (this.isNull) return [];
    if (node.kind !== 'list') return [this];
    return node.items.map((item, i) => new SourceValue(reading, item, `${path}[${i}]`, item.place));
  }

  /** The last name of its path with its value, as it is written: `san_type: DNS`. */
  get shown(): string {
    const name = this.path.replace(/^.*[.](?=[^.]*$)/, '');
    return this.node.kind === 'scalar' && !this.isNull ? `${name}: ${quotePlain(this.node.text)}` : name;
  }
}

const emptyMaps = new WeakMap<TreeNode, TreeMap>();

function emptyMap(node: TreeNode): TreeMap {
  let map = emptyMaps.get(node);
  if (map === undefined) emptyMaps.set(node, (map = { kind: 'map', entries: new Map(), place: node.place }));
  return map;
}

export class SourceMap {
  readonly reading: Reading;
  readonly path: string;
  readonly place: Place;
  readonly #values = new Map<string, SourceValue>();
  readonly #read = new Set<string>();
  #isWhole = false;

  constructor(reading: Reading, node: TreeMap, path: string) {
    this.reading = reading;
    this.path = path;
    this.place = node.place;
    for (const [written, { keyPlace, value }] of node.entries) {
      const name = reading.nameForm(written);
      const below = new SourceValue(reading, value, path === '' ? name : `${path}.${name}`, keyPlace);
      if (this.#values.has(name))
        reading.report.refuse('duplicate_key', below, quote(written), 'stands twice in one map; only one can count');
      else this.#values.set(name, below);
    }
  }

  get names(): readonly string[] {
    return [...this.#values.keys()];
  }

  /** Looks at a key. Without a value it counts as absent, but was looked at. */
  get(name: string): SourceValue | undefined {
    this.#read.add(name);
    const value = this.#values.get(name);
    return value?.isNull === true ? undefined : value;
  }

  /** As `get`, of a key that says something by being there. */
  getEmpty(name: string): SourceValue | undefined {
    this.#read.add(name);
    return this.#values.get(name);
  }

  /** Of a scalar. What is none is refused: to take it for absent could open something. */
  text(name: string): string | undefined {
    const value = this.get(name);
    if (value !== undefined && value.text === undefined) this.#refuse(value, 'one value');
    return value?.text;
  }

  /** Whether it is written; it is not looked at by that. */
  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** Undefined where nothing is written there; what is no map is refused. */
  map(name: string): SourceMap | undefined {
    const value = this.get(name);
    if (value !== undefined && value.map === undefined) this.#refuse(value, 'a map');
    return value?.map;
  }

  /** As `map`; `{}` and a key without a value are an empty map, which often means something. */
  mapOrEmpty(name: string): SourceMap | undefined {
    return this.getEmpty(name)?.isNull === true ? this.getEmpty(name)?.map : this.map(name);
  }

  /** The items of a list; one value stands for a list of one. */
  items(name: string): readonly SourceValue[] {
    return this.get(name)?.items ?? [];
  }

  /** As `items`, each of them a map. */
  maps(name: string): readonly SourceMap[] {
    return this.items(name).flatMap((item) => {
      if (item.map === undefined) this.#refuse(item, 'a map');
      return item.map ?? [];
    });
  }

  #refuse(value: SourceValue, what: string): void {
    this.reading.report.refuse('bad_value', value, value.shown, `has to be ${what}`);
  }

  /** Everything in it has been looked at: something was said of the whole. */
  readAll(): void {
    this.#isWhole = true;
    for (const name of this.#values.keys()) this.#read.add(name);
  }

  forEachRead(onRead: (value: SourceValue) => void): void {
    if (this.#isWhole) return;
    for (const [name, value] of this.#values) if (this.#read.has(name) && value.text !== undefined) onRead(value);
  }

  forEachUnread(onUnread: (value: SourceValue, name: string, map: SourceMap) => void): void {
    for (const [name, value] of this.#values) if (!this.#read.has(name)) onUnread(value, name, this);
  }
}

function quotePlain(text: string): string {
  return /^[\w./:*@-]{1,60}$/.test(text) ? text : quote(text);
}
