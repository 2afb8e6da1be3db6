// The record of seen clients as JSON: one format for the file, the admin listener and `--against FILE`, read strictly, because it
// may come from anywhere. Imported only where there is one to read: zod costs each process a tenth of a second and 10 MB.
import { z } from 'zod';
import { trustRecordVersion } from './record-version.ts';
import type { VerdictCode } from '../trust/verdict.ts';

const text = z.string().max(8192);
const hex = z.string().regex(/^[0-9a-f]{64}$/);
const base64 = z.string().max(512 * 1024);
const time = z.number().min(-8.64e15).max(8.64e15);
const times = z.number().int().min(0);
const name = z.string().max(255).nullable();
const sanType = z.enum(['DNS', 'URI', 'EMAIL', 'IP', 'OTHER_NAME']);

const identity = z.object({
  policy: text,
  /** Of the leaf; with the policy the key. */
  sha256: hex,
  subject: text,
  issuer: text,
  serial: text,
  sans: z.array(z.object({ type: sanType, value: text, oid: text.optional() })).max(100),
  notAfter: time,
  /** Latest last; null: none was sent. */
  serverNames: z.array(name).max(100),
  /** SHA-256 of the anchor that vouched for it last. */
  anchor: hex.nullable(),
  firstSeen: time,
  lastSeen: time,
  lastAccepted: time.nullable(),
  /** Handshakes. */
  accepted: times,
  refused: times,
  /** Of the last handshake. */
  code: text.transform((code) => code as VerdictCode),
  detail: text,
  version: text,
  /** DER in base64; null where it was too large to keep. */
  leaf: base64.nullable(),
  /** SHA-256 of the intermediates that it sent. */
  above: z.array(hex).max(32),
});

const anonymous = z.object({
  policy: text,
  serverName: name,
  version: text,
  accepted: times,
  refused: times,
  firstSeen: time,
  lastSeen: time,
  lastAccepted: time.nullable(),
});

const anchor = z.object({
  policy: text,
  sha256: hex,
  subject: text,
  notAfter: time,
  handshakes: times,
  firstSeen: time,
  lastSeen: time,
});

const record = z.object({
  version: z.literal(trustRecordVersion),
  since: time,
  written: time,
  anchors: z.array(anchor).max(10_000),
  anonymous: z.array(anonymous).max(10_000),
  intermediates: z.record(hex, base64),
  identities: z.array(identity).max(1_000_000),
});

export type SeenIdentity = z.infer<typeof identity>;
/** What one anchor of one policy vouched for. */
export type SeenAnchorTally = z.infer<typeof anchor>;
/** All times are milliseconds since the epoch. */
export type TrustRecordContents = z.infer<typeof record>;

/** Throws an Error with one sentence where the text is no record of this version. */
export function parseTrustRecord(json: string): TrustRecordContents {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new Error('it is not JSON (cut off, perhaps)');
  }
  const version = typeof value === 'object' && value !== null && 'version' in value ? value.version : undefined;
  if (version === undefined) throw new Error('it is not a trust record: it names no version');
  if (version !== trustRecordVersion)
    throw new Error(
      `its version is ${JSON.stringify(version)?.slice(0, 20)}, this program reads ${trustRecordVersion}`,
    );
  const parsed = record.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`it is not a trust record: ${issue?.path.join('.').slice(0, 100)}: ${issue?.message.slice(0, 100)}`);
}
