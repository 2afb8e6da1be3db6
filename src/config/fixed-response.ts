// `response` of a route: an answer of the gateway's own in place of backends.
import type { z } from 'zod';
import { FieldKind, isToken, kindOf } from '../http/field.ts';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { integer, list, map, text } from './atoms.ts';
import type { FixedResponseConfig } from './gateway-config.ts';
import { key } from './key.ts';
import { type Mistake, reportMistake } from './reading.ts';

const maxBody = 65_536;
const maxFields = 64;

const fieldShape = map({
  name: key(text, { says: 'Name of the field.' }),
  value: key(text, { says: 'Its value.', default: '' }),
});

export const fixedResponseShape = map({
  status: key(integer(200, 599), {
    says: 'Status code. Default {default}.',
    default: 200,
    page: 'own, as `direct_response` of Envoy. Status of an answer that the gateway gives itself; the route then has no `target` and no `backends`. See [Fixed answers](#fixed-answers).',
  }),
  headers: key(list(fieldShape), {
    says: 'Further fields of the answer.',
    default: [],
    page: '`[{name, value}]`: further fields.',
  }),
  body: key(text, {
    says: 'Text of the answer.',
    default: '',
    page: `Text, up to ${maxBody} bytes; a HEAD is answered without it.`,
  }),
  contentType: key(text, {
    says: 'Default {default}; without a body none.',
    default: 'text/plain; charset=utf-8',
    page: 'Of `body`.',
  }),
});
type FixedResponseShape = z.output<typeof fixedResponseShape>;

export const fixedResponseKey = key(fixedResponseShape, {
  says: 'An answer of the gateway itself; the route then has no backends.',
  example: 'For example response: {status: 404, body: nothing here}.',
});

/** Statuses whose answers have no body (RFC 9110 sections 15.3.5, 15.3.6, 15.4.5). */
const bodiless: ReadonlySet<number> = new Set([204, 205, 304]);

/** `around`: the route. */
export function readFixedResponse(
  shape: FixedResponseShape | undefined,
  around: Cursor,
  problems: ProblemList,
): FixedResponseConfig | undefined {
  if (shape === undefined) {
    if (around.isEmpty('response'))
      problems.error(
        'empty_value',
        around.keyPlace('response'),
        'response is written but has no value',
        'Give its keys, or remove it.',
      );
    return undefined;
  }
  const at = around.down('response');
  for (const name of ['target', 'destination', 'backends'] as const)
    if (around.has(name))
      problems.error(
        'two_answers',
        around.keyPlace(name),
        `the route has both \`response\` and \`${name}\``,
        'Remove one of them.',
      );
  const { status, headers, body, contentType } = shape;
  if (Buffer.byteLength(body) > maxBody)
    problems.error('too_many', at.keyPlace('body'), `the body is longer than ${maxBody} bytes`);
  if (body !== '' && bodiless.has(status))
    problems.error(
      'bad_status',
      at.keyPlace('body'),
      `an answer with status ${status} has no body`,
      'Remove it, or write another status.',
    );
  if (headers.length > maxFields) problems.error('too_many', at.keyPlace('headers'), `more than ${maxFields} fields`);
  const typeMistake = mistakeInValue(contentType);
  if (typeMistake !== undefined)
    reportMistake(problems, 'bad_header', at.down('contentType'), contentType, typeMistake);
  const fields = headers.flatMap(({ name = '', value }, i): [string, string][] => {
    const here = at.down('headers', i);
    const mistake = mistakeInName(name);
    const valueMistake = mistakeInValue(value);
    if (mistake !== undefined) reportMistake(problems, 'bad_header', here.down('name'), name, mistake);
    if (valueMistake !== undefined) reportMistake(problems, 'bad_header', here.down('value'), value, valueMistake);
    return mistake === undefined && valueMistake === undefined ? [[name, value]] : [];
  });
  return { status, fields: body === '' ? fields : [['Content-Type', contentType], ...fields], body };
}

function mistakeInName(name: string): Mistake | undefined {
  const lower = name.toLowerCase();
  if (!isToken(name))
    return { problem: 'is not the name of a field', hint: 'For example {name: Cache-Control, value: no-store}.' };
  if (lower === 'content-type') return { problem: 'has a key of its own', hint: 'Write contentType.' };
  if (kindOf(lower) !== FieldKind.plain || lower === 'date')
    return { problem: 'is written by the gateway itself', hint: 'Remove it.' };
  return undefined;
}

function mistakeInValue(value: string): Mistake | undefined {
  return value.length > 8192 || /[^\t\x20-\x7e]/.test(value) || value !== value.trim()
    ? { problem: 'cannot be the value of a field', hint: 'Printable ASCII without blanks around it.' }
    : undefined;
}
