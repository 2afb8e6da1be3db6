// The trust relations: which clients reach which backends, and whether each lock on the way holds.
import { z } from 'zod';
import { ApiProblem } from './api-problem.ts';
import { readEvidence } from './evidence.ts';
import { type Operation, operation } from './operation.ts';
import { cutPage, pageOf, pageQuery, showPage } from './pages.ts';
import { relationSchema, showRelation } from './relations.ts';

const query = pageQuery.extend({
  policy: z.string().max(200).optional(),
  service: z.string().max(200).optional(),
  state: z.enum(['holds', 'failing', 'unknown']).optional(),
});

const listRelations = operation({
  id: 'listRelations',
  method: 'GET',
  path: '/relations',
  act: 'config.read',
  summary: 'Trust relations: a policy, the backends that its requests go to, and how both legs are.',
  query,
  answer: { status: 200, body: pageOf(relationSchema) },
  examples: [
    { name: 'all', status: 200 },
    { name: 'of one service', query: { service: 'orders', state: 'holds' }, status: 200 },
    { name: 'another state', query: { state: 'good' }, status: 422 },
  ],
  run: async ({ context, query: { policy, service, state, ...page } }) => {
    const seen = await readEvidence(context);
    const wanted = seen.view.relations.filter(
      (one) =>
        (policy === undefined || one.policy === policy) &&
        (service === undefined || seen.targets.get(one.target)?.service === service),
    );
    // A state is known when it is looked at: without that filter only those of the page are.
    if (state === undefined) {
      const cut = cutPage('relations', wanted, page);
      const items = cut.items.flatMap((one) => showRelation(one, seen) ?? []);
      return { status: 200, body: showPage('relations', { ...cut, items }, (one) => one) };
    }
    const all = wanted.flatMap((one) => showRelation(one, seen) ?? []).filter((one) => one.state === state);
    return { status: 200, body: showPage('relations', cutPage('relations', all, page), (one) => one) };
  },
});

const getRelation = operation({
  id: 'getRelation',
  method: 'GET',
  path: '/relations/{id}',
  act: 'config.read',
  summary: 'One trust relation, `POLICY~SERVICE`.',
  answer: { status: 200, body: relationSchema },
  examples: [
    { name: 'one', params: { id: 'gateway~orders' }, status: 200 },
    { name: 'none', params: { id: 'there-is-none' }, status: 404 },
  ],
  run: async ({ context, params: { id } }) => {
    const seen = await readEvidence(context);
    const found = seen.view.relations.find((one) => one.id === id);
    const shown = found && showRelation(found, seen);
    if (shown === undefined) throw new ApiProblem('not_found', 'There is no such relation among those that run.');
    return { status: 200, body: shown };
  },
});

export const relationOperations: readonly Operation[] = [listRelations, getRelation];
