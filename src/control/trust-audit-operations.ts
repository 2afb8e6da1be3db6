// The quarterly review of whom the gateways trust: as it is now, and as it was recorded with a decision for each anchor. What is
// recorded stands in the audit log by its digest, so that it can be proven later from the file that somebody kept.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { decisions, reviewToCsv } from '../audit/review-file.ts';
import { findingCodes } from '../audit/trust-review.ts';
import { dayMs } from '../base/clock.ts';
import type { AuditEntry } from '../store/audit.ts';
import { canonicalJson } from '../store/canonical-json.ts';
import { recordLimits } from '../store/limits.ts';
import { ApiProblem } from './api-problem.ts';
import { reasonText } from './change-answer.ts';
import { auditActor } from './caller.ts';
import type { ControlContext } from './control-context.ts';
import { type Operation, operation } from './operation.ts';
import { openCursor, pageOf, pageQuery, showPage } from './pages.ts';

const subject = 'trust-audit';
const action = 'trust.review';
const kind = 'trust-audit';
/** Longer than anybody has to show one. */
const keptMs = 3_650 * dayMs;
const maxDecisions = 5_000;

const time = z.iso.datetime();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const storeKind = z.enum(['bundle', 'policy']);

const anchor = z.strictObject({
  subject: z.string(),
  issuer: z.string(),
  serial: z.string(),
  sha256,
  notBefore: time,
  notAfter: time,
  key: z.string(),
  signature: z.string().describe('With what it was signed.'),
  clients: z.int().nullable().describe('Certificates that it vouched for; null: nobody counts.'),
  handshakes: z.int().nullable(),
  lastUsed: time.nullable().describe('When it vouched for somebody last.'),
  usedAt: z.array(z.strictObject({ gateway: z.string(), lastUsed: time })),
  identities: z
    .array(
      z.strictObject({
        name: z.string(),
        sha256: z.string(),
        serial: z.string(),
        lastAccepted: time,
        gateways: z.array(z.string()),
      }),
    )
    .describe('For whom, the latest first, at most 20.'),
  findings: z.array(z.strictObject({ code: z.enum(findingCodes), detail: z.string() })).describe('The worst first.'),
});

const review = z.strictObject({
  at: time,
  staleDays: z.int(),
  since: time.nullable().describe('Since when clients are remembered; null: nowhere.'),
  gateways: z
    .array(z.strictObject({ name: z.string(), since: time, written: time }))
    .describe('Whose records are counted.'),
  stores: z.array(
    z.strictObject({
      kind: storeKind.describe('policy: CAs that stand with a policy and in no bundle.'),
      id: z.string(),
      policies: z.array(z.string()).describe('Whose clients it vouches for; none: only backends are verified by it.'),
      anchors: z.array(anchor).describe('The worst first.'),
    }),
  ),
});

const decision = z.strictObject({
  store: z.strictObject({ kind: storeKind, id: z.string().max(200) }),
  sha256,
  decision: z.enum(decisions),
  note: z.string().max(500).default(''),
});

const recorded = z.strictObject({
  id: z.string(),
  at: time,
  by: z.string(),
  reason: z.string(),
  anchors: z.int(),
  findings: z.int().describe('Anchors with at least one.'),
  decided: z.strictObject({ keep: z.int(), remove: z.int(), ask: z.int() }),
  digest: z.string().describe('SHA-256 of the document as canonical JSON (RFC 8785), as the audit log has it.'),
  entry: z.int().describe('Number of the entry in the audit log.'),
});

const document = z.strictObject({
  id: z.string(),
  at: time,
  by: z.string(),
  reason: z.string(),
  review,
  decisions: z.array(decision),
});
type Document = z.output<typeof document>;

const staleDays = z.coerce.number().int().min(1).max(3_650).default(90).describe('Stale: no client in so many days.');

