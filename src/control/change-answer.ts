// What a change of the configuration, and a plan of one, is asked with and answered with.
import { z } from 'zod';
import type { ObjectName } from '../store/object.ts';
import type { FieldError } from './api-problem.ts';
import {
  objectDifference,
  plannedAccess,
  plannedClients,
  plannedProblem,
  type PlannedProblem,
  type ShownPlan,
} from './plan.ts';
import { arrival } from './wait-for-gateways.ts';

const maxErrors = 100;

export const reasonText = z
  .string()
  .max(2000)
  .refine((text) => !text.includes('PRIVATE KEY'), 'a reason is no place for a key')
  .describe('Stands in the history and in the audit log.');

const errorList = z.array(
  z.strictObject({
    pointer: z.string().describe('Into the body; empty where it is about something that is not in it.'),
    code: z.string(),
    detail: z.string(),
    hint: z.string().optional(),
    object: z.strictObject({ kind: z.string(), id: z.string(), pointer: z.string() }).optional(),
    place: z.strictObject({ file: z.string(), line: z.int() }).optional(),
  }),
);

/** What a plan, and a dry run, is answered with. */
export const planAnswer = z.strictObject({
  parent: z.int().describe('The revision that it was planned on: what config:apply takes.'),
  usable: z.boolean().describe('A gateway would take it.'),
  errors: errorList,
  warnings: z.array(plannedProblem),
  changes: z.array(objectDifference),
  access: plannedAccess.nullable().describe('What changes in who may enter.'),
  clients: plannedClients
    .nullable()
    .describe('Who of those seen lately is concerned; null: no record is kept, or it is not usable.'),
});

/** What a change is answered with. */
export const changeAnswer = z.strictObject({
  revision: z.int(),
  state: z
    .enum(['committed', 'pending', 'unchanged', 'elsewhere'])
    .describe(
      'In force here; or stored and not in force yet; or nothing was to be changed; or stored for other gateways only.',
    ),
  canary: z.array(z.string()).nullable().describe('The gateways that it is for; null: all.'),
  generation: z.int().nullable(),
  why: z.string().nullable().describe('Why it is not in force yet.'),
  warnings: z.array(plannedProblem),
  changes: z.array(objectDifference),
  access: plannedAccess.nullable(),
  clients: plannedClients.nullable(),
  gateways: z.array(arrival).nullable().describe('With wait=all: what became of it on each gateway that it is for.'),
});
export type PlanAnswer = z.output<typeof planAnswer>;
export type ChangeAnswer = z.output<typeof changeAnswer>;

export const changeQuery = z.strictObject({
  wait: z
    .enum(['local', 'all'])
    .default('local')
    .describe(
      'all: until every gateway that it is for has it or refused it, 20 s at most; silent ones are not waited for.',
    ),
  canary: z
    .string()
    .max(10_000)
    .optional()
    .describe('NAME,NAME: only these gateways take it, until it is promoted or reverted. Each has to have reported.'),
  dryRun: z.enum(['true', 'false']).default('false').describe('true: answers with the plan, and changes nothing.'),
});
export type ChangeQuery = z.output<typeof changeQuery>;

/** Of an error at an object that is among the changes: where that is in the body. */
export type PointerOf = (index: number, pointer: string, code: string) => string;

export function warningsOf({ problems }: Pick<ShownPlan, 'problems'>): PlannedProblem[] {
  return problems.filter(({ severity }) => severity === 'warning');
}

/** What is wrong with the name of an object, not with what it holds. */
const codesOfNames: ReadonlySet<string> = new Set(['bad_name', 'duplicate_name', 'reserved_name']);

function inChanges(index: number, pointer: string, code: string): string {
  const isName = pointer === '' && codesOfNames.has(code);
  return isName ? `/changes/${index}/id` : `/changes/${index}/value${pointer}`;
}

/** Where it is wrong in the body, where it is; else in which object or file. */
export function errorsOf(
  { problems }: { readonly problems: readonly PlannedProblem[] },
  written: readonly ObjectName[],
  pointerOf: PointerOf = inChanges,
): FieldError[] {
  return problems
    .filter(({ severity }) => severity === 'error')
    .slice(0, maxErrors)
    .map(({ code, message, hint, object, place }) => {
      const index =
        object === null ? -1 : written.findIndex(({ kind, id }) => kind === object.kind && id === object.id);
      return {
        pointer: object !== null && index >= 0 ? pointerOf(index, object.pointer, code) : '',
        code,
        detail: message,
        ...(hint !== '' && { hint }),
        ...(object !== null && object.kind !== '' && { object }),
        ...(place !== null && { place }),
      };
    });
}
