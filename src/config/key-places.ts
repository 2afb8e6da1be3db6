// Where the keys that we know have their place, as full paths, read from the shapes: for the hint beside a key that stands
// where it is not known.
import { z } from 'zod';
import { declared } from './key.ts';
import { support } from './support.ts';
import type { TreeNode } from '../yaml/tree.ts';

/** More places than these say nothing (`name`, `enabled`). */
const maxPlacesTold = 3;
const maxShapeDepth = 16;

type KeyPlace = {
  /** `gateway.routes[].security.tls` */
  readonly path: string;
  readonly name: string;
  /** The keys below it; none where it takes a value. */
  readonly inner: ReadonlySet<string>;
  readonly shape: z.ZodType;
};

/** The shape itself, without what is wrapped around it. */
export function unwrapShape(shape: z.ZodType): unknown {
  let current: unknown = shape;
  for (;;) {
    if (current instanceof z.ZodOptional || current instanceof z.ZodDefault || current instanceof z.ZodPrefault)
      current = current.unwrap();
    else if (current instanceof z.ZodPipe) current = current.out;
    else return current;
  }
}

export class KeyPlaces {
  readonly #root: z.ZodType;
  readonly #except: readonly string[];
  readonly #tell: (path: string) => string;
  readonly #oursAlone = new Set<string>();
  #found: Map<string, KeyPlace[]> | undefined;

  /** `except`: keys of the root that are a second way to say something. `tell`: how a path is told of. */
  constructor(root: z.ZodType, except: readonly string[], tell = (path: string): string => path) {
    this.#root = root;
    this.#except = except;
    this.#tell = tell;
  }

  /** Every key that has a function, as it is spelt. */
  get names(): string[] {
    return [...new Set([...this.#places().values()].flat().map(({ name }) => name))];
  }

  /** Names of keys that Goma has nowhere below one without effect (key.ts). */
  get oursAlone(): ReadonlySet<string> {
    this.#places();
    return this.#oursAlone;
  }

  /** The paths of a key, whatever its case and separators; the one first whose keys are those of `value`. None where there are too many. */
  find(key: string, value: TreeNode): readonly string[] {
    const all = this.#places().get(foldKey(key)) ?? [];
    // A text has its place where it is a value, a block where a block is due.
    const alike = all.filter((place) => takes(place, value));
    const places = alike.length === 0 ? all : alike;
    const own = value.kind === 'map' ? [...value.entries.keys()] : [];
    const fit = (place: KeyPlace): number => own.filter((name) => place.inner.has(name)).length;
    const sorted = places.toSorted((a, b) => fit(b) - fit(a));
    const [best] = sorted;
    if (best === undefined) return [];
    if (fit(best) > 0) {
      const equal = sorted.filter((place) => fit(place) === fit(best));
      return equal.slice(0, maxPlacesTold).map(({ path }) => path);
    }
    return places.length > maxPlacesTold ? [] : sorted.map(({ path }) => path);
  }

  /** Made when the first unknown key turns up: most files have none. */
  #places(): ReadonlyMap<string, readonly KeyPlace[]> {
    if (this.#found === undefined) {
      this.#found = new Map();
      this.#walk(this.#found, this.#root, '', 0, this.#except);
    }
    return this.#found;
  }

  #walk(
    found: Map<string, KeyPlace[]>,
    shape: z.ZodType,
    path: string,
    depth: number,
    except: readonly string[],
  ): void {
    const inner = unwrapShape(shape);
    if (depth > maxShapeDepth) return;
    if (inner instanceof z.ZodArray && inner.element instanceof z.ZodType)
      this.#walk(found, inner.element, `${path}[]`, depth + 1, []);
    if (!(inner instanceof z.ZodObject)) return;
    const fields: Readonly<Record<string, z.ZodType>> = inner.shape;
    for (const [name, field] of Object.entries(fields)) {
      if (declared.get(field)?.oursAlone === true) this.#oursAlone.add(name);
      if (support.has(field) || isUntold(field) || except.includes(name)) continue;
      const here = path === '' ? name : `${path}.${name}`;
      const places = found.get(foldKey(name));
      const place: KeyPlace = { path: this.#tell(here), name, inner: new Set(keysOf(field)), shape: field };
      if (places === undefined) found.set(foldKey(name), [place]);
      else places.push(place);
      this.#walk(found, field, here, depth + 1, []);
    }
  }
}

function takes({ inner, shape }: KeyPlace, value: TreeNode): boolean {
  if (value.kind === 'scalar') return inner.size === 0 && shape.safeParse(value.text).success;
  const holdsMaps = value.kind === 'map' || value.items.some(({ kind }) => kind === 'map');
  return inner.size > 0 === holdsMaps;
}

function keysOf(shape: z.ZodType): string[] {
  const inner = unwrapShape(shape);
  if (inner instanceof z.ZodArray && inner.element instanceof z.ZodType) return keysOf(inner.element);
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
}

function isUntold(field: z.ZodType): boolean {
  const says = declared.get(field);
  return says?.inert === true || says?.untold === true;
}

/** A key without case and separators. */
export function foldKey(key: string): string {
  return key.replace(/[^\p{L}\p{N}]/gu, '').toLowerCase();
}
