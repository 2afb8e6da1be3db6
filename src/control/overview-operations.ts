// What needs a person now, and how much traffic there is: the first screen of a console.
import { z } from 'zod';
import { alertSchema } from './alerts.ts';
import { readEvidence } from './evidence.ts';
import { lifetimesOf } from './lifetimes.ts';
import { type Operation, operation } from './operation.ts';
import { expiryState, expiryStateOf } from './shown-pair.ts';
import { timeOf } from './times.ts';

const time = z.iso.datetime();
const counts = z.record(z.string(), z.int());

/** Of the expiry strip: the nearest. */
const maxExpiries = 200;

const overview = z.strictObject({
  checkedAt: time.describe('Of what is said here.'),
  revision: z.int().describe('Of the store, that runs; 0: the file alone.'),
  gateways: z.strictObject({ known: z.int(), current: z.int().describe('That run what they are meant to.') }),
  relations: z.strictObject({ total: z.int(), holds: z.int(), failing: z.int(), unknown: z.int() }),
  needs: z.array(alertSchema).describe('What needs you now, worst first.'),
  traffic: z
    .array(
      z.strictObject({
        at: time,
        requests: counts.describe('By class of the status; 0xx: cut off before an answer.'),
        faults: counts.describe('Requests that failed or were refused, by code.'),
        handshakes: counts.describe('With clients, by verdict.'),
      }),
    )
    .describe('Each minute of the last hour since the start of the gateway, oldest first; the last one runs.'),
  expiries: z
    .array(
      z.strictObject({
        name: z.string(),
        role: z.string(),
        notBefore: time,
        notAfter: time,
        state: expiryState,
        shareLeft: z.number().min(0).max(1).describe('Of its lifetime.'),
        inUse: z.boolean(),
        object: z.strictObject({ kind: z.string(), id: z.string() }).nullable(),
      }),
    )
    .describe(`The ${maxExpiries} that expire first.`),
});

const getOverview = operation({
  id: 'getOverview',
  method: 'GET',
  path: '/overview',
  act: 'config.read',
  summary: 'What needs you now, how many trust relations hold, traffic of the last hour, what expires.',
  answer: { status: 200, body: overview },
  examples: [{ name: 'now', status: 200 }],
  run: async ({ context }) => {
    const { ask, alerts } = context;
    const [seen, traffic] = await Promise.all([readEvidence(context), ask('traffic', null)]);
    const { active, relations } = await alerts.look(seen);
    const { now, status, fleet } = seen;
    const expiries = lifetimesOf(seen)
      .toSorted((a, b) => a.notAfter - b.notAfter)
      .slice(0, maxExpiries)
      .map((one) => ({
        name: one.name,
        role: one.role,
        notBefore: timeOf(one.notBefore),
        notAfter: timeOf(one.notAfter),
        state: expiryStateOf(one, now),
        shareLeft: shareLeft(one, now),
        inUse: one.object === null || one.uses.length > 0,
        object: one.object,
      }));
    const body: z.output<typeof overview> = {
      checkedAt: timeOf(Math.min(status.at, seen.clients.at)),
      revision: status.revision,
      gateways: {
        known: Math.max(1, fleet.length),
        current: fleet.filter(({ state }) => state === 'current').length,
      },
      relations,
      needs: [...active],
      traffic: traffic.map(({ at, requests, faults, handshakes }) => ({
        at: timeOf(at),
        requests,
        faults,
        handshakes,
      })),
      expiries,
    };
    return { status: 200, body };
  },
});

function shareLeft({ notBefore, notAfter }: { notBefore: number; notAfter: number }, now: number): number {
  if (now >= notAfter || notAfter <= notBefore) return 0;
  return Math.min(1, Math.round(((notAfter - now) / (notAfter - notBefore)) * 1000) / 1000);
}

export const overviewOperations: readonly Operation[] = [getOverview];
