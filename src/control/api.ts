// The API: every operation as a route of Hono, with what is the same for all of them around it. Takes a request that is read
// (serve-requests.ts) and answers always, with problem details where something is wrong.
import { Hono } from 'hono';
import { TrieRouter } from 'hono/router/trie-router';
import { z } from 'zod';
import { StoreProblem, type StoreProblemCode } from '../store/store-problem.ts';
import { ApiProblem, type ApiProblemCode } from './api-problem.ts';
import { type Caller, cookieValue, findCaller, requireAct } from './caller.ts';
import { etagOf, listHolds, quoteEtag, requireIfMatch } from './conditional.ts';
import type { ControlContext } from './control-context.ts';
import { refuseCrossSite } from './cross-site.ts';
import type { ShownCertificate } from './messages.ts';
import { makeOpenApi } from './openapi.ts';
import type { Answer, Call, Operation } from './operation.ts';
import { checkShape, readForm, readJson } from './read-body.ts';
import { answerOnce } from './repeats.ts';

export const apiBase = '/api/v1';

/** What a request brings beside itself. */
export type RequestBindings = {
  readonly remote: string;
  readonly authority: string;
  /** The client certificate of the connection; undefined: none was shown, or none is asked for. */
  readonly certificate?: ShownCertificate | undefined;
};
type Env = { Bindings: RequestBindings };

export type Api = { fetch(request: Request, bindings: RequestBindings): Promise<Response> };

export function createApi(operations: readonly Operation[], context: ControlContext): Api {
  const app = new Hono<Env>({ router: new TrieRouter() });
  // Made where somebody asks for it: it would be a good part of what a start costs.
  let document: string | undefined;
  app.get(`${apiBase}/openapi.json`, (c) => {
    document ??= JSON.stringify(makeOpenApi(operations));
    return respond({ status: 200, body: document, etag: etagOf(document) }, c.req.raw);
  });
  // Where `/things/{id}` would also match `/things/x:act`, the longer one has its turn first.
  const paths = [...new Set(operations.map(({ path }) => path))].toSorted(
    (a, b) => Number(isAct(b)) - Number(isAct(a)),
  );
  for (const path of paths) {
    const here = operations.filter((one) => one.path === path);
    const pattern = apiBase + honoPath(path);
    for (const one of here)
      app.on(one.method, pattern, async (c) => {
        const answer = await perform(one, c.req.raw, paramsOf(one, c.req.param()), c.env, context);
        return respond(answer, c.req.raw, one.answer.type);
      });
    app.all(pattern, () => {
      const allow = [
        ...here.map(({ method }) => method),
        ...(here.some(({ method }) => method === 'GET') ? ['HEAD'] : []),
      ];
      throw new ApiProblem('method_not_allowed', `Here: ${allow.join(', ')}.`, { fields: { allow: allow.join(', ') } });
    });
  }
  app.notFound((c) => refuse(new ApiProblem('not_found', `There is nothing at ${c.req.path.slice(0, 200)}.`)));
  app.onError((error) => refuse(toProblem(error, context)));
  return { fetch: async (request, bindings) => app.fetch(request, bindings) };
}

function isAct(path: string): boolean {
  return path.includes(':');
}

/** `/services/{id}:probe` as Hono writes it: the word behind the colon belongs to the pattern of the parameter. */
function honoPath(path: string): string {
  return path.replace(/\{(\w+)\}:(\w+)$/, ':$1{[^:]+:$2}').replace(/\{(\w+)\}/g, ':$1');
}

function paramsOf({ path }: Operation, params: Readonly<Record<string, string>>): Record<string, string> {
  const act = /\}(:\w+)$/.exec(path)?.[1] ?? '';
  const entries = Object.entries(params).map(([name, value]): [string, string] => [
    name,
    value.endsWith(act) ? value.slice(0, value.length - act.length) : value,
  ]);
  return Object.fromEntries(entries);
}

async function perform(
  op: Operation,
  request: Request,
  params: Readonly<Record<string, string>>,
  { remote, authority, certificate }: RequestBindings,
  context: ControlContext,
): Promise<Answer> {
  const field = (name: string): string | undefined => request.headers.get(name) ?? undefined;
  if (op.method !== 'GET') refuseCrossSite({ origin: field('origin'), fetchSite: field('sec-fetch-site'), authority });
  const caller = await callerOf(op, field, certificate, context);
  const ifMatch = field('if-match');
  if (op.conditional) requireIfMatch(ifMatch);
  const query = checkShape(op.query ?? noQuery, queryOf(request), 'query');
  const body = await bodyOf(op, request, field('content-type'));
  const confirm = async (): Promise<void> => void (await callerOf(op, field, certificate, context));
  const stillMay = async (): Promise<void> => void (await callerOf(op, field, certificate, context, false));
  const lastEventId = field('last-event-id');
  const cookie = (name: string): string | undefined => cookieValue(field('cookie'), name);
  const asked = { params, query, body, ifMatch, remote, authority, cookie, lastEventId, certificate };
  const call = { context, caller, confirm, stillMay, ...asked } as Call<never, never, never>;
  const key = op.repeatable && field('idempotency-key');
  if (op.repeatable === undefined || key === undefined || caller === undefined) return op.run(call);
  const { secrets } = op.repeatable;
  const named = Object.entries(body as object).filter(([name]) => !secrets.includes(name));
  // A dry run, and the same for another object, are other requests.
  const once = { key, caller: caller.user.id, operation: op.id, params, query, body: Object.fromEntries(named) };
  return answerOnce(once, context.store.idempotencyKeys, context.clock, async () => op.run(call));
}

