// What was changed: the revisions of the store, the audit log.
import { z } from 'zod';
import type { AuditEntry } from '../store/audit.ts';
import type { Revision } from '../store/revision.ts';
import { readRollout } from '../store/rollout.ts';
import { ApiProblem } from './api-problem.ts';
import { type Operation, operation } from './operation.ts';
import { openCursor, pageOf, pageQuery, showPage } from './pages.ts';
import { rolloutSchema, showRollout } from './rollout-shape.ts';

const time = z.iso.datetime();

const change = z.strictObject({
  revision: z.int(),
  at: time,
  actor: z.string(),
  reason: z.string().nullable(),
  digest: z.string(),
  content: z.string(),
  canary: z.array(z.string()).nullable().describe('The gateways that it is in force for; null: all.'),
});

function showChange({ number, at, actor, reason, digest, content, canary }: Revision): z.output<typeof change> {
  const named = canary && [...canary];
  return { revision: number, at: new Date(at).toISOString(), actor, reason, digest, content, canary: named };
}

const listChanges = operation({
  id: 'listChanges',
  method: 'GET',
  path: '/changes',
  act: 'changes.read',
  summary: 'Revisions of the store, newest first.',
  query: pageQuery,
  answer: { status: 200, body: pageOf(change).extend({ rollout: rolloutSchema.nullable() }) },
  examples: [{ name: 'all', status: 200 }],
  run: async ({ context: { store }, query: { limit, cursor } }) => {
    const page = await store.revisions.list({ limit, cursor: openCursor('changes', cursor) });
    const rollout = showRollout(await readRollout(store.revisions));
    return { status: 200, body: { ...showPage('changes', page, showChange), rollout } };
  },
});

const getChange = operation({
  id: 'getChange',
  method: 'GET',
  path: '/changes/{revision}',
  act: 'changes.read',
  summary: 'A revision, and what is different from the one before.',
  answer: {
    status: 200,
    body: change.extend({
      differences: z.array(
        z.strictObject({
          kind: z.string(),
          id: z.string(),
          change: z.enum(['added', 'removed', 'changed']),
          fields: z.array(z.looseObject({ pointer: z.string() })),
          more: z.boolean(),
        }),
      ),
    }),
  },
  examples: [
    { name: 'none', params: { revision: '999999' }, status: 404 },
    { name: 'no number', params: { revision: 'last' }, status: 404 },
  ],
  run: async ({ context: { store }, params: { revision = '' } }) => {
    const found = /^[1-9]\d{0,14}$/.test(revision) ? await store.revisions.find(Number(revision)) : undefined;
    if (found === undefined) throw new ApiProblem('not_found', 'There is no such revision.');
    const differences = (await store.revisions.difference(found.number - 1, found.number)) ?? [];
    return { status: 200, body: { ...showChange(found), differences } };
  },
});

const auditEntry = z.strictObject({
  seq: z.int(),
  at: time,
  actor: z.string(),
  reason: z.string().nullable(),
  action: z.string(),
  subject: z.string(),
  detail: z.looseObject({}).nullable(),
  hash: z.string(),
});

function showEntry({ seq, at, actor, reason, action, subject, detail, hash }: AuditEntry): z.output<typeof auditEntry> {
  return { seq, at: new Date(at).toISOString(), actor, reason, action, subject, detail, hash };
}

const listAudit = operation({
  id: 'listAudit',
  method: 'GET',
  path: '/audit',
  act: 'audit.read',
  summary: 'Who did what, newest first; each entry with the hash of the one before.',
  query: pageQuery.extend({
    subject: z.string().max(200).optional(),
    actor: z.string().max(200).optional(),
  }),
  answer: { status: 200, body: pageOf(auditEntry) },
  examples: [
    { name: 'all', status: 200 },
    { name: 'of one subject', query: { subject: 'setup', limit: '1' }, status: 200 },
  ],
  run: async ({ context: { store }, query: { limit, cursor, subject, actor } }) => {
    const page = await store.audit.list({
      limit,
      cursor: openCursor('audit', cursor),
      ...(subject !== undefined && { subject }),
      ...(actor !== undefined && { actor }),
    });
    return { status: 200, body: showPage('audit', page, showEntry) };
  },
});

export const historyOperations: readonly Operation[] = [listChanges, getChange, listAudit];
