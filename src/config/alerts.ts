// `gateway.alerts`: who is told of what needs somebody. Each is a receiver of webhooks: where it is, what signs the messages, what it
// wants to hear of. The URL may be a secret itself (chat services put theirs into the path), so no message shows it.
import type { z } from 'zod';
import { faultTable } from '../base/fault.ts';
import type { Cursor } from '../yaml/cursor.ts';
import { findNearest } from '../yaml/nearest.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { quote } from '../yaml/tree.ts';
import { alertKinds, ownAlertCodes, severities } from './alert-kinds.ts';
import { findSecretMistake, secretHint } from './alert-secrets.ts';
import { closedMap, durationBetween, list, oneOf, oneOrMore, secret, text } from './atoms.ts';
import { parseFetchUrl } from './fetch-url.ts';
import type { AlertReceiverConfig } from './gateway-config.ts';
import { key } from './key.ts';
import { isLoopback } from './listen-address.ts';
import { refTo } from './material-ref.ts';
import { type NamedMaterial, readId } from './named-material.ts';
import { readRef, reportEmpty } from './reading.ts';

const example = 'For example {name: pager, url: "https://alerts.example.com/hook", secretFile: webhook.secret}.';
const maxReceivers = 32;

const tlsShape = closedMap({
  ca: key(text, {
    says: 'CA certificates that verify the receiver: path, PEM text, or base64 of PEM or DER. Default: public CAs.',
    unset: 'those of Node',
    restricts: true,
    page: 'own. `S`. Verifies the receiver.',
  }),
  certificateId: key(text, {
    says: 'Id of gateway.certificates that is shown to the receiver. Default: none is shown.',
    unset: 'none is shown',
    page: 'own. Id of `gateway.certificates` that is shown to the receiver (mutual TLS).',
  }),
});

export const receiverShape = closedMap({
  name: key(text, {
    says: 'Unique name: letters, digits, dots, dashes, underscores. Required.',
    unset: 'required',
    page: 'own. Unique; letters, digits, `.`, `-`, `_`.',
  }),
  url: key(secret(text), {
    says: 'Where messages are sent: https://, or http:// to this machine. Required.',
    unset: 'required',
    page: 'own. `https://…`; `http://` to this machine alone. Redirects are not followed. Nobody is shown more of it than its host.',
  }),
  secret: key(oneOrMore(secret(text)), {
    says: 'What messages are signed with, at least 16 characters; two while one replaces the other.',
    unset: 'this or `secretFile`',
    restricts: true,
    page: 'own. What [messages are signed](alerts.md#signatures) with, better as `${VARIABLE}`; a list of two while one replaces the other.',
  }),
  secretFile: key(text, {
    says: 'File with the secret, or two of them, one a line.',
    restricts: true,
    page: 'own. A file with it; two lines while one replaces the other. Read again when it changes.',
  }),
  format: key(oneOf(['json', 'slack']), {
    says: 'json: as docs/alerts.md says. slack: for an incoming webhook of Slack or what understands the same. Default {default}.',
    default: 'json',
    page: 'own. `json`: [our own](alerts.md#messages). `slack`: text for an incoming webhook of Slack, or of what understands the same; needs no `secret`.',
  }),
  on: key(list(text), {
    says: 'Kinds or codes of alerts. Default: all.',
    unset: 'all',
    restricts: true,
    page: 'own. [Kinds or codes](alerts.md#what-raises-an-alert) of alerts that it is told of.',
  }),
  severity: key(oneOf(severities), {
    says: 'The least that it is told of: failing, degraded or due. Default {default}.',
    default: 'due',
    page: 'own. The least that it is told of: `failing`, then `degraded`, then `due`.',
  }),
  tls: key(tlsShape, {
    says: 'CAs that verify the receiver, and a certificate that it is shown.',
    // Hints for a `tls` that stands elsewhere are about traffic.
    untold: true,
    example: 'For example tls: {ca: receiver-ca.crt, certificateId: gateway-client}.',
  }),
  timeout: key(durationBetween('1s', '20s'), {
    says: 'For one attempt, from the name to the status, {min} to {max}. Default {default}.',
    default: '10s',
    page: 'own. For one attempt, from the name to the status, `{min}` to `{max}`.',
  }),
  repeatEvery: key(durationBetween('5m', '168h'), {
    says: 'How often it is reminded of what lasts, {min} to {max}. Default {default}.',
    default: '4h',
    page: 'own. How often it is reminded of what lasts, `{min}` to `{max}`.',
  }),
});
type ReceiverShape = z.output<typeof receiverShape>;

export const alertsKey = key(list(receiverShape), {
  says: 'Receivers of webhooks that are told of what needs somebody.',
  default: [],
  page: 'own. Webhooks that are told of [what needs somebody](alerts.md).',
  oursAlone: true,
  example: `For example alerts: [${example.slice('For example '.length, -1)}].`,
  table: 'gatewayalerts',
});

