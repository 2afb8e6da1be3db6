// Traefik's middlewares as ours. One that guards and has no counterpart is a loss, one that changes answers is a difference.
import type { DraftMap } from '../import/draft.ts';
import type { DraftMiddlewares } from '../import/draft-middlewares.ts';
import type { LossCode } from '../import/losses.ts';
import type { SourceMap, SourceValue } from '../import/source-map.ts';
import { isOfTheGateway, readHeaders } from './headers.ts';
import { durationOf } from './services.ts';
import { isTrue } from './tls-options.ts';

/** What the middlewares of a router come to. */
export type Effects = {
  /** Names of ours, in their order. */
  readonly names: string[];
  /** forwardClientCert.custom. */
  readonly custom: DraftMap[];
  /** retry, cors: keys of the route. */
  readonly keys: DraftMap;
};

const losing: Readonly<Record<string, readonly [LossCode, string]>> = {
  digestauth: ['password_login', 'passwords are taken by basicAuth'],
  inflightreq: ['rate_limit', 'requests at a time are limited for the gateway as a whole (clientLimits.requests)'],
  plugin: ['custom_code', 'plugins are not run'],
  stripprefixregex: ['path_rewrite', 'write rewriteRegex, or {param} in path and rewrite of the route'],
};
const leaving: Readonly<Record<string, string>> = {
  circuitbreaker: 'backends that fail are left out by themselves, and by healthCheck',
  errors: 'pages for errors: errorInterceptor takes texts and files',
  contenttype: 'answers pass as they are',
  grpcweb: 'gRPC-Web is not translated',
};

export class Middlewares {
  readonly #written: SourceMap | undefined;
  readonly #ours: DraftMiddlewares;

  constructor(written: SourceMap | undefined, ours: DraftMiddlewares) {
    this.#written = written;
    this.#ours = ours;
  }

  /** `asked`: the items of `middlewares`. */
  effectsOf(asked: readonly SourceValue[], depth = 0): Effects {
    const effects: Effects = { names: [], custom: [], keys: {} };
    for (const item of asked) this.#add(item, effects, depth);
    return effects;
  }