const previewTrustAudit = operation({
  id: 'previewTrustAudit',
  method: 'GET',
  path: '/trust-audits:preview',
  act: 'trustAudits.read',
  summary:
    'Per trust store each anchor, whom it vouched for and when last at which gateway, and what is wrong with it.',
  query: z.strictObject({ staleDays }),
  answer: { status: 200, body: review },
  examples: [
    { name: 'now', status: 200 },
    { name: 'of a day', query: { staleDays: '1' }, status: 200 },
    { name: 'of no day', query: { staleDays: '0' }, status: 422 },
  ],
  run: async ({ context, query }) => ({ status: 200, body: await context.ask('review', query) }),
});

const recordTrustAudit = operation({
  id: 'recordTrustAudit',
  method: 'POST',
  path: '/trust-audits',
  act: 'trustAudits.record',
  summary: 'Records the review as it is now with the decisions, in the audit log and as a document to keep.',
  body: z.strictObject({
    staleDays: z.int().min(1).max(3_650).default(90),
    reason: reasonText.refine((text) => text.trim() !== '', 'say what this audit was for'),
    decisions: z.array(decision).max(maxDecisions).default([]),
  }),
  repeatable: { secrets: [] },
  answer: { status: 201, body: recorded },
  examples: [
    { name: 'without decisions', body: { reason: 'third quarter' }, status: 201 },
    { name: 'without a reason', body: {}, status: 422 },
    { name: 'with an empty reason', body: { reason: ' ' }, status: 422 },
    {
      name: 'about an anchor that there is not',
      body: {
        reason: 'x',
        decisions: [{ store: { kind: 'bundle', id: 'none' }, sha256: '0'.repeat(64), decision: 'keep' }],
      },
      status: 422,
    },
  ],
  run: async ({ context, caller, body, confirm }) => {
    const { store, clock, gateway } = context;
    const shown = await context.ask('review', { staleDays: body.staleDays });
    checkDecisions(shown.stores, body.decisions);
    const at = new Date(clock.now()).toISOString();
    const { actor } = auditActor(caller);
    const draft = { at, by: actor, reason: body.reason, review: shown, decisions: sortDecisions(body.decisions) };
    const id = `${at.slice(0, 10)}-${digestOf(draft).slice(0, 12)}`;
    const made: Document = { id, ...draft };
    const text = canonicalJson(made);
    const bytes = Buffer.from(text);
    if (bytes.length > recordLimits[kind].maxBytes)
      throw new ApiProblem(
        'full',
        `The document has ${bytes.length} bytes; ${recordLimits[kind].maxBytes} are allowed.`,
      );
    await confirm();
    // First what is proven, then the proof: a document without an entry is nothing.
    await store.records.put({ kind, key: id, gateway, bytes, lastsMs: keptMs });
    const entry = await store.audit.note({
      ...auditActor(caller, body.reason),
      action,
      subject,
      detail: { id, digest: digestOf(made), ...summarize(made) },
    });
    return { status: 201, body: showEntry(entry), fields: { location: `/api/v1/trust-audits/${id}` } };
  },
});

const listTrustAudits = operation({
  id: 'listTrustAudits',
  method: 'GET',
  path: '/trust-audits',
  act: 'trustAudits.read',
  summary: 'Reviews that were recorded, newest first.',
  query: pageQuery,
  answer: { status: 200, body: pageOf(recorded) },
  examples: [{ name: 'all', status: 200 }],
  run: async ({ context: { store }, query: { limit, cursor } }) => {
    const page = await store.audit.list({ limit, cursor: openCursor('trust-audits', cursor), subject });
    const items = page.items.filter(isReview);
    return { status: 200, body: showPage('trust-audits', { ...page, items }, showEntry) };
  },
});

const example = { params: { id: 'there-is-none' } };

const getTrustAudit = operation({
  id: 'getTrustAudit',
  method: 'GET',
  path: '/trust-audits/{id}',
  act: 'trustAudits.read',
  summary: 'A review as it was recorded, verified against its digest in the audit log.',
  answer: { status: 200, body: document },
  examples: [{ name: 'none', ...example, status: 404 }],
  run: async ({ context, params }) => ({ status: 200, body: await readDocument(context, params['id'] ?? '') }),
});

