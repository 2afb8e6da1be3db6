// Traefik's middlewares as ours. One that guards and has no counterpart is a loss, one that changes answers is a difference.
import type { DraftMap } from '../import/draft.ts';
import type { DraftMiddlewares } from '../import/draft-middlewares.ts';
import type { LossCode } from '../import/losses.ts';
import type { SourceMap, SourceValue } from '../import/source-map.ts';
import { readHeaders } from './headers.ts';
import { readAll } from './read-all.ts';
import { basicAuth, forwardAuth, rateLimit, redirectRegex } from './rules.ts';
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
    const addOwn = (type: string, ours: DraftMap | undefined): string | undefined => ours && add(type, ours);
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
        return addOwn('redirectRegex', redirectRegex(name, value, rule));
      case 'basicauth':
        return addOwn('basicAuth', basicAuth(rule));
      case 'forwardauth':
        return addOwn('forwardAuth', forwardAuth(name, value, rule));
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
        return addOwn('rateLimit', rateLimit(name, value, rule));
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
