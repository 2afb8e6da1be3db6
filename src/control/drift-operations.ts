// What runs against what is meant, on this gateway at this moment and on others by their last report.
import { z } from 'zod';
import { driftSchema } from './gateway-shape.ts';
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
    const { gateways } = await context.fleet.read();
    const items = gateways.flatMap(({ drift }) => drift).toSorted((a, b) => Date.parse(a.since) - Date.parse(b.since));
    return { status: 200, body: { items, next: null } };
  },
});

export const driftOperations: readonly Operation[] = [listDrift];
