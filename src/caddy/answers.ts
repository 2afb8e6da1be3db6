// `static_response` and `error` of Caddy: redirects by a middleware, all else as a fixed response.
import type { DraftMap } from '../import/draft.ts';
import type { DraftMiddlewares } from '../import/draft-middlewares.ts';
import type { SourceMap } from '../import/source-map.ts';
import { readAllOf } from './matchers.ts';

export type Answer = { readonly keys: DraftMap; readonly middleware?: string };

export function readAnswer(handler: SourceMap, ours: DraftMiddlewares): Answer {
  const { report } = handler.reading;
  const status = Number(handler.text('status_code') ?? (handler.text('handler') === 'error' ? 500 : 200));
  const body = handler.text('body') ?? '';
  const headers = handler.map('headers');
  const location = headers?.items('Location')[0]?.text;
  handler.get('close');
  const abort = handler.get('abort');
  if (headers !== undefined) readAllOf(headers);
  handler.get('error');
  if (location !== undefined && status >= 300 && status < 400) {
    const permanent = status === 301 || status === 308;
    const url = location
      .replaceAll('{http.request.uri}', '{request.path}{request.query}')
      .replaceAll('{http.request.uri.path}', '{request.path}');
    const isScheme = /^https:\/\/\{http\.request\.host(?:port)?\}\{request\.path\}\{request\.query\}$/.test(url);
    if (isScheme || (/^(?:https?:\/\/[^{/]+|\/)/.test(url) && !/\{http\./.test(url))) {
      const name = isScheme
        ? ours.add('redirectScheme', { scheme: 'https', ...(permanent && { permanent }) }, 'to-https')
        : ours.add('redirect', { url, ...(permanent && { permanent }) }, 'redirect');
      report.taken(handler, `redir ${location}`, `middleware ${name}`);
      return { middleware: name, keys: { response: { statusCode: 404 } } };
    }
    report.loses(
      'route_left_out',
      handler,
      `redir ${location}`,
      'the host that clients are sent to has to be written out; answered with 404',
    );
    return { keys: { response: { statusCode: 404 } } };
  }
  if (abort !== undefined) report.changed(abort, 'abort', 'status 403: an answer, where Caddy says nothing');
  const isPlain = !/\{[a-z_.]+\}/.test(body);
  if (!isPlain) report.changed(handler, 'body', 'as it is written: it holds placeholders');
  else report.taken(handler, `respond ${status}`, 'response');
  return {
    keys: {
      response: { statusCode: abort === undefined && status > 0 ? status : 403, ...(body !== '' && { body }) },
    },
  };
}
