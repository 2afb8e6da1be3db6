// What a change would do, as the primary found it (process/plan-question.ts) and the API shows it: what is wrong with it, which fields
// change, who may enter that could not before, and who of those seen lately would be cut off. Lists are cut, counts are not.
import { z } from 'zod';

export const plannedProblem = z.strictObject({
  severity: z.enum(['error', 'warning']),
  code: z.string(),
  message: z.string(),
  hint: z.string(),
  object: z
    .strictObject({ kind: z.string(), id: z.string(), pointer: z.string() })
    .nullable()
    .describe('Where it stands, if in an object of the store.'),
  place: z.strictObject({ file: z.string(), line: z.int() }).nullable().describe('If in a file.'),
});
export type PlannedProblem = z.output<typeof plannedProblem>;

const client = z.strictObject({
  subject: z.string(),
  names: z.array(z.string()),
  sha256: z.string().nullable(),
  serverNames: z.array(z.string().nullable()).describe('Null: none was sent.'),
  policyBefore: z.string(),
  policy: z.string().describe('Empty: none would have the server name.'),
  lastSeen: z.iso.datetime(),
  handshakes: z.int(),
  gateways: z.array(z.string()).describe('That saw it.'),
  code: z.string(),
  detail: z.string(),
});
export type PlannedClient = z.output<typeof client>;

const clientRows = z.strictObject({ count: z.int(), items: z.array(client) });

export const plannedClients = z.strictObject({
  since: z.iso.datetime().describe('Since when clients are remembered.'),
  days: z.int().describe('How far back they count.'),
  identities: z.int().describe('Certificates that were looked at.'),
  cutOff: clientRows.describe('Let in the last time, and would not be.'),
  admitted: clientRows.describe('Refused the last time, and would be let in.'),
  changed: clientRows.describe('Let in before and after, under another policy or without being asked.'),
  undecided: clientRows.describe('What would become of them is not known here.'),
  anonymousCutOff: clientRows.describe('Without a certificate.'),
  anonymousAdmitted: clientRows,
  notLookedAt: z.array(z.string()),
});
export type PlannedClients = z.output<typeof plannedClients>;

const sentences = z.strictObject({ count: z.int(), items: z.array(z.string()) });

export const plannedAccess = z.strictObject({
  complete: z.boolean().describe('False: too many hosts, paths and methods for all of them.'),
  opened: sentences,
  closed: sentences,
  rules: sentences,
});

export const objectDifference = z.strictObject({
  kind: z.string(),
  id: z.string(),
  change: z.enum(['added', 'removed', 'changed']),
  fields: z.array(z.strictObject({ pointer: z.string() })).describe('Places of what is different.'),
  more: z.boolean(),
});

/** What the primary answers. */
export type ShownPlan = {
  readonly parent: { readonly number: number; readonly digest: string };
  /** A gateway would take it. */
  readonly usable: boolean;
  readonly problems: readonly PlannedProblem[];
  readonly objects: readonly z.output<typeof objectDifference>[];
  readonly access: z.output<typeof plannedAccess> | null;
  /** Null: no record is kept, or the change cannot be used. */
  readonly clients: PlannedClients | null;
};
