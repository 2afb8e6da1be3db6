// A gateway as the API shows it, and as it reports itself to the store.
import { z } from 'zod';
import type { ControlContext } from './control-context.ts';
import { leafOf } from './certificate-facts.ts';
import { driftKinds } from '../gateway/drift.ts';
import { timeOf } from './times.ts';

const time = z.iso.datetime();
const problem = z.strictObject({ code: z.string(), message: z.string(), hint: z.string(), place: z.string() });

const refused = z.strictObject({
  revision: z.int().nullable().describe('Of the store; null: it is the file that was refused.'),
  at: time,
  why: z.string(),
  blame: z
    .enum(['configuration', 'moment', 'defect'])
    .describe('moment: nobody said no, it is tried again. defect: a mistake of the gateway.'),
  problems: z.array(problem).describe('The first errors, each with its place.'),
});

export const driftSchema = z.strictObject({
  kind: z
    .enum(driftKinds)
    .describe(
      'behind: another revision than the newest. unauthorised: a file or a row that nobody approved. behaviour: a listener does something else than is declared.',
    ),
  gateway: z.string(),
  key: z.string().describe('Within its kind the same as long as it lasts.'),
  code: z.string(),
  sentence: z.string(),
  help: z.string(),
  since: time,
});

/** A report that was stored is of the same form: it is read by this. */
export const gatewaySchema = z.strictObject({
  name: z.string(),
  isThis: z.boolean().describe('It answers this request; others are shown by their last report.'),
  reportedAt: time,
  generation: z.int().describe('Counts the configurations since its start.'),
  revision: z.int().describe('Of the store; 0: none, the file alone.'),
  since: time.describe('When it began to run that.'),
  digest: z.string().describe('Equal for two gateways that run the same.'),
  reloadFailed: z.boolean().describe('The newest configuration was refused; the one before is in force.'),
  refused: refused.nullable(),
  store: z
    .strictObject({
      up: z.boolean().describe('False: it runs the last good revision.'),
      revision: z.int(),
      readAt: time.nullable(),
      problem: z.strictObject({ code: z.string(), message: z.string(), help: z.string() }).nullable(),
    })
    .nullable(),
  workers: z.array(
    z.strictObject({
      slot: z.int(),
      pid: z.int(),
      serving: z.boolean(),
      generation: z.int().nullable().describe('Null: it did not answer.'),
    }),
  ),
  certificates: z
    .array(z.strictObject({ sha256: z.string(), serial: z.string(), id: z.string().nullable() }))
    .describe('What its workers have loaded. id: of the certificates that run, where it is one of them.'),
  certificateCount: z.int().describe('Of them; at most 2,000 are listed.'),
  drift: z
    .array(driftSchema)
    .default([])
    .describe('What runs against what is meant, oldest first; empty where all is as it should be.'),
});
export type GatewayShown = z.output<typeof gatewaySchema>;

/** This gateway at this moment. Rejects with an ApiProblem. */
export async function readOwnGateway(context: ControlContext): Promise<GatewayShown> {
  const [status, view] = await Promise.all([context.status(), context.view()]);
  const ids = new Map(view.certificates.map((one) => [leafOf(one)?.sha256, one.id]));
  const head = status.refused === null ? 0 : (await context.store.revisions.head()).number;
  const { at, since, generation, revision, store, workers, certificates, certificateCount } = status;
  return {
    name: context.gateway,
    isThis: true,
    reportedAt: timeOf(at),
    generation,
    revision,
    since: timeOf(since),
    digest: view.digest,
    reloadFailed: status.refused !== null,
    refused: status.refused && {
      revision: head > revision ? head : null,
      at: timeOf(status.refused.at),
      why: status.refused.why,
      blame: status.refused.blame,
      problems: status.refused.problems.map((one) => ({ ...one })),
    },
    store: store && { ...store, readAt: store.readAt === null ? null : timeOf(store.readAt) },
    workers: workers.map((worker) => ({ ...worker })),
    certificates: certificates.map(({ sha256, serial }) => ({ sha256, serial, id: ids.get(sha256) ?? null })),
    certificateCount,
    drift: status.drift.map((one) => ({ ...one, since: timeOf(one.since) })),
  };
}
