// Values that are not what they seem: with a variable that is not set, or a function that Goma calls while it reads the file and
// that we have not (a token {{randomHex(16)}} would be known to everybody). An error where the value is used, a warning where nobody
// uses it: below a key without effect, in a disabled route or block, in a middleware that no route names. Looked for before wrong
// values are cut out of the tree.
import { z } from 'zod';
import { saysOff, saysOn } from '../yaml/cursor.ts';
import type { Place } from '../yaml/place.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import type { TreeMap, TreeNode, TreeScalar } from '../yaml/tree.ts';
import { declared } from './key.ts';
import { unwrapShape } from './key-places.ts';
import { middlewareShape } from './middlewares.ts';
import { routeShape } from './route.ts';
import { support } from './support.ts';

const gomaFunction = /\{\{\s*((?:randomString|randomHex|uuid|timestamp|timestampMs|now|date)\s*\()/i;

type Fields = Readonly<Record<string, z.ZodType>>;

type Found = {
  readonly place: Place;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  /** Name of the middleware whose it is; false: nobody uses it. */
  readonly usedBy?: string | false;
};

export class UnresolvedValues {
  readonly #found: Found[] = [];

  /** Collects those of one file. */
  collect(tree: TreeNode | undefined, shape: z.ZodType): void {
    if (tree !== undefined) this.#walk(tree, shape);
  }

  /** `isUsed`: whether a route that is served names the middleware. */
  report(isUsed: (middleware: string) => boolean, problems: ProblemList): void {
    const inUse = ({ usedBy }: Found): boolean => usedBy !== false && (usedBy === undefined || isUsed(usedBy));
    const said = new Set<string>();
    // By an alias one place may stand in what is used and in what is not.
    for (const one of [...this.#found.filter(inUse), ...this.#found.filter((each) => !inUse(each))]) {
      const { place, code, message, hint } = one;
      const id = `${code}\0${place.file}\0${place.line}\0${place.col}\0${place.stored?.pointer ?? ''}`;
      if (said.has(id)) continue;
      said.add(id);
      if (inUse(one)) problems.error(code, place, message, hint);
      else problems.warn(code, place, `${message}; nothing uses what it stands in`, hint);
    }
  }

  #walk(node: TreeNode, shape: z.ZodType | undefined, usedBy?: string | false): void {
    if (node.kind === 'scalar') {
      for (const one of unresolvedIn(node)) this.#found.push({ ...one, ...(usedBy !== undefined && { usedBy }) });
      return;
    }
    const inner = shape && unwrapShape(shape);
    if (node.kind === 'list') {
      const element = inner instanceof z.ZodArray && inner.element instanceof z.ZodType ? inner.element : undefined;
      for (const item of node.items) this.#walk(item, element, usedBy);
      return;
    }
    const fields = inner instanceof z.ZodObject ? (inner.shape as Fields) : undefined;
    const by = usedBy ?? (shape === undefined ? undefined : userOf(node, shape, fields));
    for (const [key, { value }] of node.entries) {
      const field = fields !== undefined && Object.hasOwn(fields, key) ? fields[key] : undefined;
      const isWithoutEffect = fields !== undefined && (field === undefined || hasNoEffect(field));
      this.#walk(value, field, isWithoutEffect ? false : by);
    }
  }
}

function unresolvedIn({ unset = [], text, source = text, place }: TreeScalar): Found[] {
  const found: Found[] = unset.map(({ name, place: at }) => ({
    place: at,
    code: 'unset_variable',
    message: `the environment variable ${name} is not set`,
    hint: `Set it, or give a default: \${${name}:-value}.`,
  }));
  // As it stands in the file: in what a variable holds Goma calls nothing.
  const called = gomaFunction.exec(source)?.[1];
  if (called !== undefined)
    found.push({
      place,
      code: 'unsupported_function',
      message: `${called}…) is not called: Goma puts its value here, this version would take the text as it is`,
      hint: 'Write the value, or a variable: ${NAME}.',
    });
  return found;
}

function hasNoEffect(field: z.ZodType): boolean {
  return support.has(field) || declared.get(field)?.inert === true;
}

/** As in Found; undefined where it is used whatever the routes name. */
function userOf(node: TreeMap, shape: z.ZodType, fields: Fields | undefined): string | false | undefined {
  if (shape === routeShape) return says(node, 'enabled', saysOff) || says(node, 'disabled', saysOn) ? false : undefined;
  if (declared.get(shape)?.idleWhenOff === true) return isOff(node, fields?.['enabled']) ? false : undefined;
  if (shape !== middlewareShape) return undefined;
  const name = node.entries.get('name')?.value;
  return name?.kind === 'scalar' && !name.isNull ? name.text : undefined;
}

/** `field`: the declaration of the key `enabled`. */
function isOff(node: TreeMap, field: z.ZodType | undefined): boolean {
  const value = node.entries.get('enabled')?.value;
  const isUnsaid = value === undefined || (value.kind === 'scalar' && value.isNull && !value.broken);
  return isUnsaid ? field !== undefined && declared.get(field)?.default === false : says(node, 'enabled', saysOff);
}

function says({ entries }: TreeMap, key: string, what: RegExp): boolean {
  const value = entries.get(key)?.value;
  return value?.kind === 'scalar' && !value.isNull && what.test(value.text);
}
