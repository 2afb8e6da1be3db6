// The one way by which the API changes what gateways run: planned by the primary on the newest revision, appended as one revision,
// answered when this gateway has it in force. What it refuses after all is taken back by another revision, so that no head
// stays that nobody can load; between the two stands what was in force before.
import { z } from 'zod';
import type { ObjectChange, ObjectName } from '../store/object.ts';
import type { RevisionHead } from '../store/revision.ts';
import type { Store } from '../store/store.ts';
import { ApiProblem, type FieldError } from './api-problem.ts';
import { auditActor, type Person, type Program, requireAct } from './caller.ts';
import type { ControlContext } from './control-context.ts';
import type { Commitment } from './messages.ts';
import type { Answer } from './operation.ts';
import {
  objectDifference,
  plannedAccess,
  plannedClients,
  plannedProblem,
  type PlannedProblem,
  type ShownPlan,
} from './plan.ts';
import { requireSealKey, toStored, type WrittenChange } from './stored-change.ts';
import { timeOf } from './times.ts';
import { waitForGateways } from './wait-for-gateways.ts';

/** Others may append in between, by another process: then it is planned again. */
const maxAttempts = 3;
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
    .enum(['committed', 'pending', 'unchanged'])
    .describe('In force here; or stored and not in force yet; or nothing was to be changed.'),
  generation: z.int().nullable(),
  why: z.string().nullable().describe('Why it is not in force yet.'),
  warnings: z.array(plannedProblem),
  changes: z.array(objectDifference),
  access: plannedAccess.nullable(),
  clients: plannedClients.nullable(),
  gateways: z
    .strictObject({ committed: z.array(z.string()), missing: z.array(z.string()) })
    .nullable()
    .describe('With wait=all.'),
});
export type ChangeAnswer = z.output<typeof changeAnswer>;

export const changeQuery = z.strictObject({
  wait: z.enum(['local', 'all']).default('local').describe('all: until every gateway has it, 20 s at most.'),
  dryRun: z.enum(['true', 'false']).default('false').describe('true: answers with the plan, and changes nothing.'),
});
export type ChangeQuery = z.output<typeof changeQuery>;

export type Wanted = {
  /** Called in turn with the newest revision, again where somebody was quicker. Throws where it does not hold any more. */
  readonly changes: (head: RevisionHead) => Promise<readonly WrittenChange[]>;
  readonly reason: string | undefined;
  readonly query: ChangeQuery;
  /** Of an error at an object that is among the changes: where that is in the body. Default as config:plan has it. */
  readonly pointerOf?: (index: number, pointer: string, code: string) => string;
  /** What is changed stands in for what the file has under the name: to look at, never to apply. */
  readonly inPlaceOfFile?: boolean;
  /** Of a success that changed something. */
  readonly status?: number;
  readonly fields?: Readonly<Record<string, string>>;
};

export type ChangeCall = {
  readonly context: ControlContext;
  readonly caller: Person | Program;
  readonly confirm: () => Promise<void>;
};

export async function answerChange(call: ChangeCall, wanted: Wanted): Promise<Answer> {
  if (wanted.query.dryRun === 'true') return { status: 200, body: await planOnly(call.context, wanted) };
  const { answer, objectRevision } = await call.context.changes.take(async () => change(call, wanted));
  const gateways =
    wanted.query.wait === 'all' && answer.state !== 'pending'
      ? await waitForGateways(call.context, answer.revision)
      : null;
  const status = answer.state === 'pending' ? 202 : answer.state === 'unchanged' ? 200 : (wanted.status ?? 200);
  return {
    status,
    body: { ...answer, gateways },
    // What was planned is not kept with an Idempotency-Key: it may be long.
    keep: { ...answer, changes: [], access: null, clients: null, gateways },
    ...(wanted.fields && { fields: wanted.fields }),
    ...(objectRevision !== undefined && { etag: String(objectRevision) }),
  };
}

export async function planOnly(context: ControlContext, wanted: Wanted): Promise<z.output<typeof planAnswer>> {
  const { plan, written } = await makePlan(context, wanted);
  const { parent, usable, objects, access, clients } = plan;
  return {
    parent: parent.number,
    usable,
    errors: errorsOf(plan, written, wanted.pointerOf),
    warnings: warningsOf(plan),
    changes: [...objects],
    access,
    clients,
  };
}

type Planned = {
  readonly plan: ShownPlan;
  readonly written: readonly WrittenChange[];
  readonly changes: readonly ObjectChange[];
  readonly pending: Awaited<ReturnType<typeof toStored>>['pending'];
};

async function makePlan(context: ControlContext, wanted: Wanted): Promise<Planned> {
  const { store, ask } = context;
  for (let attempt = 1; ; attempt++) {
    const head = await store.revisions.head();
    const written = await wanted.changes(head);
    const stored = await toStored(written, {
      find: async (name) => store.revisions.findObject(head.number, name),
      sealKey: async () => requireSealKey(await ask('sealKey', null)),
    });
    const plan = await ask('plan', { ...stored, inPlaceOfFile: wanted.inPlaceOfFile === true });
    if (plan.parent.digest === head.digest) return { plan, written, ...stored };
    if (attempt === maxAttempts) throw quicker();
  }
}

type Changed = { readonly answer: Omit<ChangeAnswer, 'gateways'>; readonly objectRevision: number | undefined };

