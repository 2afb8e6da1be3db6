// An answer of the gateway's own in the place of backends: `response` of a route, and the middleware of that type.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { checkBody, contentTypeKey, readContentType } from './answer-body.ts';
import { integer, map, text } from './atoms.ts';
import { fieldMap, readFieldEdits } from './field-edits.ts';
import { key } from './key.ts';

/** An answer of the gateway itself. */
export type FixedResponseConfig = {
  readonly status: number;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: string;
};

export const fixedResponseShape = map({
  statusCode: key(integer(200, 599), {
    says: 'Status of the answer. Default {default}.',
    default: 200,
    page: 'own. Status of the answer.',
  }),
  body: key(text, {
    says: 'Its text.',
    default: '',
    page: 'own. Its text, up to 64 KiB; a HEAD is answered without it.',
  }),
  contentType: contentTypeKey,
  headers: key(fieldMap, {
    says: 'Further fields by name.',
    page: 'own. Further fields by name, without variables.',
  }),
});
type FixedResponseShape = z.output<typeof fixedResponseShape>;

export const fixedResponseKey = key(fixedResponseShape, {
  says: 'An answer of the gateway itself; the route then has no backends.',
  example: 'For example response: {statusCode: 404, body: nothing here}.',
  table: 'routesresponse',
  page: 'own, as `direct_response` of Envoy: the gateway answers itself, and the route has no `target` and no `backends`.',
});

/** Statuses whose answers have no body (RFC 9110 sections 15.3.5, 15.3.6, 15.4.5). */
const bodiless: ReadonlySet<number> = new Set([204, 205, 304]);

/** `at`: the block. */
export function readFixedResponse(
  { statusCode, body, contentType, headers }: FixedResponseShape,
  at: Cursor,
  problems: ProblemList,
): FixedResponseConfig {
  const { set } = readFieldEdits({ setHeaders: headers }, 'response', at, problems, 'headers');
  const variable = set.find(({ value }) => value.some((part) => typeof part !== 'string'));
  if (variable !== undefined)
    problems.error('bad_header', variable.place, `${variable.name}: nothing of a request can stand in it`);
  if (body !== '' && bodiless.has(statusCode))
    problems.error(
      'bad_status',
      at.keyPlace('body'),
      `an answer with status ${statusCode} has no body`,
      'Remove it, or write another status.',
    );
  checkBody(body, at.down('body'), problems);
  const fields = set.map(({ name, value }): [string, string] => [
    name,
    value.map((part) => (typeof part === 'string' ? part : '')).join(''),
  ]);
  const isTyped = fields.some(([name]) => name.toLowerCase() === 'content-type');
  if (body !== '' && !isTyped) fields.unshift(['Content-Type', readContentType(contentType, body, at, problems)]);
  return { status: statusCode, fields, body };
}

/** `around`: the route. */
export function readRouteResponse(
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
  for (const name of ['target', 'destination', 'backends'] as const)
    if (around.has(name))
      problems.error(
        'two_answers',
        around.keyPlace(name),
        `the route has both \`response\` and \`${name}\``,
        'Remove one of them.',
      );
  return readFixedResponse(shape, around.down('response'), problems);
}
