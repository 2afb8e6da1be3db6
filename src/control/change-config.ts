// The one way by which the API changes what gateways run: planned by the primary on the newest revision, appended as one revision,
// answered when this gateway has it in force. What it refuses after all is taken back by another revision where no other gateway is
// concerned, so that no head stays that nobody can load; where others may run it, whoever asked is told, and decides.
import type { ObjectChange, ObjectName } from '../store/object.ts';
import type { RevisionHead } from '../store/revision.ts';
import { openCanary, parseCanary, readRollout, requireKnown, type Rollout, whyNotNow } from '../store/rollout.ts';
import type { Store } from '../store/store.ts';
import { ApiProblem } from './api-problem.ts';
import { auditActor, type Person, type Program, requireAct } from './caller.ts';
import {
  type ChangeAnswer,
  type ChangeQuery,
  errorsOf,
  type PlanAnswer,
  type PointerOf,
  warningsOf,
} from './change-answer.ts';
import type { ControlContext } from './control-context.ts';
import { isSameCanary } from './fleet.ts';
import type { Commitment } from './messages.ts';
import type { Answer } from './operation.ts';
import type { ShownPlan } from './plan.ts';
import { requireSealKey, toStored, type WrittenChange } from './stored-change.ts';
import { timeOf } from './times.ts';
import { requestMs, waitForGateways } from './wait-for-gateways.ts';

/** Others may append in between, by another process: then it is planned again. */
const maxAttempts = 3;

export type Wanted = {
  /** Called in turn with the newest revision, again where somebody was quicker. Throws where it does not hold any more. */
  readonly changes: (head: RevisionHead, rollout: Rollout) => Promise<readonly WrittenChange[]>;
  /** It promotes or reverts what is on trial on some gateways: it is for all, and differs from what the others run. */
  readonly endsCanary?: true;
  readonly reason: string | undefined;
  readonly query: ChangeQuery;
  /** Of an error at an object that is among the changes: where that is in the body. Default as config:plan has it. */
  readonly pointerOf?: PointerOf;
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
  const startedAt = call.context.clock.monotonic();
  const { answer, objectRevision } = await call.context.changes.take(async () => change(call, wanted, startedAt));
  const { state, revision } = answer;
  const own = state === 'committed' || state === 'pending' ? state : undefined;
  const gateways =
    wanted.query.wait === 'all' && state !== 'unchanged'
      ? await waitForGateways(call.context, revision, own, startedAt)
      : null;
  const isLater = state === 'pending' || state === 'elsewhere';
  const status = isLater ? 202 : state === 'unchanged' ? 200 : (wanted.status ?? 200);
  return {
    status,
    body: { ...answer, gateways },
    // What was planned is not kept with an Idempotency-Key: it may be long.
    keep: { ...answer, changes: [], access: null, clients: null, gateways },
    ...(wanted.fields && { fields: wanted.fields }),
    ...(objectRevision !== undefined && { etag: String(objectRevision) }),
  };
}

export async function planOnly(context: ControlContext, wanted: Wanted): Promise<PlanAnswer> {
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
  /** Whom it is for; undefined: all. */
  readonly canary: readonly string[] | undefined;
  /** Nothing is to be stored. */
  readonly isNothing: boolean;
};

async function makePlan(context: ControlContext, wanted: Wanted): Promise<Planned> {
  const { store, ask } = context;
  const canary = await readCanary(context, wanted);
  for (let attempt = 1; ; attempt++) {
    const rollout = await readRollout(store.revisions);
    const { head } = rollout;
    // To look at what is not to be saved nobody has to wait.
    if (wanted.endsCanary !== true && wanted.inPlaceOfFile !== true) refuseOpenCanary(rollout, canary);
    const written = await wanted.changes(head, rollout);
    const stored = await toStored(written, {
      find: async (name) => store.revisions.findObject(head.number, name),
      sealKey: async () => requireSealKey(await ask('sealKey', null)),
    });
    const plan = await ask('plan', { ...stored, inPlaceOfFile: wanted.inPlaceOfFile === true });
    if (plan.parent.digest === head.digest) {
      const isSame = isSameCanary(openCanary(rollout)?.canary ?? null, canary ?? null);
      const isNothing = plan.objects.length === 0 && isSame;
      // What is promoted changes nothing of the newest revision, and something for the others.
      const isPromoted = wanted.endsCanary === true && written.length === 0;
      const shown = isPromoted ? { ...plan, objects: await onTrial(store, rollout) } : plan;
      return { plan: shown, written, canary, isNothing, ...stored };
    }
    if (attempt === maxAttempts) throw quicker();
  }
}

/** Throws `invalid` for a gateway that never reported. */
async function readCanary(
  { store }: Pick<ControlContext, 'store'>,
  { query }: Wanted,
): Promise<readonly string[] | undefined> {
  if (query.canary === undefined) return undefined;
  const canary = parseCanary(query.canary);
  await requireKnown(store.gateways, canary);
  return canary;
}

/** Throws `canary_open`, with whose it is. */
export function refuseOpenCanary(rollout: Rollout, canary: readonly string[] | undefined): void {
  const why = whyNotNow(rollout, canary);
  const open = openCanary(rollout);
  if (why === undefined || open === undefined) return;
  const { number: revision, actor, at, reason } = open;
  const by = { revision, gateways: open.canary, actor, at: timeOf(at), reason };
  throw new ApiProblem('canary_open', `Nothing else is changed while ${why}: promote or revert it first.`, {
    members: { canary: by },
  });
}

/** What differs on the gateways that try it. */
async function onTrial(
  { revisions }: Pick<Store, 'revisions'>,
  { head, base }: Rollout,
): Promise<ShownPlan['objects']> {
  const differences = (await revisions.difference(base.number, head.number)) ?? [];
  return differences.map((one) => ({ ...one, fields: one.fields.map(({ pointer }) => ({ pointer })) }));
}