const getTrustAuditCsv = operation({
  id: 'getTrustAuditCsv',
  method: 'GET',
  path: '/trust-audits/{id}:csv',
  act: 'trustAudits.read',
  summary: 'The same as CSV (RFC 4180), a line for each anchor.',
  answer: { status: 200, body: z.string(), type: 'text/csv' },
  examples: [{ name: 'none', ...example, status: 404 }],
  run: async ({ context, params }) => {
    const { id, review: shown, decisions: decided } = await readDocument(context, params['id'] ?? '');
    const fields = { 'content-type': 'text/csv; charset=utf-8', 'content-disposition': attachment(`${id}.csv`) };
    return { status: 200, body: reviewToCsv(shown, decided), fields };
  },
});

const attachment = (name: string): string => `attachment; filename="trust-audit-${name}"`;

function isReview({ action: done, detail }: AuditEntry): boolean {
  return done === action && typeof detail?.['id'] === 'string';
}

/** Rejects with `not_found`, also for one that is not what was recorded. */
async function readDocument({ store }: ControlContext, id: string): Promise<Document> {
  const entry = await findEntry(store.audit, id);
  if (entry === undefined) throw new ApiProblem('not_found', 'There is no such review.');
  const digest = entry.detail?.['digest'] as string;
  const found = await store.records.find(kind, id);
  const text = found === undefined ? '' : Buffer.from(found.bytes).toString('utf8');
  if (createHash('sha256').update(text).digest('hex') === digest) return document.parse(JSON.parse(text));
  const why = found === undefined ? 'is not there any more' : 'is not what was recorded';
  throw new ApiProblem('not_found', `The document ${why}; whoever kept it can prove it by the digest ${digest}.`);
}

async function findEntry(audit: ControlContext['store']['audit'], id: string): Promise<AuditEntry | undefined> {
  let cursor: string | undefined;
  do {
    const page = await audit.list({ subject, limit: 100, ...(cursor !== undefined && { cursor }) });
    const found = page.items.find((entry) => isReview(entry) && entry.detail?.['id'] === id);
    if (found !== undefined) return found;
    cursor = page.next;
  } while (cursor !== undefined);
  return undefined;
}

function checkDecisions(stores: z.output<typeof review>['stores'], decided: Document['decisions']): void {
  const known = new Set(
    stores.flatMap(({ kind: of, id, anchors }) => anchors.map((one) => `${of} ${id} ${one.sha256}`)),
  );
  const errors = decided.flatMap(({ store, sha256: digest }, at) =>
    known.delete(`${store.kind} ${store.id} ${digest}`)
      ? []
      : [
          {
            pointer: `/decisions/${at}`,
            code: 'not_found',
            detail: 'There is no such anchor, or it stands here twice.',
          },
        ],
  );
  if (errors.length > 0) throw new ApiProblem('invalid', 'Decide about anchors of the review.', { errors });
}

function sortDecisions(decided: Document['decisions']): Document['decisions'] {
  const keyOf = (one: Document['decisions'][number]): string => `${one.store.kind} ${one.store.id} ${one.sha256}`;
  return decided.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

function summarize({ review: shown, decisions: decided }: Document) {
  const anchors = shown.stores.flatMap((store) => store.anchors);
  const count = (what: (typeof decisions)[number]): number => decided.filter((one) => one.decision === what).length;
  return {
    anchors: anchors.length,
    findings: anchors.filter(({ findings }) => findings.length > 0).length,
    decided: { keep: count('keep'), remove: count('remove'), ask: count('ask') },
  };
}

function digestOf(value: object): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

function showEntry({ seq, at, actor, reason, detail }: AuditEntry): z.output<typeof recorded> {
  return recorded.parse({ ...detail, at: new Date(at).toISOString(), by: actor, reason: reason ?? '', entry: seq });
}

export const trustAuditOperations: readonly Operation[] = [
  previewTrustAudit,
  recordTrustAudit,
  listTrustAudits,
  getTrustAudit,
  getTrustAuditCsv,
];
