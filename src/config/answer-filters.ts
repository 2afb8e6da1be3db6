// Middlewares that answer in the place of a backend: `response` always, `errorInterceptor` where the backend's answer is an error.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { flag, integer, list, map, text } from './atoms.ts';
import { fieldMap, readFieldEdits } from './field-edits.ts';
import { type FilterCommon, filterType } from './filter-type.ts';
import { key } from './key.ts';
import { pathInStore, refTo } from './material-ref.ts';
import { reportMistake } from './reading.ts';
import type { PathRef } from './ref.ts';

const maxBody = 65_536;

const plainText = 'text/plain; charset=utf-8';

const contentType = key(text, {
  says: 'Content-Type. Default: of the ending of the file, application/json of JSON, else text/plain.',
  unset: '`application/json` of JSON, the ending of a file, else `text/plain`',
  page: 'Goma. `Content-Type` of the body.',
});

export const response = filterType({
  kind: 'response',
  names: ['response'],
  guards: true,
  says: 'Answers every request itself.',
  rule: map({
    statusCode: key(integer(200, 599), {
      says: 'Default {default}.',
      default: 200,
      page: 'own. Status of the answer.',
    }),
    body: key(text, { says: 'Its text.', default: '', page: 'own. Its text, up to 64 KiB.' }),
    contentType,
    headers: key(fieldMap, {
      says: 'Further fields by name.',
      page: 'own. Further fields by name, without variables.',
    }),
  }),
  read: ({ statusCode, body, contentType: type, headers }, at, problems) => {
    const { set } = readFieldEdits({ setHeaders: headers }, 'response', at, problems, 'headers');
    const variable = set.find(({ value }) => value.some((part) => typeof part !== 'string'));
    if (variable !== undefined)
      problems.error('bad_header', variable.place, `${variable.name}: nothing of a request can stand in it`);
    if (body !== '' && (statusCode === 204 || statusCode === 304))
      problems.error('wrong_value', at.down('body').place, `an answer with the status ${statusCode} has no body`);
    checkBody(body, at.down('body'), problems);
    return {
      statusCode,
      body,
      contentType: body === '' ? undefined : readContentType(type, body, at, problems),
      fields: set.map(({ name, value }): [string, string] => [
        name,
        value.map((part) => (typeof part === 'string' ? part : '')).join(''),
      ]),
    };
  },
});

export type InterceptedError = {
  readonly status: number;
  /** Undefined: the status and its reason. */
  readonly body: string | undefined;
  /** Its text is the body. */
  readonly file: PathRef | undefined;
  readonly contentType: string;
};
export type InterceptorConfig = { readonly errors: readonly InterceptedError[] };

const status = integer(400, 599);

const interceptorKeys = {
  enabled: key(flag, { says: 'Default {default}.', default: true }),
  contentType,
  errors: key(
    list(
      map({
        statusCode: key(status, { says: 'Of the answer that is replaced; required.' }),
        status: key(status, { says: 'Deprecated name of statusCode.', untold: true }),
        code: key(status, { says: 'Deprecated name of statusCode.', untold: true }),
        body: key(text, { says: 'In place of its body. Default: status and reason.' }),
        file: key(text, { says: 'File with what stands in its place.' }),
      }),
    ),
    {
      says: 'Which answers are replaced; required.',
      unset: 'required',
      page: 'Goma. `[{statusCode, body, file}]`: the status stays, `body` or the text of `file` (up to 64 KiB) takes the place of what was there; without both the status and its reason.',
    },
  ),
};
export const interceptorShape = map(interceptorKeys);
export const interceptErrorsShape = list(status);
type InterceptorShape = z.output<typeof interceptorShape>;

export const errorInterceptor = filterType({
  kind: 'errorInterceptor',
  names: ['errorInterceptor'],
  guards: true,
  says: 'Replaces the bodies of errors, so that nothing of what the backend says of them reaches a client. The gateway’s own errors too.',
  rule: interceptorShape,
  read: (rule, at, problems) => {
    if (rule.enabled && rule.errors === undefined && !at.isBroken('errors'))
      problems.error('missing_key', at.place, 'the rule lists no `errors`');
    return readInterceptor(rule, at, problems);
  },
});

