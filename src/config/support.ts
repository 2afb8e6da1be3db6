// Keys that we know but do not act on: Goma's that are not implemented.
// Written in the shapes beside the keys that work, so one place says what a key is and what becomes of it.
import { z } from 'zod';
import type { TreeNode } from '../yaml/tree.ts';

export type Support = {
  readonly severity: 'warning' | 'error';
  /** Completes "…: ignoring it would …" (error) or says what happens instead (warning). */
  readonly consequence: string;
  readonly hint: string;
};

/** What is said about a schema; filled while the shapes are defined. */
export const support = z.registry<Support>();

/** The key has no function of ours; ignoring it is harmless. */
export function ignored(consequence: string, hint = '') {
  return mark({ severity: 'warning', consequence, hint });
}

/** The key may be left out or switched off, but what it asks for cannot be ignored. */
export function refused(consequence: string, hint = '') {
  return mark({ severity: 'error', consequence, hint });
}

function mark(what: Support) {
  return z.unknown().optional().register(support, what);
}

const off = /^(?:|0|false|no|off|n|none)$/i;

/**
 * False for null, '', false, 0, empty lists, and maps that hold nothing but such values or are switched off. What a variable that is
 * not set should have held is not known, so it counts.
 */
export function asksForSomething(node: TreeNode): boolean {
  if (node.kind === 'scalar') return node.broken || (!node.isNull && !off.test(node.text.trim()));
  if (node.kind === 'list') return node.items.length > 0;
  const decisive = (node.entries.get('enabled') ?? node.entries.get('mode'))?.value;
  if (decisive !== undefined) return asksForSomething(decisive);
  return [...node.entries.values()].some((entry) => asksForSomething(entry.value));
}
