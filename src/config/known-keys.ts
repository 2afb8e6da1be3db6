// Walks a tree beside its shape: keys that nobody knows get the nearest known one, keys that are known but not
// supported get what ignoring them means (support.ts).
import { z } from 'zod';
import { closed } from './atoms.ts';
import type { Place } from './gateway-config.ts';
import { hintForMisplaced, hintForNearlyMisplaced } from './misplaced-keys.ts';
import { findNearest } from './nearest.ts';
import type { ProblemList } from './problem-list.ts';
import { asksForSomething, support } from './support.ts';
import { quote, type TreeMap, type TreeNode } from './yaml-tree.ts';

/** Keys whose misspelling would let more in or verify less: a near miss is an error, not a warning. */
const restricting: ReadonlySet<string> = new Set([
  'clientAuth',
  'clientCA',
  'required',
  'entryPoints',
  'tls',
  'policies',
  'defaultPolicy',
  'minVersion',
  'hosts',
  'methods',
  'middlewares',
  'defaults',
  'match',
  'enabled',
  'disabled',
  'maintenance',
  'security',
  'clientCert',
  'clientKey',
  'serverName',
  'forwardClientCert',
  'mode',
  'maxBodyBytes',
  'allowedSANs',
  'allowedFingerprints',
  'allowedSPKI',
  'spiffe',
  'crl',
  'ocsp',
  'allow',
  'bundles',
  'custom',
  'distrustGrace',
  'ec',
  'maxDepth',
  'minKeyBits',
  'partialChain',
  'refresh',
  'rotation',
  'rsa',
  'enableExploitProtection',
]);

/** `strict`: unknown keys are errors. */
export function checkKeys(node: TreeNode | undefined, shape: z.ZodType, problems: ProblemList, strict: boolean): void {
  if (node === undefined) return;
  const inner = unwrap(shape);
  if (node.kind === 'map' && inner instanceof z.ZodObject) checkMap(node, inner, problems, strict);
  if (node.kind === 'list' && inner instanceof z.ZodArray) {
    const element = inner.element;
    if (element instanceof z.ZodType) for (const item of node.items) checkKeys(item, element, problems, strict);
  }
}

function checkMap(node: TreeMap, shape: z.ZodObject, problems: ProblemList, strict: boolean): void {
  const known = shape.shape as Readonly<Record<string, z.ZodType>>;
  for (const [key, { keyPlace, value }] of node.entries) {
    const field = Object.hasOwn(known, key) ? known[key] : undefined;
    if (field === undefined) {
      reportUnknown(key, keyPlace, Object.keys(known), problems, strict || closed.has(shape));
      continue;
    }
    const what = support.get(field);
    if (what === undefined) checkKeys(value, field, problems, strict);
    else if (asksForSomething(value)) {
      if (what.severity === 'warning')
        problems.warn('unsupported_key', keyPlace, `${key} is not supported: ${what.consequence}`, what.hint);
      else
        problems.error(
          'unsupported_key',
          keyPlace,
          `${key} is not supported by this version; ignoring it would ${what.consequence}`,
          what.hint,
        );
    }
  }
}

function reportUnknown(
  key: string,
  place: Place,
  known: readonly string[],
  problems: ProblemList,
  strict: boolean,
): void {
  // Keys with `x-` in front carry anchors and notes, as in other YAML formats.
  if (key.startsWith('x-')) return;
  const elsewhere = hintForMisplaced(key);
  const near = elsewhere === undefined || isSpelling(key, known) ? findNearest(key, known) : undefined;
  const misplaced = near === undefined ? (elsewhere ?? hintForNearlyMisplaced(key)) : undefined;
  const hint = near === undefined ? (misplaced ?? `Known here: ${known.join(', ')}.`) : `Did you mean ${near}?`;
  const message = `the key ${quote(key)} is not known here and has no effect`;
  if (near !== undefined && restricting.has(near))
    problems.error(
      'unknown_key',
      place,
      `${message}; if ${near} is meant, ignoring it would open what it restricts`,
      hint,
    );
  else if (misplaced !== undefined)
    problems.error('unknown_key', place, `${message}; ignoring it would let more through than is meant`, hint);
  else if (strict) problems.error('unknown_key', place, message, hint);
  else problems.warn('unknown_key', place, message, hint);
}

/** A known key but for its case: what is meant is that one, wherever else the word has a place. */
function isSpelling(key: string, known: readonly string[]): boolean {
  return known.some((one) => one.toLowerCase() === key.toLowerCase());
}

function unwrap(shape: z.ZodType): unknown {
  let current: unknown = shape;
  for (;;) {
    if (current instanceof z.ZodOptional) current = current.unwrap();
    else if (current instanceof z.ZodPipe) current = current.out;
    else return current;
  }
}
