// What the API shows of an object beside what runs of it: the revision that changed it last, and, of a single one, the document
// that somebody wrote. What is stored and does not run (a route that is switched off) is shown with that alone.
import { z } from 'zod';
import type { StoredObject } from '../store/object.ts';
import { etagOf, requireIfMatch } from './conditional.ts';
import type { StoredState } from './stored-head.ts';

export const origin = z.union([
  z.strictObject({
    kind: z.literal('file'),
    place: z.strictObject({ file: z.string(), line: z.int() }),
  }),
  z.strictObject({ kind: z.literal('store'), revision: z.int().describe('That runs.') }),
]);

/** In the words of the configuration, without the name. */
export const objectValue = z.record(z.string().max(200), z.json().meta({ id: 'Json' }));

const changedIn = z.int().describe('Revision that changed it last: its ETag begins with it.');
const value = objectValue.nullable().describe('As it is stored. Null: it stands in the file, or is a certificate.');
const running = {
  changedIn: changedIn.nullable(),
  running: z.literal(true),
};
const stopped = z.strictObject({ id: z.string(), origin, changedIn, running: z.literal(false) });

export function itemSchema(shape: z.ZodObject): z.ZodType {
  return z.union([shape.extend(running), stopped]);
}

export function oneSchema(shape: z.ZodObject): z.ZodType {
  return z.union([shape.extend({ ...running, value }), stopped.extend({ value })]);
}

/** Of what runs. */
export function showRunning(shown: object, stored: StoredObject | undefined): object {
  return { ...shown, changedIn: stored?.revision ?? null, running: true };
}

/** Of what is stored and does not run. */
export function showStopped({ id, revision }: StoredObject, state: StoredState): { readonly id: string } {
  const shown = { id, origin: { kind: 'store', revision: state.revision }, changedIn: revision, running: false };
  return shown;
}

/** Names of keys are of no use to anybody: certificates are shown by their chain. */
export function valueOf(stored: StoredObject | undefined): object | null {
  return stored === undefined || stored.kind === 'certificates' ? null : stored.body;
}

/** Changes with all that is shown, and says which state of the object it is. */
export function etagOfObject(stored: StoredObject | undefined, body: object): string {
  return `${stored?.revision ?? 'file'}.${etagOf(JSON.stringify(body))}`;
}

/** The revision of the object that If-Match names; -1 for none of ours. */
export function revisionOf(ifMatch: string | undefined): number {
  const [, number] = /^(\d{1,15})(?:\.|$)/.exec(requireIfMatch(ifMatch)) ?? [];
  return number === undefined ? -1 : Number(number);
}