type Around = {
  readonly errorInterceptor?: InterceptorShape | undefined;
  readonly interceptErrors?: readonly number[] | undefined;
};
type RouteFilter = FilterCommon & InterceptorConfig & { readonly kind: 'errorInterceptor' };

/** The filter of a route by its own keys, else by the gateway's. */
export function readRouteInterceptor(
  own: { readonly shape: Around; readonly at: Cursor },
  ofGateway: { readonly shape: Around; readonly at: Cursor },
  problems: ProblemList,
): RouteFilter[] {
  for (const { shape, at } of [own, ofGateway]) {
    const here = at.down('errorInterceptor');
    if (shape.errorInterceptor?.enabled === false) return [];
    const read = shape.errorInterceptor && readInterceptor(shape.errorInterceptor, here, problems);
    const older = (shape.interceptErrors ?? []).map((one) => plainError(one));
    const errors = [...(read?.errors ?? []), ...older];
    if (errors.length === 0) continue;
    const place = read === undefined ? at.keyPlace('interceptErrors') : here.place;
    return [
      {
        name: 'errorInterceptor',
        type: 'errorInterceptor',
        paths: undefined,
        guards: true,
        place,
        kind: 'errorInterceptor',
        errors,
      },
    ];
  }
  return [];
}

/** `at`: the block. */
function readInterceptor(shape: InterceptorShape, at: Cursor, problems: ProblemList): InterceptorConfig {
  if (!shape.enabled) return { errors: [] };
  const seen = new Set<number>();
  const errors = (shape.errors ?? []).flatMap((error, i): InterceptedError[] => {
    const here = at.down('errors', i);
    const code = error.statusCode ?? error.status ?? error.code;
    if (code === undefined) {
      if (!['statusCode', 'status', 'code'].some((name) => here.isBroken(name)))
        problems.error('missing_key', here.place, 'the error has no `statusCode`');
      return [];
    }
    if (seen.has(code)) problems.error('duplicate_name', here.place, `the status ${code} stands here twice`);
    seen.add(code);
    if (error.body !== undefined && error.file !== undefined)
      problems.warn('unused_key', here.keyPlace('file'), 'file has no effect beside body, as in Goma');
    const { body } = error;
    if (body !== undefined) checkBody(body, here.down('body'), problems);
    const namesFile = error.file !== undefined && error.file !== '' && body === undefined;
    if (namesFile && here.place.stored !== undefined)
      problems.error('bad_material', here.down('file').place, `file ${pathInStore.problem}`, 'Write body.');
    const file = error.file === undefined || !namesFile ? undefined : refTo(error.file, here.down('file'));
    const type = readContentType(shape.contentType, body ?? '', at, problems, error.file);
    return [{ status: code, body, file, contentType: type }];
  });
  return { errors };
}

function plainError(code: number): InterceptedError {
  return { status: code, body: undefined, file: undefined, contentType: plainText };
}

function checkBody(body: string, at: Cursor, problems: ProblemList): void {
  if (Buffer.byteLength(body) > maxBody)
    problems.error('out_of_range', at.place, `body has more than ${maxBody} bytes`, 'Serve it from a backend.');
}

const typeOfEnding: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  htm: 'text/html; charset=utf-8',
  json: 'application/json',
  xml: 'application/xml',
};

function readContentType(
  written: string | undefined,
  body: string,
  at: Cursor,
  problems: ProblemList,
  file = '',
): string {
  if (written !== undefined && written !== '') {
    if (!/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:[\x20-\x7e]*[\x21-\x7e])?$/.test(written))
      reportMistake(problems, 'bad_header', at.down('contentType'), written, {
        problem: 'is no media type',
        hint: 'For example text/html; charset=utf-8.',
      });
    return written;
  }
  const ending = /\.([a-z]+)$/i.exec(file)?.[1]?.toLowerCase() ?? '';
  return typeOfEnding[ending] ?? (isJson(body) ? 'application/json' : plainText);
}

function isJson(body: string): boolean {
  if (!/^\s*[[{]/.test(body)) return false;
  try {
    JSON.parse(body);
    return true;
  } catch {
    return false;
  }
}
