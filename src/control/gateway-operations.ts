// What each gateway runs, as it says itself: this one at this moment, others on the same store by their last report.
import { z } from 'zod';
import { openCanary } from '../store/rollout.ts';
import { ApiProblem } from './api-problem.ts';
import { auditActor } from './caller.ts';
import { gatewaySchema } from './gateway-shape.ts';
import { type Operation, operation } from './operation.ts';
import { showRollout, rolloutSchema } from './rollout-shape.ts';

const listGateways = operation({
  id: 'listGateways',
  method: 'GET',
  path: '/gateways',
  act: 'gateways.read',
  summary: 'What each gateway runs, as it says itself: this one now, others by their last report.',
  answer: {
    status: 200,
    body: z.strictObject({ items: z.array(gatewaySchema), next: z.null(), rollout: rolloutSchema.nullable() }),
  },
  examples: [{ name: 'all', status: 200 }],
  run: async ({ context }) => {
    const { gateways, rollout } = await context.fleet.read();
    return { status: 200, body: { items: gateways, next: null, rollout: showRollout(rollout) } };
  },
});

const getGateway = operation({
  id: 'getGateway',
  method: 'GET',
  path: '/gateways/{name}',
  act: 'gateways.read',
  summary: 'What one gateway runs, and what it refused.',
  answer: { status: 200, body: gatewaySchema },
  examples: [{ name: 'none', params: { name: 'there-is-none' }, status: 404 }],
  run: async ({ context, params: { name } }) => {
    const { gateways } = await context.fleet.read();
    const found = gateways.find((one) => one.name === name);
    if (found === undefined) throw new ApiProblem('not_found', 'No gateway has reported under this name.');
    return { status: 200, body: found };
  },
});

const removeGateway = operation({
  id: 'removeGateway',
  method: 'DELETE',
  path: '/gateways/{name}',
  act: 'gateways.write',
  summary: 'Forgets a gateway that is silent; it is back when it reports again.',
  answer: { status: 204 },
  examples: [{ name: 'none', params: { name: 'there-is-none' }, status: 404 }],
  run: async ({ context, caller, params: { name = '' } }) => {
    const { fleet, store } = context;
    const { gateways, rollout } = await fleet.read();
    const found = gateways.find((one) => one.name === name);
    if (found === undefined) throw new ApiProblem('not_found', 'No gateway has reported under this name.');
    if (found.state !== 'silent')
      throw new ApiProblem('in_use', 'It reports, and would be back in a moment: stop it first, and wait a minute.');
    const open = openCanary(rollout);
    if (open?.canary.includes(name) === true)
      throw new ApiProblem('in_use', `Revision ${open.number} is on trial there: promote or revert it first.`);
    await store.gateways.remove(name, auditActor(caller, undefined));
    return { status: 204 };
  },
});

export const gatewayOperations: readonly Operation[] = [listGateways, getGateway, removeGateway];
