// Variables without a value: an error where what they stand in is used, a warning where nobody uses it: below a key without
// effect, in a disabled route or block, in a middleware that no route names. Looked for before wrong values are cut out of the tree.
import { z } from 'zod';
import { saysOff, saysOn } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import type { TreeMap, TreeNode, UnsetVariable } from '../yaml/tree.ts';
import { declared } from './key.ts';
import { unwrapShape } from './key-places.ts';
import { middlewareShape } from './middlewares.ts';
import { routeShape } from './route.ts';
import { support } from './support.ts';

type Found = UnsetVariable & {
  /** Name of the middleware whose it is; false: nobody uses it. */
  readonly usedBy?: string | false;
};

export class UnsetVariables {
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
      const { name, place } = one;
      const id = `${place.file}\0${place.line}\0${place.col}`;
      if (said.has(id)) continue;
      said.add(id);
      const hint = `Set it, or give a default: \${${name}:-value}.`;
      const message = `the environment variable ${name} is not set`;
      if (inUse(one)) problems.error('unset_variable', place, message, hint);
      else problems.warn('unset_variable', place, `${message}; nothing uses what it stands in`, hint);
    }
  }

  #walk(node: TreeNode, shape: z.ZodType | undefined, usedBy?: string | false): void {
    if (node.kind === 'scalar') {
      for (const one of node.unset ?? []) this.#found.push({ ...one, ...(usedBy !== undefined && { usedBy }) });
      return;
    }
    const inner = shape && unwrapShape(shape);
    if (node.kind === 'list') {
      const element = inner instanceof z.ZodArray && inner.element instanceof z.ZodType ? inner.element : undefined;
      for (const item of node.items) this.#walk(item, element, usedBy);
      return;
    }
    const fields = inner instanceof z.ZodObject ? (inner.shape as Readonly<Record<string, z.ZodType>>) : undefined;
    const by = isOff(node, fields) ? false : (usedBy ?? (shape === undefined ? undefined : userOf(node, shape)));
    for (const [key, { value }] of node.entries) {
      const field = fields !== undefined && Object.hasOwn(fields, key) ? fields[key] : undefined;
      const isWithoutEffect = fields !== undefined && (field === undefined || hasNoEffect(field));
      this.#walk(value, field, isWithoutEffect ? false : by);
    }
  }
}

function hasNoEffect(field: z.ZodType): boolean {
  return support.has(field) || declared.get(field)?.inert === true;
}

/** As in Found; undefined where it is used whatever the routes name. */
function userOf(node: TreeMap, shape: z.ZodType): string | false | undefined {
  if (shape === routeShape) return says(node, 'disabled', saysOn) ? false : undefined;
  if (shape !== middlewareShape) return undefined;
  const name = node.entries.get('name')?.value;
  return name?.kind === 'scalar' && !name.isNull ? name.text : undefined;
}

/** A block with the key `enabled` that is not on. */
function isOff(node: TreeMap, fields: Readonly<Record<string, z.ZodType>> | undefined): boolean {
  const field = fields?.['enabled'];
  if (field === undefined) return false;
  const value = node.entries.get('enabled')?.value;
  const isUnsaid = value === undefined || (value.kind === 'scalar' && value.isNull && !value.broken);
  return isUnsaid ? declared.get(field)?.default === false : says(node, 'enabled', saysOff);
}

function says({ entries }: TreeMap, key: string, what: RegExp): boolean {
  const value = entries.get(key)?.value;
  return value?.kind === 'scalar' && !value.isNull && what.test(value.text);
}