/** `around`: `gateway`. What is wrong is reported, and left out. */
export function readAlerts(
  shapes: readonly ReceiverShape[],
  around: Cursor,
  named: NamedMaterial,
  problems: ProblemList,
): AlertReceiverConfig[] {
  const at = around.down('alerts');
  if (shapes.length > 0 && !around.has('store'))
    problems.error(
      'missing_store',
      around.keyPlace('alerts'),
      'alerts are sent by the control process, and without a store there is none',
      'Write gateway.store: {url: "sqlite:countersign.db"}, or remove alerts.',
    );
  if (shapes.length > maxReceivers)
    problems.error('too_many', at.place, `more than ${maxReceivers} receivers`, 'Let one of them pass messages on.');
  const names = new Set<string>();
  return shapes.flatMap((shape, i) => {
    const here = at.down(i);
    const name = readId(shape.name, here, 'receiver', problems, 'name');
    if (names.has(name) && name !== '')
      problems.error(
        'duplicate_name',
        here.down('name').place,
        `two receivers are called ${quote(name)}`,
        'Messages that wait for a receiver are kept under its name: give each its own.',
      );
    names.add(name);
    return readReceiver(name, shape, here, named, problems) ?? [];
  });
}

function readReceiver(
  name: string,
  shape: ReceiverShape,
  at: Cursor,
  named: NamedMaterial,
  problems: ProblemList,
): AlertReceiverConfig | undefined {
  const url = readUrl(shape.url, at, problems);
  const secrets = readSecrets(shape, at, problems);
  const on = readOn(shape.on, at, problems);
  if (shape.tls === undefined) reportEmpty(at, 'tls', problems);
  const tlsAt = at.down('tls');
  const ca = readRef(shape.tls?.ca, tlsAt, 'ca', problems);
  if (shape.tls?.certificateId === undefined) reportEmpty(tlsAt, 'certificateId', problems);
  const certificate =
    shape.tls?.certificateId === undefined
      ? undefined
      : named.findCertificate(shape.tls.certificateId, tlsAt.down('certificateId'), problems);
  if (url?.startsWith('http:') && shape.tls !== undefined)
    problems.error(
      'contradiction',
      at.keyPlace('tls'),
      'tls is given, and the url is plain HTTP',
      'Write https://, or remove tls.',
    );
  if (url === undefined || secrets === undefined || on === 'wrong' || name === '') return undefined;
  const { format, severity, timeout: timeoutMs, repeatEvery: repeatMs } = shape;
  return { name, url, secrets, format, on, severity, ca, certificate, timeoutMs, repeatMs, place: at.place };
}

function readUrl(value: string | undefined, around: Cursor, problems: ProblemList): string | undefined {
  if (value === undefined || value === '') {
    if (!around.isBroken('url')) problems.error('missing_key', around.place, 'the receiver has no `url`', example);
    return undefined;
  }
  const at = around.down('url');
  const parsed = parseFetchUrl(value);
  if ('problem' in parsed) {
    problems.error('bad_url', at.place, `the url of the receiver: ${parsed.problem}`, example);
    return undefined;
  }
  const { protocol, hostname } = new URL(parsed.url);
  if (protocol === 'https:' || isLoopback(hostname.replace(/^\[|\]$/g, ''))) return parsed.url;
  problems.error(
    'plain_server',
    at.place,
    'the url is plain HTTP: whoever is on the way could read what is wrong here, and keep it from arriving',
    'Write https://; http:// is for 127.0.0.1 alone.',
  );
  return undefined;
}

function readSecrets(
  { secret: written, secretFile, format }: ReceiverShape,
  at: Cursor,
  problems: ProblemList,
): AlertReceiverConfig['secrets'] | undefined {
  for (const name of ['secret', 'secretFile']) reportEmpty(at, name, problems);
  if (written !== undefined && secretFile !== undefined) {
    problems.error('contradiction', at.keyPlace('secretFile'), 'both secret and secretFile are given', 'Keep one.');
    return undefined;
  }
  if (secretFile !== undefined && secretFile !== '') return refTo(secretFile, at.down('secretFile'));
  const given = written ?? [];
  if (given.length === 0) {
    if (format === 'slack' && !at.has('secret') && !at.has('secretFile')) return [];
    if (!at.isBroken('secret') && !at.isBroken('secretFile') && !at.isEmpty('secret') && !at.isEmpty('secretFile'))
      problems.error(
        'missing_key',
        at.place,
        'the receiver has no `secret`: it could not tell our messages from those of others',
        'Give secret: ${VARIABLE}, or secretFile: FILE; openssl rand -base64 32 makes one.',
      );
    return undefined;
  }
  const mistake = findSecretMistake(given);
  if (mistake === undefined) return given;
  problems.error('weak_secret', at.down('secret').place, `secret ${mistake}`, secretHint);
  return undefined;
}

const known: readonly string[] = [...alertKinds, ...ownAlertCodes, ...Object.keys(faultTable)];

/** Undefined: all. */
function readOn(
  on: readonly string[] | undefined,
  around: Cursor,
  problems: ProblemList,
): readonly string[] | undefined | 'wrong' {
  if (on === undefined) {
    reportEmpty(around, 'on', problems);
    return around.has('on') ? 'wrong' : undefined;
  }
  if (on.length === 0) {
    if (!around.isBroken('on'))
      problems.error(
        'empty_list',
        around.keyPlace('on'),
        'on is an empty list: the receiver would be told of nothing',
        'List kinds or codes, or remove the key for all.',
      );
    return 'wrong';
  }
  const at = around.down('on');
  const unknown = on.flatMap((one, i) => (known.includes(one) ? [] : [{ one, here: at.down(i) }]));
  for (const { one, here } of unknown) {
    const near = findNearest(one, known);
    problems.error(
      'wrong_value',
      here.place,
      `${here.showable ? quote(one) : 'this'} is no kind and no code of an alert`,
      near === undefined ? `Kinds: ${alertKinds.join(', ')}.` : `Did you mean ${near}?`,
    );
  }
  return unknown.length === 0 ? on : 'wrong';
}
