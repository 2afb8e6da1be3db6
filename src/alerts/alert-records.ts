// What gateways share about alerts, as records of the store: what needs somebody at each, what receivers were told, what is silenced.
// Whoever can write to the store can write these; no trust depends on them, and what is not of our form is as good as not there.
import { z } from 'zod';
import { alertKinds, severities } from '../config/alert-kinds.ts';
import { maxPageSize } from '../store/limits.ts';
import type { RecordKind, SharedRecords } from '../store/records.ts';
import type { SaidByGateway } from './fleet.ts';
import type { Alert } from './need.ts';
import type { ReceiverState } from './receiver-state.ts';

export type AlertRecords = Pick<SharedRecords, 'put' | 'find' | 'list' | 'remove'>;

const ms = z.number().nonnegative();

const alertSchema = z.object({
  id: z.string(),
  severity: z.enum(severities),
  kind: z.enum(alertKinds),
  code: z.string(),
  sentence: z.string(),
  consequence: z.string(),
  help: z.string(),
  since: ms,
  object: z.object({ kind: z.string(), id: z.string() }).nullable(),
  happened: z.literal(true).optional(),
  lastSeenAt: ms,
  endedAt: ms.nullable(),
});

const toldSchema = z.object({
  n: z.int(),
  state: z.enum(['firing', 'resolved']),
  severity: z.enum(severities),
  at: ms,
  kind: z.enum(alertKinds),
  code: z.string(),
  gateways: z.array(z.string()),
  sentence: z.string(),
  since: ms,
});

const attemptSchema = z.object({
  at: ms,
  ms,
  ok: z.boolean(),
  status: z.int().nullable(),
  code: z.string(),
  why: z.string(),
});

const receiverSchema = z.object({
  next: z.int(),
  told: z.record(z.string(), toldSchema),
  pending: z
    .object({
      id: z.string(),
      body: z.string(),
      createdAt: ms,
      tries: z.int(),
      nextAt: ms,
      before: z.record(z.string(), toldSchema.nullable()),
    })
    .nullable(),
  failures: z.int(),
  tokens: z.object({ left: z.number(), at: ms }),
  deliveries: z.array(
    z.object({
      id: z.string(),
      createdAt: ms,
      state: z.enum(['pending', 'delivered', 'given_up']),
      summary: z.string(),
      tries: z.int(),
      attempts: z.array(attemptSchema),
    }),
  ),
});

const silenceSchema = z.object({
  alert: z.string(),
  until: ms,
  at: ms,
  actor: z.string(),
  reason: z.string(),
});
export type Silence = z.output<typeof silenceSchema>;

/** A gateway that has said nothing for so long is not heard any more. */
const alertsLastMs = 15 * 60_000;
const receiverLastsMs = 30 * 86_400_000;

export async function publishAlerts(records: AlertRecords, gateway: string, alerts: readonly Alert[]): Promise<void> {
  await records.put({ kind: 'alerts', key: gateway, gateway, bytes: write(alerts), lastsMs: alertsLastMs });
}

/** Also of this one, as it said it last. */
export async function readFleet(records: AlertRecords): Promise<SaidByGateway[]> {
  const all = await listAll(records, 'alerts');
  return all.map(({ key, bytes }) => ({ gateway: key, alerts: (read(z.array(alertSchema), bytes) ?? []) as Alert[] }));
}

export type SavedReceiver = { readonly state: ReceiverState | undefined; readonly version: number };

export async function readReceiver(records: AlertRecords, name: string): Promise<SavedReceiver> {
  const found = await records.find('alert-receiver', name);
  return { state: found && read(receiverSchema, found.bytes), version: found?.version ?? 0 };
}

/** The new version; undefined: somebody else was quicker. */
export async function saveReceiver(
  records: AlertRecords,
  saved: { readonly name: string; readonly gateway: string; readonly state: ReceiverState; readonly version: number },
): Promise<number | undefined> {
  const { name, gateway, state, version } = saved;
  const lastsMs = receiverLastsMs;
  const put = await records.put({ kind: 'alert-receiver', key: name, gateway, bytes: write(state), lastsMs, version });
  return put.outcome === 'put' ? put.record.version : undefined;
}

export async function readSilences(records: AlertRecords, now: number): Promise<Map<string, Silence>> {
  const all = await listAll(records, 'alert-silence');
  const silences = all.flatMap(({ bytes }) => read(silenceSchema, bytes) ?? []);
  return new Map(silences.filter(({ until }) => until > now).map((one) => [one.alert, one]));
}

export async function putSilence(records: AlertRecords, gateway: string, silence: Silence): Promise<void> {
  const lastsMs = Math.max(1, silence.until - silence.at);
  const key = silenceKey(silence.alert);
  await records.put({ kind: 'alert-silence', key, gateway, bytes: write(silence), lastsMs });
}

export async function removeSilence(records: AlertRecords, alert: string): Promise<boolean> {
  return records.remove('alert-silence', silenceKey(alert));
}

/** Ids of alerts may be longer than keys. */
function silenceKey(alert: string): string {
  return alert.length <= 200 ? alert : alert.slice(0, 200);
}

async function listAll(records: AlertRecords, kind: RecordKind) {
  return (await records.list(kind, { limit: maxPageSize })).items;
}

export function write(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

export function read<T>(schema: z.ZodType<T>, bytes: Uint8Array): T | undefined {
  try {
    return schema.safeParse(JSON.parse(Buffer.from(bytes).toString('utf8'))).data;
  } catch {
    return undefined;
  }
}
