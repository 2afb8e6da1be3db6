// A rollout that is under way, as the API shows it.
import { z } from 'zod';
import { openCanary, type Rollout } from '../store/rollout.ts';
import { timeOf } from './times.ts';

export const rolloutSchema = z
  .strictObject({
    revision: z.int().describe('The newest one on trial: what is promoted or reverted.'),
    base: z.int().describe('What all others run.'),
    gateways: z.array(z.string()),
    actor: z.string(),
    at: z.iso.datetime(),
    reason: z.string().nullable(),
  })
  .describe('A revision that is on trial on some gateways; null: there is none.');

export function showRollout(rollout: Rollout): z.output<typeof rolloutSchema> | null {
  const open = openCanary(rollout);
  if (open === undefined) return null;
  const { number, canary, actor, at, reason } = open;
  return { revision: number, base: rollout.base.number, gateways: [...canary], actor, at: timeOf(at), reason };
}
