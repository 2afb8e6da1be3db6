// Alerts and who is told of them: the list, silence for a while, and a receiver that somebody tries.
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { makeMessage, writeMessage } from '../alerts/message.ts';
import type { Attempt, ReceiverView } from '../alerts/receiver.ts';
import type { ReceiverState } from '../alerts/receiver-state.ts';
import { severities } from '../config/alert-kinds.ts';
import { maxReasonLength } from '../store/limits.ts';
import { type Alert, alertSchema } from './alerts.ts';
import { ApiProblem } from './api-problem.ts';
import { auditActor } from './caller.ts';
import type { ControlContext } from './control-context.ts';
import { readEvidence } from './evidence.ts';
import { ladderStep, showStep } from './failed-handshake.ts';
import { type Operation, operation } from './operation.ts';
import { cutPage, pageOf, pageQuery, showPage } from './pages.ts';
import { timeOf } from './times.ts';

const time = z.iso.datetime();
const maxSilenceMinutes = 30 * 24 * 60;

const listAlerts = operation({
  id: 'listAlerts',
  method: 'GET',
  path: '/alerts',
  act: 'config.read',
  summary: 'What needs you now at any gateway, worst first, and what ended in the last day.',
  query: pageQuery.extend({ active: z.enum(['true', 'false']).optional() }),
  answer: { status: 200, body: pageOf(alertSchema) },
  examples: [
    { name: 'all', status: 200 },
    { name: 'those that last', query: { active: 'true', limit: '1' }, status: 200 },
  ],
  run: async ({ context, query: { active: wanted, ...page } }) => {
    const { active, ended } = await context.alerts.look(await readEvidence(context));
    const all: readonly Alert[] = wanted === 'true' ? active : wanted === 'false' ? ended : [...active, ...ended];
    return { status: 200, body: showPage('alerts', cutPage('alerts', all, page), (one) => one) };
  },
});

const attempt = z.strictObject({
  at: time,
  durationMs: z.int(),
  ok: z.boolean(),
  status: z.int().nullable().describe('Of the answer; null: there was none.'),
  code: z.string().describe('ok, status (none of 2xx), redirect, or of the fault table.'),
  why: z.string(),
});

const receiverShown = z.strictObject({
  name: z.string(),
  target: z.string().describe('Scheme, host and port: the rest of the URL may be a secret.'),
  format: z.enum(['json', 'slack']),
  signed: z.boolean(),
  certificateId: z.string().nullable().describe('That is shown to it.'),
  on: z.array(z.string()).nullable().describe('Kinds or codes; null: all.'),
  severity: z.enum(severities).describe('The least that it is told of.'),
  timeoutMs: z.int(),
  repeatMs: z.int(),
  failures: z.int().describe('In a row; 0: the last message arrived, or there was none.'),
  nextAttemptAt: time.nullable().describe('Of the message that is on its way; null: there is none.'),
  deliveries: z
    .array(
      z.strictObject({
        id: z.string(),
        createdAt: time,
        state: z.enum(['pending', 'delivered', 'given_up']),
        summary: z.string(),
        tries: z.int(),
        attempts: z.array(attempt).describe('The last ones, latest first.'),
      }),
    )
    .describe('The last messages, latest first.'),
});

const listReceivers = operation({
  id: 'listAlertReceivers',
  method: 'GET',
  path: '/alert-receivers',
  act: 'config.read',
  summary: 'Who is told of alerts, and what became of the last messages.',
  answer: { status: 200, body: z.strictObject({ items: z.array(receiverShown), next: z.null() }) },
  examples: [{ name: 'all', status: 200 }],
  run: async ({ context }) => {
    const { desk } = context.alerts;
    await desk.listen();
    const known = new Map(desk.receivers.map(({ receiver, state }) => [receiver.name, state]));
    const { alertReceivers } = await context.view();
    const items = alertReceivers.map((one) => showReceiver(one, known.get(one.name)));
    return { status: 200, body: { items, next: null } };
  },
});

function showReceiver(receiver: ReceiverView, state: ReceiverState | undefined): z.output<typeof receiverShown> {
  const { name, target, format, signed, certificateId, on, severity, timeoutMs, repeatMs } = receiver;
  return {
    name,
    target,
    format,
    signed,
    certificateId,
    on: on === null ? null : [...on],
    severity,
    timeoutMs,
    repeatMs,
    failures: state?.failures ?? 0,
    nextAttemptAt: state?.pending ? timeOf(state.pending.nextAt) : null,
    deliveries: (state?.deliveries ?? []).map(({ id, createdAt, state: became, summary, tries, attempts }) => ({
      id,
      createdAt: timeOf(createdAt),
      state: became,
      summary,
      tries,
      attempts: attempts.map(showAttempt),
    })),
  };
}

function showAttempt({ at, ms, ok, status, code, why }: Attempt): z.output<typeof attempt> {
  return { at: timeOf(at), durationMs: ms, ok, status, code, why };
}

