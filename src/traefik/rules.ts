// Rules of Traefik's middlewares that guard or limit, as the rules of ours: undefined where there is none that does the same, which is
// reported.
import type { DraftMap } from '../import/draft.ts';
import type { SourceMap, SourceValue } from '../import/source-map.ts';
import { isOfTheGateway } from './headers.ts';
import { readAll } from './read-all.ts';
import { durationOf } from './services.ts';
import { isTrue } from './tls-options.ts';

export function redirectRegex(name: string, value: SourceValue, rule: SourceMap): DraftMap | undefined {
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
  return { pattern, replacement: replacement.replace(/\$(\d)/g, '${$1}'), ...(permanent && { permanent }) };
}

export function basicAuth(rule: SourceMap): DraftMap {
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
  return {
    ...(realm !== undefined && { realm }),
    ...(users.length > 0 && { users }),
    ...(file !== undefined && { usersFile: file }),
    ...(!isTrue(rule.get('removeheader')) && { forwardCredentials: true }),
  };
}

export function forwardAuth(name: string, value: SourceValue, rule: SourceMap): DraftMap {
  const { report } = value.reading;
  const asked = rule.get('authrequestheaders');
  const answered = rule.get('authresponseheaders');
  const tls = rule.map('tls');
  const authUrl = rule.text('address') ?? '';
  const ours: DraftMap = { authUrl, forwardedUri: 'path' };
  if (asked !== undefined) ours.authRequestHeaders = asked.items.flatMap(({ text = '' }) => (isTold(text) ? [] : text));
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
  return ours;
}

/** A bucket of `burst`, filled with `average` in each `period`; ours holds a unit’s worth and `burst` besides. */
export function rateLimit(name: string, value: SourceValue, rule: SourceMap): DraftMap | undefined {
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
  return { unit, requestsPerUnit: average, burst: burst - average, ...key };
}

/** What the service is told in any case. */
function isTold(name: string): boolean {
  const lower = name.toLowerCase();
  return isOfTheGateway(lower) || ['authorization', 'cookie', 'user-agent', 'accept', 'x-original-url'].includes(lower);
}
