// What runs against what is meant, on this gateway at this moment and on others by their last report.
import { z } from 'zod';
import { reportOf } from './gateway-report.ts';
import { driftSchema, readOwnGateway } from './gateway-shape.ts';
import { type Operation, operation } from './operation.ts';

const listDrift = operation({
  id: 'listDrift',
  method: 'GET',
  path: '/drift',
  act: 'gateways.read',
  summary: 'What runs against what is meant, oldest first: on this gateway now, on others by their last report.',
  answer: { status: 200, body: z.strictObject({ items: z.array(driftSchema), next: z.null() }) },
  examples: [{ name: 'all', status: 200 }],
  run: async ({ context }) => {
    const own = await readOwnGateway(context);
    const others = (await context.store.gateways.list()).filter(({ name }) => name !== own.name).flatMap(reportOf);
    const items = [own, ...others].flatMap(({ drift }) => drift).toSorted((a, b) => (a.since < b.since ? -1 : 1));
    return { status: 200, body: { items, next: null } };
  },
});

export const driftOperations: readonly Operation[] = [listDrift];