const silenceAlert = operation({
  id: 'silenceAlert',
  method: 'POST',
  path: '/alerts:silence',
  act: 'alerts.write',
  summary: 'Somebody takes care of it: until then no receiver is told of it, nor reminded. That it is over is told.',
  body: z.strictObject({
    alert: z.string().min(1).max(1_000).describe('Id of one that lasts.'),
    minutes: z.int().min(5).max(maxSilenceMinutes).describe('At most 30 days.'),
    reason: z.string().trim().min(1).max(maxReasonLength).describe('For the others, and the audit log.'),
  }),
  answer: { status: 200, body: alertSchema },
  examples: [
    { name: 'none of this id', body: { alert: 'service:none', minutes: 60, reason: 'being mended' }, status: 404 },
    { name: 'without end', body: { alert: 'service:orders', minutes: 0, reason: 'being mended' }, status: 422 },
    { name: 'without a reason', body: { alert: 'service:orders', minutes: 60, reason: ' ' }, status: 422 },
  ],
  run: async ({ context, caller, body: { alert: id, minutes, reason } }) => {
    await findActive(context, id);
    const { actor } = auditActor(caller);
    const now = context.clock.now();
    const until = now + minutes * 60_000;
    await context.store.audit.note({
      actor,
      reason,
      action: 'alert.silence',
      subject: subjectOf(id),
      detail: { alert: id, until: timeOf(until) },
    });
    await context.alerts.desk.silence({ alert: id, until, at: now, actor, reason });
    return { status: 200, body: await findActive(context, id) };
  },
});

const unsilenceAlert = operation({
  id: 'unsilenceAlert',
  method: 'POST',
  path: '/alerts:unsilence',
  act: 'alerts.write',
  summary: 'Receivers are told of it again.',
  body: z.strictObject({ alert: z.string().min(1).max(1_000) }),
  answer: { status: 204 },
  examples: [{ name: 'none', body: { alert: 'service:none' }, status: 404 }],
  run: async ({ context, caller, body: { alert: id } }) => {
    if (!(await context.alerts.desk.unsilence(id))) throw new ApiProblem('not_found', 'It is not silenced.');
    await context.store.audit.note({ ...auditActor(caller), action: 'alert.unsilence', subject: subjectOf(id) });
    return { status: 204 };
  },
});

async function findActive(context: ControlContext, id: string): Promise<Alert> {
  const { active } = await context.alerts.look(await readEvidence(context));
  const found = active.find((one) => one.id === id);
  if (found === undefined) throw new ApiProblem('not_found', 'No alert of this id lasts.');
  return found;
}

/** Names of the audit log are bounded. */
function subjectOf(id: string): string {
  return `alert/${id}`.slice(0, 200);
}

const testReport = z.strictObject({
  receiver: z.string(),
  target: z.string(),
  id: z.string().describe('Of the message.'),
  delivered: z.boolean(),
  steps: z
    .array(ladderStep)
    .describe('The way to it, up to the step that broke; nothing is sent to one that is not the right one.'),
  attempt: attempt.nullable().describe('Null: it did not come to it.'),
});

const testReceiver = operation({
  id: 'testAlertReceiver',
  method: 'POST',
  path: '/alerts:test',
  act: 'alerts.test',
  summary: 'Sends a message of test to one receiver, and says step by step what happened.',
  body: z.strictObject({ receiver: z.string().min(1).max(200).describe('Name of one of the configuration in force.') }),
  answer: { status: 200, body: testReport },
  examples: [
    { name: 'none of this name', body: { receiver: 'none' }, status: 404 },
    { name: 'an address', body: { receiver: 'pager', url: 'https://x.test/' }, status: 422 },
  ],
  run: async ({ context, caller, body: { receiver: name } }) => {
    const receiver = (await context.view()).alertReceivers.find((one) => one.name === name);
    if (receiver === undefined) throw new ApiProblem('not_found', 'There is no receiver of this name.');
    await context.store.audit.note({ ...auditActor(caller), action: 'alert.test', subject: `alert-receiver/${name}` });
    const id = `msg_test_${randomBytes(12).toString('hex')}`;
    const head = { id, gateway: context.gateway, receiver: name, test: true, createdAt: context.clock.now() };
    const message = writeMessage(makeMessage(head, []), receiver.format);
    const { steps, attempt: tried } = await context.ask('tryReceiver', { receiver: name, id, body: message });
    const body: z.output<typeof testReport> = {
      receiver: name,
      target: receiver.target,
      id,
      delivered: tried?.ok === true,
      steps: steps.map(showStep),
      attempt: tried && showAttempt(tried),
    };
    return { status: 200, body };
  },
});

export const alertOperations: readonly Operation[] = [
  listAlerts,
  listReceivers,
  silenceAlert,
  unsilenceAlert,
  testReceiver,
];
