// A tree against its shape: every value of the wrong kind becomes a placed problem and counts as absent from then on, so that
// the checks that follow see the rest and all problems come out at once.
import { z } from 'zod';
import { secrets } from './atoms.ts';
import { declared } from './key.ts';
import { unwrapShape } from './key-places.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { quote, type TreeMap, type TreeNode } from '../yaml/tree.ts';

/** Each round cuts out what was wrong; what is deeper shows in the next. */
const maxRounds = 8;

/** The typed value of what is right; undefined where nothing is. Cuts wrong values out of `node`. */
export function checkShape<T extends z.ZodType>(
  node: TreeNode | undefined,
  shape: T,
  problems: ProblemList,
): z.output<T> | undefined {
  for (let round = 0; round < maxRounds; round++) {
    const result = shape.safeParse(node === undefined ? {} : toPlain(node));
    if (result.success) return result.data;
    // Backwards, so that cutting an item out of a list moves none that is still to be cut.
    for (const issue of result.error.issues.toReversed()) {
      const path = issue.path.filter((step) => typeof step !== 'symbol');
      const at = node === undefined ? undefined : findNode(node, path);
      const place = at?.place ?? node?.place;
      if (place === undefined) return undefined;
      const name = path.toReversed().find((step) => typeof step === 'string');
      const what = name === undefined ? '' : `${name}: `;
      const outOfRange = paramOf(issue, 'outOfRange');
      const hidden = isSecret(shape, issue.path);
      if (outOfRange !== undefined) problems.error('out_of_range', place, `${name} ${outOfRange}`);
      else if (at?.kind !== 'scalar' || !at.broken)
        problems.error(
          'wrong_value',
          place,
          `${what}${issue.message}, found ${hidden ? 'something else (not shown)' : describe(at)}`,
          hidden ? (exampleOf(shape, issue.path) ?? '') : hintFor(issue, at, shape),
        );
      if (path.length === 0 || node === undefined || !cut(node, path)) return undefined;
    }
  }
  return undefined;
}

function hintFor(issue: z.core.$ZodIssue, at: TreeNode | undefined, shape: z.ZodType): string {
  if (issue.code === 'invalid_type' && issue.expected === 'array' && at?.kind === 'scalar')
    return at.substituted ? 'Write it in [ ].' : `Write [${at.text}].`;
  if (issue.code === 'invalid_type' && issue.expected === 'array' && at?.kind === 'map')
    return holdsMaps(shapeAt(shape, issue.path)) ? hintForMap(at) : 'Write it in [ ].';
  if (issue.code === 'invalid_type' && issue.expected === 'object') return exampleOf(shape, issue.path) ?? '';
  const said = paramOf(issue, 'hint');
  if (said !== undefined && said !== '') return said;
  if (at?.kind !== 'list' || (issue.code === 'invalid_type' && issue.expected === 'array')) return '';
  return exampleOf(shape, issue.path) ?? (at.items.length === 1 ? 'Write the one value without [ ].' : '');
}

/** One item without its dash, or items with their names as keys, as other products write them. */
function hintForMap({ entries }: TreeMap): string {
  const values = [...entries.values()].map(({ value }) => value);
  const [first] = entries.keys();
  if (first === undefined || !values.every(({ kind }) => kind === 'map'))
    return 'Each item begins with a dash: write `- ` in front of its first key.';
  return `Write a list: each item begins with a dash, and the name is a key in it: - {name: ${first}, …}.`;
}

/** What an atom says besides its message. */
function paramOf(issue: z.core.$ZodIssue, name: string): string | undefined {
  const value: unknown = issue.code === 'custom' ? issue.params?.[name] : undefined;
  return typeof value === 'string' ? value : undefined;
}

function holdsMaps(shape: z.ZodType | undefined): boolean {
  const list = shape && unwrapShape(shape);
  return (
    list instanceof z.ZodArray && list.element instanceof z.ZodType && unwrapShape(list.element) instanceof z.ZodObject
  );
}

/** What is declared about the key whose value it is, or whose list the value is an item of. */
function exampleOf(shape: z.ZodType, path: readonly PropertyKey[]): string | undefined {
  const toKey = path.slice(0, path.findLastIndex((step) => typeof step === 'string') + 1);
  const found = shapeAt(shape, toKey);
  return found && declared.get(found)?.example;
}

/** True where the value, or what holds it, may be a secret. */
function isSecret(shape: z.ZodType, path: readonly PropertyKey[]): boolean {
  return path.some((_, at) => {
    const found = shapeAt(shape, path.slice(0, at + 1));
    return found !== undefined && holdsSecret(found);
  });
}

/** True for what is declared as a secret, whatever its default. */
export function holdsSecret(shape: z.ZodType): boolean {
  if (secrets.has(shape)) return true;
  return shape instanceof z.ZodOptional || shape instanceof z.ZodDefault
    ? holdsSecret(shape.unwrap() as z.ZodType)
    : false;
}

/** The shape of the value at `path`; undefined where there is none. */
function shapeAt(shape: z.ZodType, path: readonly PropertyKey[]): z.ZodType | undefined {
  let current = shape;
  for (const step of path) {
    const inner = unwrapShape(current);
    const next: unknown =
      inner instanceof z.ZodObject
        ? inner.shape[String(step)]
        : inner instanceof z.ZodArray
          ? inner.element
          : undefined;
    if (!(next instanceof z.ZodType)) return undefined;
    current = next;
  }
  return current;
}

/** Maps become objects without a prototype (a key may be called `__proto__`); keys without a value are left out. */
function toPlain(node: TreeNode): unknown {
  if (node.kind === 'scalar') return node.isNull ? null : node.text;
  if (node.kind === 'list') return node.items.map(toPlain);
  const plain: Record<string, unknown> = Object.create(null);
  for (const [key, { value }] of node.entries)
    if (!(value.kind === 'scalar' && value.isNull)) plain[key] = toPlain(value);
  return plain;
}

function findNode(node: TreeNode, path: readonly (string | number)[]): TreeNode | undefined {
  let current: TreeNode | undefined = node;
  for (const step of path) {
    if (current?.kind === 'map') current = current.entries.get(String(step))?.value;
    else if (current?.kind === 'list' && typeof step === 'number') current = current.items[step];
    // A single value where a list may stand was read as a list of one.
    else if (current?.kind !== 'scalar' || step !== 0) return undefined;
  }
  return current;
}

function cut(node: TreeNode, path: readonly (string | number)[]): boolean {
  const last = path.at(-1);
  const parent = findNode(node, path.slice(0, -1));
  if (parent?.kind === 'map') {
    const entry = parent.entries.get(String(last));
    if (entry === undefined) return false;
    const { place } = entry.value;
    const value = { kind: 'scalar', text: '', isNull: true, broken: true, substituted: false, place } as const;
    parent.entries.set(String(last), { keyPlace: entry.keyPlace, value });
    return true;
  }
  if (parent?.kind === 'list' && typeof last === 'number') {
    parent.wasCut = true;
    return parent.items.splice(last, 1).length > 0;
  }
  return parent?.kind === 'scalar' && path.length > 1 ? cut(node, path.slice(0, -1)) : false;
}

function describe(node: TreeNode | undefined): string {
  if (node === undefined) return 'nothing';
  if (node.kind !== 'scalar') return node.kind === 'list' ? 'a list' : 'a map';
  if (node.isNull) return 'nothing';
  return node.substituted ? 'something else (from the environment)' : quote(node.text);
}
