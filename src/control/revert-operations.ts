// A revision taken back by a new one, a trial on some gateways ended either way, and everything that the store holds as text.
import { z } from 'zod';
import type { ObjectName } from '../store/object.ts';
import type { RevisionHead } from '../store/revision.ts';
import { openCanary, type Rollout } from '../store/rollout.ts';
import type { Store } from '../store/store.ts';
import { ApiProblem, type FieldError } from './api-problem.ts';
import { changeAnswer, changeQuery, planAnswer, reasonText } from './change-answer.ts';
import { answerChange, refuseOpenCanary, requireActsOf, staleHead } from './change-config.ts';
import { type Operation, operation } from './operation.ts';
import type { WrittenChange } from './stored-change.ts';

const endQuery = changeQuery.omit({ canary: true }).extend({ reason: reasonText.optional() });

function revisionOf(text: string | undefined): number {
  return /^[1-9]\d{0,14}$/.test(text ?? '') ? Number(text) : 0;
}

const revertChange = operation({
  id: 'revertChange',
  method: 'POST',
  path: '/changes/{revision}:revert',
  act: 'config.write',
  summary:
    'Takes a revision back by a new one, where nothing of it was changed again since. One that is on trial on some gateways ends with it, for all of its trial.',
  query: endQuery,
  answer: { status: 200, also: [202], body: z.union([changeAnswer, planAnswer]) },
  examples: [
    { name: 'none', params: { revision: '999999' }, status: 404 },
    { name: 'no number', params: { revision: 'last' }, status: 404 },
  ],
  run: async (call) => {
    const { context, params, query } = call;
    const { reason, ...how } = query;
    const number = revisionOf(params['revision']);
    return answerChange(call, {
      changes: async (head, rollout) => {
        const isOnTrial = rollout.canaries.some((one) => one.number === number);
        // Half of a trial is nothing that anybody runs.
        if (!isOnTrial) refuseOpenCanary(rollout, undefined);
        const back = isOnTrial
          ? await takeBackAll(context.store, rollout)
          : await takeBack(context.store, number, head);
        requireActsOf(back, call.caller);
        return back;
      },
      endsCanary: true,
      reason: reason ?? `revert of revision ${number}`,
      query: how,
      pointerOf: () => '',
    });
  },
});

const promoteChange = operation({
  id: 'promoteChange',
  method: 'POST',
  path: '/changes/{revision}:promote',
  act: 'config.write',
  summary: 'Puts what is on trial on some gateways in force for all of them, by a new revision.',
  query: endQuery,
  answer: { status: 200, also: [202], body: z.union([changeAnswer, planAnswer]) },
  examples: [
    { name: 'none', params: { revision: '999999' }, status: 404 },
    { name: 'no number', params: { revision: 'last' }, status: 404 },
  ],
  run: async (call) => {
    const { context, params, query } = call;
    const { reason, ...how } = query;
    const number = revisionOf(params['revision']);
    return answerChange(call, {
      changes: async (head, rollout) => {
        await requireOnTrial(context.store, number, rollout);
        const differences = (await context.store.revisions.difference(rollout.base.number, head.number)) ?? [];
        requireActsOf(differences, call.caller);
        return [];
      },
      endsCanary: true,
      reason: reason ?? `revision ${number} for all gateways`,
      query: how,
      pointerOf: () => '',
    });
  },
});

/** Throws `not_found`; `conflict` where nothing is on trial any more; `stale` where it is another one by now. */
async function requireOnTrial(store: Store, number: number, rollout: Rollout): Promise<void> {
  if (number === 0 || (await store.revisions.find(number)) === undefined)
    throw new ApiProblem('not_found', 'There is no such revision.');
  const open = openCanary(rollout);
  if (open === undefined) throw new ApiProblem('conflict', 'It is not on trial, or not any more: see the changes.');
  if (open.number !== number) throw await staleHead(store, number, rollout.head);
}

/** Everything that was put on trial, as it stands for the others. */
async function takeBackAll({ revisions }: Pick<Store, 'revisions'>, rollout: Rollout): Promise<WrittenChange[]> {
  const { base, head } = rollout;
  const differences = (await revisions.difference(base.number, head.number)) ?? [];
  return Promise.all(
    differences.map(async ({ kind, id }): Promise<WrittenChange> => {
      const before = base.number === 0 ? undefined : await revisions.findObject(base.number, { kind, id });
      return before === undefined ? { kind, id, remove: true } : { kind, id, put: before.body };
    }),
  );
}

/** Throws `not_found`, and `conflict` with every object that is another by now. */
async function takeBack(
  { revisions }: Pick<Store, 'revisions'>,
  number: number,
  head: RevisionHead,
): Promise<WrittenChange[]> {
  const differences = number === 0 ? undefined : await revisions.difference(number - 1, number);
  if (differences === undefined) throw new ApiProblem('not_found', 'There is no such revision.');
  const at = async (revision: number, name: ObjectName) =>
    revision === 0 ? undefined : revisions.findObject(revision, name);
  const conflicts: FieldError[] = [];
  const changes: WrittenChange[] = [];
  for (const { kind, id } of differences) {
    const name = { kind, id };
    const [before, then, now] = [await at(number - 1, name), await at(number, name), await at(head.number, name)];
    // It may have been taken back already.
    if (now?.digest === before?.digest) continue;
    if (now?.digest !== then?.digest) {
      const what = now === undefined ? 'it was removed since' : `it was changed in revision ${now.revision}`;
      conflicts.push({
        pointer: '',
        code: 'conflict',
        detail: `${kind}/${id}: ${what}`,
        object: { ...name, pointer: '' },
      });
    } else changes.push(before === undefined ? { ...name, remove: true } : { ...name, put: before.body });
  }
  if (conflicts.length > 0)
    throw new ApiProblem('conflict', 'What it changed is another by now: change it object by object.', {
      errors: conflicts,
    });
  return changes;
}

const exportStore = operation({
  id: 'exportStore',
  method: 'GET',
  path: '/export',
  act: 'config.read',
  summary:
    'The objects of the store as YAML that `countersign apply` takes. No key is in it, sealed ones by reference.',
  answer: { status: 200, body: z.string(), type: 'application/yaml' },
  examples: [{ name: 'all', status: 200 }],
  run: async ({ context: { store } }) => {
    // The parser of YAML is loaded by who asks.
    const { exportStored } = await import('../loading/stored-yaml.ts');
    const fields = { 'content-type': 'application/yaml' };
    return { status: 200, body: await exportStored(store), fields };
  },
});

export const revertOperations: readonly Operation[] = [revertChange, promoteChange, exportStore];
