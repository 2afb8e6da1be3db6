// Middlewares that answer in the place of a backend: `response` always, `errorInterceptor` where the backend's answer is an error.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { flag, integer, list, map, text } from './atoms.ts';
import { checkBody, contentTypeKey, plainText, readContentType } from './answer-body.ts';
import { type FilterCommon, filterType } from './filter-type.ts';
import { fixedResponseShape, readFixedResponse } from './fixed-response.ts';
import { key } from './key.ts';
import { pathInStore, refTo } from './material-ref.ts';
import type { PathRef } from './ref.ts';

export const response = filterType({
  kind: 'response',
  names: ['response'],
  guards: true,
  says: 'Answers every request itself.',
  rule: fixedResponseShape,
  read: readFixedResponse,
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
  contentType: contentTypeKey,
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
