// What each gateway runs, as it says itself: this one at this moment, others on the same store by their last report.
import { z } from 'zod';
import { reportOf } from './gateway-report.ts';
import { gatewaySchema, readOwnGateway } from './gateway-shape.ts';
import { type Operation, operation } from './operation.ts';

const listGateways = operation({
  id: 'listGateways',
  method: 'GET',
  path: '/gateways',
  act: 'gateways.read',
  summary: 'What each gateway runs, as it says itself: this one now, others by their last report.',
  answer: { status: 200, body: z.strictObject({ items: z.array(gatewaySchema), next: z.null() }) },
  examples: [{ name: 'all', status: 200 }],
  run: async ({ context }) => {
    const own = await readOwnGateway(context);
    const others = (await context.store.gateways.list()).filter(({ name }) => name !== own.name).flatMap(reportOf);
    return { status: 200, body: { items: [own, ...others], next: null } };
  },
});

export const gatewayOperations: readonly Operation[] = [listGateways];
