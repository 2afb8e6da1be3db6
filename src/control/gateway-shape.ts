// A gateway as the API shows it, and what it reports of itself to the store.
import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import { version } from '../base/version.ts';
import { leafOf } from './certificate-facts.ts';
import { driftKinds } from '../gateway/drift.ts';
import type { GatewayStatus } from './gateway-status.ts';
import { timeOf } from './times.ts';
import type { ConfigView } from './view.ts';

const time = z.iso.datetime();
const problem = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string(),
  place: z.string(),
  object: z
    .object({ kind: z.string(), id: z.string(), pointer: z.string() })
    .nullable()
    .describe('The object of the store that is at fault; null: it stands in the file.'),
});

const refused = z.object({
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

const instance = z.object({
  id: z.string().describe('Another one with each start.'),
  machine: z.string(),
  url: z.string().describe('Where its admin entry point is reached, as it sees it.'),
  pid: z.int(),
  startedAt: time,
});
export type InstanceShown = z.output<typeof instance>;

const reported = {
  generation: z.int().describe('Counts the configurations since its start.'),
  revision: z.int().describe('Of the store; 0: none, the file alone.'),
  since: time.describe('When it began to run that.'),
  digest: z.string().describe('Equal for two gateways that run the same.'),
  reloadFailed: z.boolean().describe('The newest configuration was refused; the one before is in force.'),
  refused: refused.nullable(),
  store: z
    .object({
      up: z.boolean().describe('False: it runs the last good revision.'),
      revision: z.int(),
      digest: z.string().nullable().describe('Of the revision in force, in the chain of revisions; null: none is.'),
      readAt: time.nullable(),
      problem: z.object({ code: z.string(), message: z.string(), help: z.string() }).nullable(),
    })
    .nullable(),
  workers: z.array(
    z.object({
      slot: z.int(),
      pid: z.int(),
      serving: z.boolean(),
      generation: z.int().nullable().describe('Null: it did not answer.'),
    }),
  ),
  certificates: z
    .array(z.object({ sha256: z.string(), serial: z.string(), id: z.string().nullable() }))
    .describe('What its workers have loaded. id: of the certificates that run, where it is one of them.'),
  certificateCount: z.int().describe('Of them; at most 2,000 are listed.'),
  versions: z.object({ countersign: z.string(), node: z.string(), openssl: z.string() }).nullable(),
  instance: instance.nullable(),
  clock: time.describe('What time it had when it said this.'),
  sharedWith: instance.nullable().describe('Another gateway that reports under the same name.'),
  drift: z
    .array(driftSchema)
    .default([])
    .describe('What runs against what is meant, oldest first; empty where all is as it should be.'),
};

/** What a gateway leaves in the store; what another version adds is not looked at. */
export const reportSchema = z.object(reported);
export type GatewayReport = z.output<typeof reportSchema>;

export const gatewayStates = ['current', 'changing', 'behind', 'refused', 'lastGood', 'silent', 'unknown'] as const;
export type GatewayState = (typeof gatewayStates)[number];

export const gatewaySchema = z.strictObject({
  name: z.string(),
  isThis: z.boolean().describe('It answers this request; others are shown by their last report.'),
  state: z
    .enum(gatewayStates)
    .describe(
      'current: it runs what it is meant to. changing: another revision, for less than a minute. behind: for longer. refused: it did not take it, see refused. lastGood: the store is out of its reach. silent: it does not report. unknown: its report is of another version.',
    ),
  health: z.enum(['ok', 'partly', 'down', 'unknown']).describe('Whether all, some or none of its workers serve.'),
  joinedAt: time.nullable().describe('When it first reported.'),
  reportedAt: time.describe('By the clock of the store.'),
  clockSkewMs: z.int().nullable().describe('How far its clock is ahead of that of the store.'),
  expected: z
    .strictObject({ revision: z.int(), digest: z.string(), canary: z.boolean() })
    .describe('What it is to run. canary: a revision that is on trial, here among others.'),
  ...reported,
});
export type GatewayShown = z.output<typeof gatewaySchema>;

export type ReportSources = {
  /** Both reject with an ApiProblem. */
  readonly status: () => Promise<GatewayStatus>;
  readonly view: () => Promise<ConfigView>;
  readonly clock: Pick<Clock, 'now'>;
  readonly instance: InstanceShown;
};

/** This gateway at this moment. Rejects with an ApiProblem. */
export async function readOwnReport(context: ReportSources, sharedWith: InstanceShown | null): Promise<GatewayReport> {
  const [status, view] = await Promise.all([context.status(), context.view()]);
  const ids = new Map(view.certificates.map((one) => [leafOf(one)?.sha256, one.id]));
  const { since, generation, revision, store, workers, certificates, certificateCount } = status;
  const { node, openssl } = process.versions;
  return {
    generation,
    revision,
    since: timeOf(since),
    digest: view.digest,
    reloadFailed: status.refused !== null,
    refused: status.refused && {
      ...status.refused,
      at: timeOf(status.refused.at),
      problems: status.refused.problems.map((one) => ({ ...one })),
    },
    store: store && { ...store, readAt: store.readAt === null ? null : timeOf(store.readAt) },
    workers: workers.map((worker) => ({ ...worker })),
    certificates: certificates.map(({ sha256, serial }) => ({ sha256, serial, id: ids.get(sha256) ?? null })),
    certificateCount,
    drift: status.drift.map((one) => ({ ...one, since: timeOf(one.since) })),
    versions: { countersign: version, node, openssl },
    instance: context.instance,
    sharedWith,
    clock: timeOf(context.clock.now()),
  };
}
