// Handlers of Caddy that go on to the next one, as middlewares of ours.
import type { DraftMap } from '../import/draft.ts';
import type { LossCode } from '../import/losses.ts';
import type { SourceMap } from '../import/source-map.ts';
import { readFieldEdits } from './fields.ts';
import { readAllOf } from './matchers.ts';

export type Filter =
  /** `guards`: without it something would be open. `rewrites`: the path is another one behind it. */
  | {
      readonly kind: 'middlewares';
      readonly middlewares: readonly { readonly type: string; readonly rule: DraftMap }[];
      readonly guards: boolean;
      readonly rewrites: boolean;
    }
  /** Keys of the route. */
  | { readonly kind: 'keys'; readonly keys: DraftMap }
  /** It was reported, and there is nothing to write. */
  | { readonly kind: 'said' };

const said: Filter = { kind: 'said' };
const left: ReadonlyMap<string, string> = new Map([
  ['vars', 'variables, and the folder of files'],
  ['tracing', 'not about who may call'],
  ['log_append', 'logs have keys of their own'],
  ['metrics', 'metrics are on entryPoints.admin'],
  ['push', 'nothing is pushed'],
  ['intercept', 'answers pass as they are'],
  ['templates', 'answers pass as they are'],
]);
const lost: Readonly<Record<string, readonly [LossCode, string]>> = {
  map: ['match_condition', 'what it computes decides nothing here'],
  rate_limit: ['rate_limit', 'write a middleware of type rateLimit'],
  invoke: ['request_filter', 'named routes are not taken over'],
};

export function readFilter(handler: SourceMap): Filter {
  const { report } = handler.reading;
  const name = handler.text('handler') ?? '';
  const why = left.get(name);
  if (why !== undefined) {
    readAllOf(handler);
    report.left(handler, name, why);
    return said;
  }
  switch (name) {
    case 'headers':
      return readHeaders(handler);
    case 'authentication':
      return readAuthentication(handler);
    case 'encode': {
      const encodings = (handler.map('encodings')?.names ?? []).filter((one) => ['zstd', 'br', 'gzip'].includes(one));
      readAllOf(handler);
      return one('compress', encodings.length > 0 ? { encodings } : {}, false);
    }
    case 'request_body': {
      const size = Number(handler.text('max_size') ?? 0);
      readAllOf(handler);
      report.taken(handler, 'request_body', 'maxBodyBytes');
      return size > 0 ? { kind: 'keys', keys: { maxBodyBytes: size } } : said;
    }
    case 'rewrite':
      return readRewrite(handler);
    default: {
      readAllOf(handler);
      const [code, says] = lost[name] ?? ['request_filter', 'a handler that the importer does not know'];
      report.loses(code, handler, name, says);
      return said;
    }
  }
}

function one(type: string, rule: DraftMap, guards: boolean, rewrites = false): Filter {
  return { kind: 'middlewares', middlewares: [{ type, rule }], guards, rewrites };
}

function readHeaders(handler: SourceMap): Filter {
  const request = readFieldEdits(handler.map('request'), 'request').rule;
  const response = readFieldEdits(handler.map('response'), 'response').rule;
  const middlewares = [
    ...(Object.keys(request).length > 0 ? [{ type: 'requestHeaders', rule: request }] : []),
    ...(Object.keys(response).length > 0 ? [{ type: 'responseHeaders', rule: response }] : []),
  ];
  return middlewares.length === 0
    ? said
    : { kind: 'middlewares', middlewares, guards: Object.keys(request).length > 0, rewrites: false };
}

function readAuthentication(handler: SourceMap): Filter {
  const { report } = handler.reading;
  const providers = handler.map('providers');
  const [name, second] = providers?.names ?? [];
  const basic = name === 'http_basic' && second === undefined ? providers?.map('http_basic') : undefined;
  if (basic === undefined) {
    readAllOf(handler);
    report.loses('password_login', handler, `authentication ${name ?? ''}`, 'only http_basic has a counterpart');
    return said;
  }
  const users = basic.maps('accounts').map((account) => {
    const [username, password] = [account.text('username') ?? '', account.text('password') ?? ''];
    account.get('salt');
    // Before 2.8 the hash stands in base64.
    return {
      username,
      password: password.startsWith('$') ? password : Buffer.from(password, 'base64').toString('latin1'),
    };
  });
  const realm = basic.text('realm');
  readAllOf(basic);
  return one('basicAuth', { ...(realm !== undefined && { realm }), users, forwardCredentials: true }, true);
}

function readRewrite(handler: SourceMap): Filter {
  const { report } = handler.reading;
  const prefix = handler.text('strip_path_prefix');
  const uri = handler.text('uri');
  const regexes = handler.maps('path_regexp');
  const others = ['strip_path_suffix', 'uri_substring', 'method', 'query'].flatMap((name) => handler.get(name) ?? []);
  readAllOf(handler);
  const kinds = [prefix, uri, regexes[0], others[0]].filter((kind) => kind !== undefined);
  if (kinds.length !== 1 || others.length > 0) {
    report.loses(
      'path_rewrite',
      handler,
      'rewrite',
      'only a prefix that is taken away, a path, or an expression in its place has a counterpart',
    );
    return said;
  }
  if (prefix !== undefined)
    return one('stripPrefix', { prefixes: [prefix.startsWith('/') ? prefix : `/${prefix}`] }, true, true);
  const [regex, more] = regexes;
  if (regex !== undefined && more === undefined)
    return one(
      'rewriteRegex',
      { pattern: regex.text('find') ?? '', replacement: (regex.text('replace') ?? '').replace(/\$(\d)/g, '${$1}') },
      true,
      true,
    );
  const added = /^(\/[^{}?]*)\{http\.request\.(?:uri|uri\.path)\}$/.exec(uri ?? '')?.[1];
  if (added !== undefined) return one('addPrefix', { prefix: added.replace(/\/+$/, '') }, true, true);
  if (uri !== undefined && /^\/[^{}?]*$/.test(uri))
    return one('rewriteRegex', { pattern: '^.*$', replacement: uri }, true, true);
  report.loses('path_rewrite', handler, `rewrite ${uri ?? ''}`, 'placeholders in it have no counterpart');
  return said;
}