async function change({ context, caller, confirm }: ChangeCall, wanted: Wanted): Promise<Changed> {
  const { store } = context;
  const act = auditActor(caller, wanted.reason);
  for (let attempt = 1; ; attempt++) {
    const planned = await makePlan(context, wanted);
    const { plan, written, changes, pending } = planned;
    if (!plan.usable)
      throw new ApiProblem('invalid', 'A gateway would not take it, so nothing was changed: see errors.', {
        errors: errorsOf(plan, written, wanted.pointerOf),
        members: { warnings: warningsOf(plan) },
      });
    await confirm();
    const told = { warnings: warningsOf(plan), changes: [...plan.objects], access: plan.access, clients: plan.clients };
    if (plan.objects.length === 0) return { answer: unchanged(plan.parent.number, told), objectRevision: undefined };
    for (const blob of pending) await store.sealed.put(blob, act);
    const appended = await store.revisions.append({ ...act, parent: plan.parent.number, changes });
    if (appended.outcome === 'unchanged')
      return { answer: unchanged(appended.head?.number ?? 0, told), objectRevision: undefined };
    if (appended.outcome === 'appended') {
      const { number } = appended.revision;
      const commitment = await commit(context, number);
      if (commitment.state === 'refused') throw await takeBack(context, planned, number, commitment, wanted);
      const [only] = changes;
      const isPut = changes.length === 1 && only !== undefined && !('remove' in only);
      return {
        answer: { revision: number, ...stateOf(commitment), ...told },
        objectRevision: isPut ? number : undefined,
      };
    }
    if (attempt === maxAttempts) throw quicker();
  }
}

function unchanged(
  revision: number,
  told: Pick<ChangeAnswer, 'warnings' | 'changes' | 'access' | 'clients'>,
): Changed['answer'] {
  return { revision, state: 'unchanged', generation: null, why: null, ...told };
}

function stateOf(
  commitment: Exclude<Commitment, { state: 'refused' }>,
): Pick<ChangeAnswer, 'state' | 'generation' | 'why'> {
  return commitment.state === 'committed'
    ? { state: 'committed', generation: commitment.generation, why: null }
    : { state: 'pending', generation: null, why: commitment.why };
}

/** It is appended: that nobody answers is no reason to call it undone. */
async function commit({ ask, log }: ControlContext, revision: number): Promise<Commitment> {
  try {
    return await ask('commit', { revision });
  } catch (error) {
    log.warn({ revision, err: error }, 'a revision was stored, and the gateway did not say whether it is in force');
    return { state: 'pending', why: 'The gateway did not say yet whether it is in force.' };
  }
}

/** Appends what was there before; throws nothing, returns what is told. */
async function takeBack(
  { store, ask, log }: ControlContext,
  { plan, written, changes }: Planned,
  revision: number,
  refusal: Extract<Commitment, { state: 'refused' }>,
  wanted: Wanted,
): Promise<ApiProblem> {
  const reason = `revision ${revision} was refused by the gateway: ${refusal.why}`.slice(0, 2000);
  const back = await Promise.all(changes.map(async (one) => formerOf(store, plan.parent.number, one)));
  const appended = await store.revisions.append({ actor: 'system', reason, parent: revision, changes: back });
  const revertedBy = appended.outcome === 'appended' ? appended.revision.number : null;
  log.error({ revision, revertedBy, why: refusal.why }, 'a revision was refused by the gateway and taken back');
  if (revertedBy !== null) await ask('commit', { revision: revertedBy }).catch(() => {});
  const errors = errorsOf(refusal, written, wanted.pointerOf);
  const detail = `It was stored as revision ${revision} and the gateway refused it: ${refusal.why}.`;
  return new ApiProblem('refused', detail, { errors, members: { revision, revertedBy } });
}

async function formerOf(
  store: Pick<Store, 'revisions'>,
  revision: number,
  { kind, id }: ObjectName,
): Promise<ObjectChange> {
  const former = revision === 0 ? undefined : await store.revisions.findObject(revision, { kind, id });
  return former === undefined ? { kind, id, remove: true } : { kind, id, put: former.body };
}

function quicker(): ApiProblem {
  return new ApiProblem('stale', 'Others changed the configuration meanwhile, again and again: try again.');
}

/** Of the head that is not the one that was planned on. */
export async function staleHead(
  store: Pick<Store, 'revisions'>,
  asked: number,
  head: RevisionHead,
): Promise<ApiProblem> {
  const current = head.number === 0 ? undefined : await store.revisions.find(head.number);
  const by = current && {
    revision: current.number,
    actor: current.actor,
    at: timeOf(current.at),
    reason: current.reason,
  };
  const detail = `It was planned on revision ${asked}, and the newest one is ${head.number}: plan it again.`;
  return new ApiProblem('stale', detail, { members: { changedBy: by ?? null, current: { revision: head.number } } });
}

/** A token that may change all else may still not touch certificates. Throws `not_allowed`. */
export function requireActsOf(changes: readonly ObjectName[], caller: Person | Program): void {
  if (changes.some(({ kind }) => kind === 'certificates')) requireAct(caller, 'certificates.write');
}

function warningsOf({ problems }: Pick<ShownPlan, 'problems'>): PlannedProblem[] {
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
  pointerOf: Wanted['pointerOf'] = inChanges,
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
