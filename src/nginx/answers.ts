// `return` and redirecting `rewrite`s as answers of ours: redirects by a middleware, all else as a fixed response.
import type { DraftMap } from '../import/draft.ts';
import type { DraftMiddlewares } from '../import/draft-middlewares.ts';
import type { Directive } from './directive.ts';
import { words } from './directive.ts';
import type { Ledger } from './ledger.ts';
import type { Scope } from './scope.ts';

export type Answer = { readonly response: DraftMap; readonly middleware?: string };

export type AnswerContext = {
  readonly ledger: Ledger;
  readonly middlewares: DraftMiddlewares;
  readonly scope: Scope;
  /** The only name of the server, where it has exactly one: what `$host` is. */
  readonly onlyName: string | undefined;
};

/** undefined: it has no counterpart, which is reported. */
export function readReturn(directive: Directive, context: AnswerContext): Answer | undefined {
  const [first = '', second] = words(directive);
  const isUrl = /^https?:\/\/|^\$scheme:/.test(first);
  const status = isUrl ? 302 : Number(first);
  const text = isUrl ? first : second;
  if (!Number.isInteger(status) || status < 100 || status > 599) {
    context.ledger.refuse('bad_value', directive, 'no status');
    return undefined;
  }
  if ([301, 302, 303, 307, 308].includes(status) && text !== undefined)
    return redirectTo(directive, text, status === 301 || status === 308, context);
  const body = text === undefined ? '' : expand(text, context.scope);
  if (/\$[A-Za-z_{]/.test(body)) {
    context.ledger.changed(directive, `response, with its text as it is written: it holds variables`);
    return { response: fixed(status, body) };
  }
  // 444 closes the connection without a word.
  if (status === 444)
    context.ledger.changed(directive, 'response with status 403: an answer, where nginx says nothing');
  else context.ledger.taken(directive, `response, statusCode ${status}`);
  return { response: fixed(status === 444 ? 403 : status, body) };
}

function fixed(statusCode: number, body: string): DraftMap {
  return { statusCode, ...(body !== '' && { body }) };
}

export function refusal(statusCode = 404): DraftMap {
  return { statusCode };
}

/** `target` may have variables of nginx. */
export function redirectTo(
  directive: Directive,
  target: string,
  permanent: boolean,
  context: AnswerContext,
): Answer | undefined {
  const { ledger, middlewares, onlyName } = context;
  const text = expand(target, context.scope).replace(/\$\{(\w+)\}/g, '$$$1');
  const more = permanent ? { permanent } : {};
  if (
    /^https:\/\/\$(?:host|http_host|server_name)\$request_uri$/.test(text) ||
    /^https:\/\/\$(?:host|http_host|server_name)\$uri\$is_args\$args$/.test(text)
  ) {
    ledger.taken(directive, 'middleware redirectScheme');
    return {
      response: refusal(),
      middleware: middlewares.add('redirectScheme', { scheme: 'https', ...more }, 'to-https'),
    };
  }
  let url = text;
  if (onlyName !== undefined) url = url.replace(/\$(?:host|http_host|server_name)\b/g, onlyName);
  url = url
    .replace(/^\$scheme:\/\//, 'https://')
    .replace(/\$request_uri\b|\$uri\$is_args\$args\b/g, '{request.path}{request.query}');
  url = url.replace(/\$(?:document_)?uri\b/g, '{request.path}').replace(/\$is_args\$args\b/g, '{request.query}');
  if (/\$/.test(url) || !/^(?:https?:\/\/|\/)/.test(url)) {
    ledger.loses(
      'route_left_out',
      directive,
      'the host that clients are sent to has to be written out, and behind it only path and query may stand; answered with 404',
    );
    return { response: refusal() };
  }
  ledger.taken(directive, 'middleware redirect');
  return { response: refusal(), middleware: middlewares.add('redirect', { url, ...more }, 'redirect') };
}

/** Variables that are set once, to a text. */
export function expand(text: string, scope: Scope): string {
  return text.replace(/\$(?:\{(\w+)\}|(\w+))/g, (whole, braced?: string, bare?: string) => {
    return scope.constant(`$${braced ?? bare ?? ''}`) ?? whole;
  });
}
