// `config:plan` and `config:apply`: any number of objects at once, as one revision.
import { z } from 'zod';
import { storedKinds } from '../config/stored-kinds.ts';
import { maxNameLength } from '../store/limits.ts';
import { ApiProblem } from './api-problem.ts';
import { changeAnswer, changeQuery, planAnswer, reasonText } from './change-answer.ts';
import { answerChange, planOnly, requireActsOf, staleHead } from './change-config.ts';
import { type Operation, operation } from './operation.ts';
import { objectValue } from './stored-parts.ts';
import type { WrittenChange } from './stored-change.ts';

const maxChanges = 1000;

export const objectId = z.string().min(1).max(maxNameLength);
const kind = z.enum(storedKinds as [string, ...string[]]);
const written = z.discriminatedUnion('operation', [
  z.strictObject({
    kind,
    id: objectId,
    operation: z.literal('put'),
    value: objectValue.describe('In the words of the configuration, without its name. A private key as PEM is sealed.'),
  }),
  z.strictObject({ kind, id: objectId, operation: z.literal('delete') }),
]);
const changes = z.array(written).min(1).max(maxChanges);

function toWritten(list: z.output<typeof changes>): WrittenChange[] {
  const known = new Set<string>();
  return list.map((one, i) => {
    const { kind: of, id } = one;
    const key = JSON.stringify([of, id]);
    if (known.has(key))
      throw new ApiProblem('invalid', 'An object is changed twice at once.', {
        errors: [{ pointer: `/changes/${i}`, code: 'duplicate', detail: 'Each object may be there once.' }],
      });
    known.add(key);
    return one.operation === 'put' ? { kind: of, id, put: one.value } : { kind: of, id, remove: true };
  });
}

const twoBackends = {
  kind: 'services',
  id: 'example-plan',
  operation: 'put',
  value: {
    source: 'static',
    addresses: [{ address: 'a.test:8443' }, { address: 'b.test:8443' }],
    tls: { mode: 'tls', caBundle: 'system' },
  },
};
const noMode = { kind: 'services', id: 'example-plan', operation: 'put', value: { address: 'a.test:8443' } };

const planConfig = operation({
  id: 'planConfig',
  method: 'POST',
  path: '/config:plan',
  act: 'config.plan',
  summary:
    'What changes would do: what is wrong with them, who may enter then, who of those seen lately would be cut off.',
  body: z.strictObject({ changes, reason: reasonText.optional() }),
  answer: { status: 200, body: planAnswer },
  examples: [
    { name: 'a service', body: { changes: [twoBackends] }, status: 200 },
    { name: 'what a gateway would not take', body: { changes: [noMode] }, status: 200 },
    { name: 'nothing', body: { changes: [] }, status: 422 },
    { name: 'no kind', body: { changes: [{ ...twoBackends, kind: 'gateways' }] }, status: 422 },
    { name: 'one object twice', body: { changes: [twoBackends, twoBackends] }, status: 422 },
  ],
  run: async ({ context, body }) => {
    const asked = toWritten(body.changes);
    const query = { wait: 'local', dryRun: 'true' } as const;
    return { status: 200, body: await planOnly(context, { changes: async () => asked, reason: undefined, query }) };
  },
});

const applyConfig = operation({
  id: 'applyConfig',
  method: 'POST',
  path: '/config:apply',
  act: 'config.write',
  summary: 'Makes changes as one revision, and answers when this gateway has it in force, or why not.',
  query: changeQuery.omit({ dryRun: true }),
  body: z.strictObject({
    parent: z.int().min(0).describe('The revision that it was planned on.'),
    changes,
    reason: reasonText.optional(),
  }),
  repeatable: { secrets: [] },
  answer: { status: 200, also: [202], body: changeAnswer },
  examples: [
    { name: 'planned on no revision of ours', body: { parent: 999999, changes: [twoBackends] }, status: 412 },
    { name: 'what a gateway does not take', body: { parent: 0, changes: [noMode] }, status: 422 },
    { name: 'a service', body: { parent: 0, changes: [twoBackends], reason: 'an example' }, status: 200 },
    { name: 'without what it was planned on', body: { changes: [twoBackends] }, status: 422 },
  ],
  run: async (call) => {
    const { body, query, context } = call;
    const asked = toWritten(body.changes);
    return answerChange(call, {
      changes: async (head) => {
        requireActsOf(asked, call.caller);
        if (head.number !== body.parent) throw await staleHead(context.store, body.parent, head);
        return asked;
      },
      reason: body.reason,
      query: { ...query, dryRun: 'false' },
    });
  },
});

export const planOperations: readonly Operation[] = [planConfig, applyConfig];
