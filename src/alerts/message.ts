// What a receiver is sent: one message for everything that is to be told at one moment. Our own form is version 1 (docs/alerts.md,
// docs/alert-message.schema.json); that of Slack is text.
import { z } from 'zod';
import { alertKinds, severities } from '../config/alert-kinds.ts';

const time = z.iso.datetime();

export const messageAlertSchema = z.strictObject({
  id: z.string().describe('The same as long as it lasts, and when it comes again.'),
  key: z
    .string()
    .describe('`id`, `#` and a number that is another one each time it begins: to tell one time from the next.'),
  state: z
    .enum(['firing', 'worse', 'reminder', 'resolved'])
    .describe('firing: it began. worse: its severity rose. reminder: it still lasts. resolved: it is over.'),
  severity: z.enum(severities).describe('failing: somebody is cut off or refused now. degraded: hidden. due: soon.'),
  kind: z.enum(alertKinds),
  code: z.string(),
  gateways: z.array(z.string()).describe('That say so.'),
  sentence: z.string(),
  consequence: z.string(),
  help: z.string().describe('What to do.'),
  since: time,
  endedAt: time.nullable(),
  object: z.strictObject({ kind: z.string(), id: z.string() }).nullable(),
});
export type MessageAlert = z.output<typeof messageAlertSchema>;

export const messageSchema = z.strictObject({
  version: z.literal(1),
  id: z.string().describe('As the header webhook-id. The same in every attempt: whoever has seen it drops it.'),
  createdAt: time,
  gateway: z.string().describe('Who sends it.'),
  receiver: z.string(),
  test: z.boolean().describe('Somebody tries the receiver: nothing happened.'),
  summary: z.string().describe('One line.'),
  counts: z.strictObject({ firing: z.int(), worse: z.int(), reminder: z.int(), resolved: z.int() }),
  alerts: z.array(messageAlertSchema).describe('Worst first, at most 50.'),
  more: z.int().describe('Alerts that are counted and not listed.'),
});
export type AlertMessage = z.output<typeof messageSchema>;

const maxListed = 50;
const maxText = 500;
const maxSlackLines = 15;

export type MessageHead = Pick<AlertMessage, 'id' | 'gateway' | 'receiver' | 'test'> & { readonly createdAt: number };

export function makeMessage(head: MessageHead, alerts: readonly MessageAlert[]): AlertMessage {
  const counts = { firing: 0, worse: 0, reminder: 0, resolved: 0 };
  for (const { state } of alerts) counts[state] += 1;
  const listed = alerts.slice(0, maxListed).map(cut);
  return {
    version: 1,
    id: head.id,
    createdAt: new Date(head.createdAt).toISOString(),
    gateway: head.gateway,
    receiver: head.receiver,
    test: head.test,
    summary: head.test ? `Test of receiver ${head.receiver}: nothing happened.` : summarise(counts, alerts),
    counts,
    alerts: listed,
    more: alerts.length - listed.length,
  };
}

/** The body that is sent. */
export function writeMessage(message: AlertMessage, format: 'json' | 'slack'): string {
  return JSON.stringify(format === 'json' ? message : { text: slackText(message) });
}

function summarise(counts: AlertMessage['counts'], alerts: readonly MessageAlert[]): string {
  const began = counts.firing + counts.worse;
  const [first] = alerts;
  if (alerts.length === 1 && first !== undefined) return lineOf(first);
  const parts = [
    began > 0 && `${began} ${began === 1 ? 'alert' : 'alerts'} began`,
    counts.reminder > 0 && `${counts.reminder} still ${counts.reminder === 1 ? 'lasts' : 'last'}`,
    counts.resolved > 0 && `${counts.resolved} ${counts.resolved === 1 ? 'is' : 'are'} over`,
  ];
  const said = parts.filter((part) => part !== false).join(', ');
  return first === undefined ? said : `${said}; first: ${lineOf(first)}`.slice(0, maxText);
}

const words = { firing: '', worse: 'Worse: ', reminder: 'Still: ', resolved: 'Over: ' } as const;

function lineOf({ state, gateways, sentence }: MessageAlert): string {
  const who = gateways.length > 1 ? `${gateways.length} gateways: ` : gateways.length === 1 ? `${gateways[0]}: ` : '';
  return `${words[state]}${who}${sentence}`.slice(0, maxText);
}

function cut(alert: MessageAlert): MessageAlert {
  const short = (text: string): string => (text.length > maxText ? `${text.slice(0, maxText)}…` : text);
  const { sentence, consequence, help } = alert;
  return { ...alert, sentence: short(sentence), consequence: short(consequence), help: short(help) };
}

function slackText({ summary, alerts, more }: AlertMessage): string {
  const lines = alerts.slice(0, maxSlackLines).map((one) => `• *${one.severity}* ${plain(lineOf(one))}${remedy(one)}`);
  const rest = more + Math.max(0, alerts.length - maxSlackLines);
  return [
    plain(summary),
    ...(alerts.length > 1 || rest > 0 ? lines : []),
    ...(rest > 0 ? [`and ${rest} more`] : []),
  ].join('\n');
}

function remedy({ state, help }: MessageAlert): string {
  return state === 'resolved' || help === '' ? '' : ` (${plain(help)})`;
}

/** These three begin links, mentions and entities. */
function plain(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