  #add(item: SourceValue, effects: Effects, depth: number): void {
    const { report } = item.reading;
    const name = item.text?.replace(/@file$/, '') ?? '';
    const written = this.#written?.get(name.toLowerCase())?.map;
    if (written === undefined) {
      if (name.includes('@'))
        report.loses('dynamic_resource', item, item.shown, 'a middleware of another provider is not in these files');
      else
        report.refuse(
          'no_middleware',
          item,
          item.shown,
          'there is no such middleware: without it the route would be open',
        );
      return;
    }
    for (const kind of written.names) {
      const value = written.getEmpty(kind);
      const rule = written.mapOrEmpty(kind);
      if (value === undefined || rule === undefined) continue;
      if (kind === 'chain' && depth < 16) {
        const inner = this.effectsOf(rule.items('middlewares'), depth + 1);
        effects.names.push(...inner.names);
        effects.custom.push(...inner.custom);
        Object.assign(effects.keys, inner.keys);
        report.taken(value, name, 'its middlewares');
      } else this.#read(kind, name, value, rule, effects);
    }
  }

  #read(kind: string, name: string, value: SourceValue, rule: SourceMap, effects: Effects): void {
    const { report } = value.reading;
    const [code, why] = losing[kind] ?? [];
    if (code !== undefined && why !== undefined) {
      readAll(rule);
      report.loses(code, value, `${name}, ${kind}`, why);
      return;
    }
    const left = leaving[kind];
    if (left !== undefined) {
      readAll(rule);
      report.changed(value, `${name}, ${kind}`, left);
      return;
    }
    const made = this.#make(kind, name, value, rule, effects);
    if (made === undefined) return;
    if (made !== '') effects.names.push(made);
    report.taken(value, `${name}, ${kind}`, made === '' ? 'keys of the route' : `middleware ${made}`);
  }

  /** The name of ours; '' where it is none; undefined where it was reported. */
  #make(kind: string, name: string, value: SourceValue, rule: SourceMap, effects: Effects): string | undefined {
    const { report } = value.reading;
    const add = (type: string, ours: DraftMap): string => this.#ours.add(type, ours, name);
    const texts = (key: string): string[] => rule.items(key).flatMap(({ text }) => text ?? []);
    switch (kind) {
      case 'stripprefix':
        rule.get('forceslash');
        return add('stripPrefix', { prefixes: texts('prefixes') });
      case 'addprefix':
        return add('addPrefix', { prefix: rule.text('prefix') ?? '' });
      case 'replacepath':
        return add('rewriteRegex', { pattern: '^.*$', replacement: rule.text('path') ?? '' });
      case 'replacepathregex':
        return add('rewriteRegex', {
          pattern: rule.text('regex') ?? '',
          replacement: (rule.text('replacement') ?? '').replace(/\$(\d)/g, '${$1}'),
        });
      case 'redirectscheme': {
        const port = rule.text('port');
        const permanent = isTrue(rule.get('permanent'));
        return add('redirectScheme', {
          scheme: rule.text('scheme') ?? 'https',
          ...(port !== undefined && { port: Number(port) }),
          ...(permanent && { permanent }),
        });
      }
      case 'redirectregex':
        return this.#redirectRegex(name, value, rule);
      case 'basicauth':
        return this.#basicAuth(name, rule);
      case 'forwardauth':
        return this.#forwardAuth(name, value, rule);
      case 'ipallowlist':
      case 'ipwhitelist': {
        const strategy = rule.get('ipstrategy');
        strategy?.map?.readAll();
        if (strategy !== undefined)
          report.loses(
            'address_rule',
            strategy,
            `${name}, ipStrategy`,
            'whose X-Forwarded-For counts is said once, by proxy.trustedProxies',
          );
        rule.get('rejectstatuscode');
        return add('accessPolicy', { action: 'ALLOW', sourceRanges: texts('sourcerange') });
      }
      case 'ratelimit':
        return this.#rateLimit(name, value, rule);
      case 'buffering': {
        const bytes = Number(rule.text('maxrequestbodybytes') ?? 0);
        readAll(rule);
        return bytes > 0 ? add('bodyLimit', { limit: bytes }) : '';
      }
      case 'compress':
        readAll(rule);
        return add('compress', {});
      case 'retry':
        effects.keys.retry = { attempts: Math.min(10, Math.max(1, Number(rule.text('attempts') ?? 1))) };
        rule.get('initialinterval');
        return '';
      case 'headers': {
        const { edits, cors, toHttps } = readHeaders(rule, name);
        if (toHttps)
          effects.names.push(this.#ours.add('redirectScheme', { scheme: 'https', permanent: true }, 'to-https'));
        if (cors !== undefined) effects.keys.cors = cors;
        if (Object.keys(edits.request).length > 0)
          effects.names.push(this.#ours.add('requestHeaders', edits.request, `${name}-request`));
        if (Object.keys(edits.response).length > 0)
          effects.names.push(this.#ours.add('responseHeaders', edits.response, name));
        return '';
      }
      case 'passtlsclientcert':
        return passClientCert(name, rule, effects);
      default:
        readAll(rule);
        report.loses('request_filter', value, `${name}, ${kind}`, 'a middleware that the importer does not know');
        return undefined;
    }
  }

  #redirectRegex(name: string, value: SourceValue, rule: SourceMap): string | undefined {
    const { report } = value.reading;
    const regex = rule.text('regex') ?? '';
    const replacement = rule.text('replacement') ?? '';
    const permanent = isTrue(rule.get('permanent'));
    // Traefik looks at the whole URL, we at path and query: what stands before the path may be the host of the route only.
    const path = /^\^?https?\??:\/\/(?:[A-Za-z0-9.\\-]+|\[\^\/\]\+)(\/?.*)$/.exec(regex)?.[1];
    if (
      path === undefined ||
      /[()]/.test(regex.slice(0, regex.length - path.length)) ||
      !/^https?:\/\/[A-Za-z0-9.-]+/.test(replacement)
    ) {
      report.loses(
        'request_filter',
        value,
        `${name}, redirectRegex`,
        'an expression over the whole URL: write redirectRegex over path and query, or redirect',
      );
      return undefined;
    }
    const pattern = `^${path.startsWith('/') ? path : `/${path}`}`;
    return this.#ours.add(
      'redirectRegex',
      { pattern, replacement: replacement.replace(/\$(\d)/g, '${$1}'), ...(permanent && { permanent }) },
      name,
    );
  }

  #basicAuth(name: string, rule: SourceMap): string {
    const { report } = rule.reading;
    const users = rule.items('users').flatMap(({ text }) => text ?? []);
    const file = rule.text('usersfile');
    const realm = rule.text('realm');
    const field = rule.get('headerfield');
    if (field !== undefined)
      report.loses(
        'header_edit',
        field,
        field.shown,
        'the backend gets the name in the header username only (forwardUsername)',
      );
    return this.#ours.add(
      'basicAuth',
      {
        ...(realm !== undefined && { realm }),
        ...(users.length > 0 && { users }),
        ...(file !== undefined && { usersFile: file }),
        ...(!isTrue(rule.get('removeheader')) && { forwardCredentials: true }),
      },
      name,
    );
  }

  #forwardAuth(name: string, value: SourceValue, rule: SourceMap): string {
    const { report } = value.reading;
    const asked = rule.get('authrequestheaders');
    const answered = rule.get('authresponseheaders');
    const tls = rule.map('tls');
    const authUrl = rule.text('address') ?? '';
    const ours: DraftMap = { authUrl, forwardedUri: 'path' };
    if (asked !== undefined)
      ours.authRequestHeaders = asked.items.flatMap(({ text = '' }) => (isTold(text) ? [] : text));
    else
      report.changed(
        value,
        `${name}, forwardAuth`,
        'the service gets Authorization, Cookie, User-Agent and Accept of the client, where Traefik sends all: name others in authRequestHeaders',
      );
    if (answered !== undefined) {
      const names = answered.items.flatMap(({ text }) => text ?? []);
      ours.authResponseHeaders = names.filter((one) => !/^(?:authorization|cookie|host)$/i.test(one));
      if (ours.authResponseHeaders.length < names.length)
        report.loses(
          'header_edit',
          answered,
          `${name}, ${answered.shown}`,
          'Authorization, Cookie and Host of a request are never the service’s to set',
        );
    }
    const cookies = rule.get('addauthcookiestoresponse');
    if (cookies !== undefined) ours.addAuthCookiesToResponse = cookies.items.flatMap(({ text }) => text ?? []);
    if (tls !== undefined && authUrl.startsWith('http:')) readAll(tls);
    else if (tls !== undefined) {
      const [ca, cert, key] = [tls.text('ca'), tls.text('cert'), tls.text('key')];
      ours.tls = {
        ...(ca !== undefined && { rootCAs: ca }),
        ...(cert !== undefined && { clientCert: cert }),
        ...(key !== undefined && { clientKey: key }),
      };
      const skip = tls.get('insecureskipverify');
      if (isTrue(skip) && skip !== undefined)
        report.changed(skip, skip.shown, 'the certificate of the service IS verified here');
      const optional = tls.get('caoptional');
      if (optional !== undefined) report.left(optional, optional.shown, 'no certificate is asked for by a client');
    }
    const trust = rule.get('trustforwardheader');
    if (trust !== undefined)
      report.changed(
        trust,
        trust.shown,
        'the service is told what the gateway says of the client, and believes nobody else',
      );
    const pattern = rule.get('authresponseheadersregex');
    if (pattern !== undefined)
      report.loses(
        'header_edit',
        pattern,
        pattern.shown,
        'headers of the answer are named one by one in authResponseHeaders',
      );
    for (const other of [
      'headerfield',
      'forwardbody',
      'maxbodysize',
      'preservelocationheader',
      'preserverequestmethod',
    ]) {
      const one = rule.get(other);
      if (one !== undefined) report.changed(one, one.shown, 'the question is a GET without a body');
    }
    return this.#ours.add('forwardAuth', ours, name);
  }

  /** A bucket of `burst`, filled with `average` in each `period`; ours holds a unit’s worth and `burst` besides. */
  #rateLimit(name: string, value: SourceValue, rule: SourceMap): string | undefined {
    const { report } = value.reading;
    const average = Number(rule.text('average') ?? 0);
    const burst = Number(rule.text('burst') ?? 1);
    const period = durationOf(rule.text('period') ?? '1s');
    const unit = { '1s': 'second', '1m': 'minute', '60s': 'minute', '1h': 'hour' }[period];
    const criterion = rule.map('sourcecriterion');
    const header = criterion?.text('requestheadername');
    const strategy = criterion?.get('ipstrategy') ?? criterion?.get('requesthost');
    strategy?.map?.readAll();
    if (average === 0) {
      report.left(value, `${name}, rateLimit`, 'an average of 0 limits nothing');
      return undefined;
    }
    if (unit === undefined || burst < average || strategy !== undefined) {
      report.loses(
        'rate_limit',
        value,
        `${name}, rateLimit`,
        'the same as rateLimit here only by second, minute or hour, with a burst of at least the average, by address or header',
      );
      return undefined;
    }
    const key: DraftMap = header === undefined ? {} : { keyStrategy: { source: 'header', name: header } };
    return this.#ours.add('rateLimit', { unit, requestsPerUnit: average, burst: burst - average, ...key }, name);
  }
}