/** `isUse`: whoever asks is there, so that his session goes on. */
async function callerOf(
  op: Operation,
  field: (name: string) => string | undefined,
  certificate: ShownCertificate | undefined,
  context: ControlContext,
  isUse = true,
) {
  // Whoever logs in may still have the cookie of a session that has ended.
  if (op.act === 'anybody') return undefined;
  const shown = { authorization: field('authorization'), cookie: field('cookie'), certificate };
  const { store, certificateSessions, clock, signIn } = context;
  const caller: Caller = await findCaller(shown, store, certificateSessions, clock, isUse);
  const may = requireAct(caller, op.act);
  if (may.user.provider !== null) await signIn.require(may.user.provider);
  return may;
}

const noQuery = z.strictObject({});

/** Throws `bad_request` where a name comes twice: which one counts nobody says. */
function queryOf(request: Request): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [name, value] of new URL(request.url).searchParams) {
    if (Object.hasOwn(values, name))
      throw new ApiProblem('bad_request', 'A parameter of the query stands there twice.');
    values[name] = value;
  }
  return values;
}

const jsonType = 'application/json';

async function bodyOf(op: Operation, request: Request, contentType: string | undefined): Promise<unknown> {
  if (op.method === 'GET') return undefined;
  if (op.isForm)
    return checkShape(op.body ?? noQuery, readForm(new Uint8Array(await request.arrayBuffer()), contentType), 'body');
  const types = op.method === 'PATCH' ? ['application/merge-patch+json', jsonType] : [jsonType];
  const value = readJson(new Uint8Array(await request.arrayBuffer()), contentType, types);
  if (op.body !== undefined) return checkShape(op.body, value, 'body');
  if (value !== undefined) throw new ApiProblem('invalid', 'This takes no body.');
  return undefined;
}

function respond(
  { status, body, stream, fields, cookies = [], etag }: Answer,
  request: Request,
  type = jsonType,
): Response {
  const headers = new Headers({ 'cache-control': 'no-store', 'content-type': jsonType, ...fields });
  for (const one of cookies) headers.append('set-cookie', one);
  if (stream !== undefined) {
    headers.set('content-type', type);
    return new Response(stream, { status, headers });
  }
  if (body === undefined) {
    headers.delete('content-type');
    return new Response(null, { status, headers });
  }
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  if (request.method === 'GET' || request.method === 'HEAD' || etag !== undefined) {
    const own = etag ?? etagOf(text);
    headers.set('etag', quoteEtag(own));
    const known = request.headers.get('if-none-match');
    if (request.method === 'GET' && known !== null && listHolds(known, own))
      return new Response(null, { status: 304, headers });
  }
  return new Response(text, { status, headers });
}

export function refuse(problem: ApiProblem): Response {
  const headers = new Headers({
    'cache-control': 'no-store',
    'content-type': 'application/problem+json',
    ...problem.fields,
  });
  return new Response(JSON.stringify(problem.toJson()), { status: problem.status, headers });
}

/** What a store refuses because of what was asked; all else is the store's own trouble. */
const ofStore: Partial<Record<StoreProblemCode, ApiProblemCode>> = {
  invalid: 'invalid',
  gateway_unknown: 'invalid',
  object_refused: 'invalid',
  version_unknown: 'not_found',
  duplicate: 'duplicate',
  in_use: 'in_use',
  full: 'full',
};

export function storeUnavailable({ code, help }: StoreProblem): ApiProblem {
  return new ApiProblem('store_unavailable', help, { members: { store: code }, fields: { 'retry-after': '5' } });
}

function toProblem(error: unknown, { log }: ControlContext): ApiProblem {
  if (error instanceof ApiProblem) return error;
  if (error instanceof StoreProblem) {
    const code = ofStore[error.code];
    if (code !== undefined) return new ApiProblem(code, error.message);
    log.error({ code: error.code, hint: error.help }, `the store: ${error.message}`);
    return storeUnavailable(error);
  }
  log.error({ err: error }, 'internal error: please report this');
  return new ApiProblem('internal', 'The log says more.');
}