type Changed = {
  readonly answer: Omit<ChangeAnswer, 'gateways'>;
  readonly objectRevision: number | undefined;
};

async function change({ context, caller, confirm }: ChangeCall, wanted: Wanted, startedAt: number): Promise<Changed> {
  const { store, gateway } = context;
  const act = auditActor(caller, wanted.reason);
  for (let attempt = 1; ; attempt++) {
    const planned = await makePlan(context, wanted);
    const { plan, written, changes, pending, canary, isNothing } = planned;
    if (!plan.usable)
      throw new ApiProblem('invalid', 'A gateway would not take it, so nothing was changed: see errors.', {
        errors: errorsOf(plan, written, wanted.pointerOf),
        members: { warnings: warningsOf(plan) },
      });
    await confirm();
    const told = {
      warnings: warningsOf(plan),
      changes: [...plan.objects],
      access: plan.access,
      clients: plan.clients,
      canary: canary === undefined ? null : [...canary],
    };
    if (isNothing) return { answer: unchanged(plan.parent.number, told), objectRevision: undefined };
    for (const blob of pending) await store.sealed.put(blob, act);
    const appended = await store.revisions.append({ ...act, parent: plan.parent.number, changes, canary });
    if (appended.outcome === 'unchanged')
      return { answer: unchanged(appended.head?.number ?? 0, told), objectRevision: undefined };
    if (appended.outcome === 'appended') {
      const { number } = appended.revision;
      const [only] = changes;
      const isPut = changes.length === 1 && only !== undefined && !('remove' in only);
      const objectRevision = isPut ? number : undefined;
      if (canary?.includes(gateway) === false) {
        const why = `It is for ${canary.join(', ')}; this gateway runs what it ran before.`;
        return { answer: { revision: number, state: 'elsewhere', generation: null, why, ...told }, objectRevision };
      }
      const commitment = await commit(context, number, startedAt + requestMs);
      if (commitment.state === 'refused') throw await afterRefusal(context, planned, number, commitment, wanted);
      return { answer: { revision: number, ...stateOf(commitment), ...told }, objectRevision };
    }
    if (attempt === maxAttempts) throw quicker();
  }
}

function unchanged(
  revision: number,
  told: Pick<ChangeAnswer, 'warnings' | 'changes' | 'access' | 'clients' | 'canary'>,
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

/** It is appended: that nobody answers, or not in the time that is left of the request, is no reason to call it undone. */
async function commit({ ask, log, clock }: ControlContext, revision: number, until: number): Promise<Commitment> {
  let cancel = (): void => {};
  const late = new Promise<Commitment>((resolve) => {
    const why = 'The gateway is still at work on it.';
    cancel = clock.after(Math.max(0, until - clock.monotonic()), () => resolve({ state: 'pending', why }));
  });
  try {
    return await Promise.race([ask('commit', { revision }), late]);
  } catch (error) {
    log.warn({ revision, err: error }, 'a revision was stored, and the gateway did not say whether it is in force');
    return { state: 'pending', why: 'The gateway did not say yet whether it is in force.' };
  } finally {
    cancel();
  }
}

/** What this gateway said no to stays where others may run it; throws nothing, returns what is told. */
async function afterRefusal(
  context: ControlContext,
  planned: Planned,
  revision: number,
  refusal: Extract<Commitment, { state: 'refused' }>,
  wanted: Wanted,
): Promise<ApiProblem> {
  const others = await othersOf(context, planned.canary);
  const revertedBy = others.length === 0 ? await takeBack(context, planned, revision, refusal) : null;
  const errors = errorsOf(refusal, planned.written, wanted.pointerOf);
  const stays =
    others.length === 0
      ? ''
      : ` It stays in force for ${others.join(', ')}: revert revision ${revision} where it is to go there as well.`;
  if (others.length > 0)
    context.log.error(
      { revision, others, why: refusal.why },
      'a revision was refused by this gateway, and stays for others',
    );
  const detail = `It was stored as revision ${revision} and this gateway refused it: ${refusal.why}.${stays}`;
  return new ApiProblem('refused', detail, { errors, members: { revision, revertedBy } });
}

/** Who else may run it by now: those that it is for, and that report. */
async function othersOf(
  { fleet }: Pick<ControlContext, 'fleet'>,
  canary: readonly string[] | undefined,
): Promise<string[]> {
  const { gateways } = await fleet.read();
  return gateways
    .filter(({ name, isThis, state }) => !isThis && state !== 'silent' && (canary?.includes(name) ?? true))
    .map(({ name }) => name);
}

/** Number of the revision with what was there before; null where somebody was quicker. */
async function takeBack(
  { store, ask, log }: ControlContext,
  { plan, changes }: Planned,
  revision: number,
  refusal: Extract<Commitment, { state: 'refused' }>,
): Promise<number | null> {
  const reason = `revision ${revision} was refused by the gateway: ${refusal.why}`.slice(0, 2000);
  const back = await Promise.all(changes.map(async (one) => formerOf(store, plan.parent.number, one)));
  const before = plan.parent.number === 0 ? undefined : await store.revisions.find(plan.parent.number);
  const appended = await store.revisions.append({
    actor: 'system',
    reason,
    parent: revision,
    changes: back,
    canary: before?.canary ?? undefined,
  });
  const revertedBy = appended.outcome === 'appended' ? appended.revision.number : null;
  log.error({ revision, revertedBy, why: refusal.why }, 'a revision was refused by the gateway and taken back');
  if (revertedBy !== null) await ask('commit', { revision: revertedBy }).catch(() => {});
  return revertedBy;
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