/** What the service is told in any case. */
function isTold(name: string): boolean {
  const lower = name.toLowerCase();
  return isOfTheGateway(lower) || ['authorization', 'cookie', 'user-agent', 'accept', 'x-original-url'].includes(lower);
}

function passClientCert(name: string, rule: SourceMap, effects: Effects): string {
  const { report } = rule.reading;
  const pem = rule.get('pem');
  if (isTrue(pem) && pem !== undefined) {
    effects.custom.push({ name: 'X-Forwarded-Tls-Client-Cert', value: 'der' });
    report.changed(
      pem,
      pem.shown,
      'the certificate of the client alone; intermediates are in Client-Cert-Chain (rfc9440)',
    );
  }
  const info = rule.get('info');
  info?.map?.readAll();
  const infoMap = info?.map;
  if (infoMap !== undefined) readAll(infoMap);
  if (info !== undefined)
    report.loses(
      'header_edit',
      info,
      `${name}, info`,
      'X-Forwarded-Tls-Client-Cert-Info is not sent: names in a certificate could add fields there; forwardClientCert.custom has subject, issuer and sans',
    );
  return '';
}

export function readAll(map: SourceMap): void {
  map.readAll();
  for (const name of map.names) {
    const value = map.getEmpty(name);
    if (value?.map !== undefined) readAll(value.map);
    for (const item of value?.node.kind === 'list' ? value.items : []) if (item.map !== undefined) readAll(item.map);
  }
}
