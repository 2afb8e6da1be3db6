// Traefik's middleware `headers`: fields of requests and answers, the headers that keep browsers in line, and CORS.
import type { DraftMap } from '../import/draft.ts';
import type { SourceMap } from '../import/source-map.ts';
import { isTrue } from './tls-options.ts';

export type HeaderEffects = {
  readonly edits: { readonly request: DraftMap; readonly response: DraftMap };
  readonly cors: DraftMap | undefined;
  /** `sslRedirect`. */
  readonly toHttps: boolean;
};

const plain: Readonly<Record<string, string>> = {
  custombrowserxssvalue: 'X-XSS-Protection',
  contentsecuritypolicy: 'Content-Security-Policy',
  contentsecuritypolicyreportonly: 'Content-Security-Policy-Report-Only',
  referrerpolicy: 'Referrer-Policy',
  permissionspolicy: 'Permissions-Policy',
  featurepolicy: 'Feature-Policy',
  publickey: 'Public-Key-Pins',
  customframeoptionsvalue: 'X-Frame-Options',
};
const flags: Readonly<Record<string, readonly [string, string]>> = {
  framedeny: ['X-Frame-Options', 'DENY'],
  contenttypenosniff: ['X-Content-Type-Options', 'nosniff'],
  browserxssfilter: ['X-XSS-Protection', '1; mode=block'],
};

export function readHeaders(rule: SourceMap, name: string): HeaderEffects {
  const { report } = rule.reading;
  const request = editsOf(rule.map('customrequestheaders'), name);
  const response = editsOf(rule.map('customresponseheaders'), name);
  const set: DraftMap = (response.setHeaders as DraftMap | undefined) ?? {};
  for (const [key, [field, text]] of Object.entries(flags)) if (isTrue(rule.get(key))) put(set, field, text);
  for (const [key, field] of Object.entries(plain)) {
    const text = rule.text(key);
    if (text !== undefined && text !== '') put(set, field, text);
  }
  if (Object.keys(set).length > 0) response.setHeaders = set;
  const seconds = Number(rule.text('stsseconds') ?? 0);
  const force = rule.get('forcestsheader');
  const [includeSubDomains, preload] = [isTrue(rule.get('stsincludesubdomains')), isTrue(rule.get('stspreload'))];
  if (seconds > 0)
    response.hsts = { maxAge: seconds, ...(includeSubDomains && { includeSubDomains }), ...(preload && { preload }) };
  if (isTrue(force) && force !== undefined)
    report.changed(force, force.shown, 'Strict-Transport-Security is sent over TLS only');
  const hosts = rule.get('allowedhosts');
  if (hosts !== undefined)
    report.loses('request_filter', hosts, `${name}, allowedHosts`, 'hosts of the route say which it is for');
  const toHttps = isTrue(rule.get('sslredirect'));
  for (const key of ['ssltemporaryredirect', 'sslhost', 'sslforcehost']) {
    const value = rule.get(key);
    if (value !== undefined && value.text !== 'false')
      report.loses('request_filter', value, `${name}, ${value.shown}`, 'write a middleware of type redirectScheme');
  }
  for (const key of ['hostsproxyheaders', 'sslproxyheaders', 'isdevelopment']) {
    const value = rule.get(key);
    value?.map?.readAll();
    if (value !== undefined)
      report.left(value, `${name}, ${value.shown}`, 'what proxies say counts where proxy.trustedProxies names them');
  }
  return { edits: { request, response }, cors: readCors(rule), toHttps };
}

/** Lower case. */
export function isOfTheGateway(name: string): boolean {
  return /^(?:x-forwarded-(?:for|proto|host|port|uri|method|server|client-cert)|x-real-ip|x-request-id|forwarded|connection|upgrade)$/.test(
    name,
  );
}

/** In place of what stands there in any case. */
function put(fields: DraftMap, name: string, value: string): void {
  for (const other of Object.keys(fields)) if (other.toLowerCase() === name.toLowerCase()) delete fields[other];
  fields[name] = value;
}

/** An empty value takes the field away. */
function editsOf(fields: SourceMap | undefined, name: string): DraftMap {
  const set: DraftMap = {};
  const remove: string[] = [];
  for (const field of fields?.names ?? []) {
    const value = fields?.getEmpty(field);
    const written = field.replace(/(^|-)([a-z])/g, (_, dash: string, letter: string) => dash + letter.toUpperCase());
    const text = value?.text ?? '';
    if (value !== undefined && isOfTheGateway(field))
      value.reading.report.changed(value, `${name}, ${field}`, 'the gateway says this itself');
    else if (text === '') remove.push(written);
    else if (/[{}]/.test(text) && value !== undefined)
      value.reading.report.changed(value, `${name}, ${field}`, 'left out: braces are for variables here');
    else if (field === 'host' && value !== undefined)
      value.reading.report.loses(
        'host_rewrite',
        value,
        `${name}, ${field}`,
        'the backend gets the Host of the client, or that of its endpoint (security.forwardHostHeaders)',
      );
    else set[written] = text;
  }
  return {
    ...(remove.length > 0 && { removeHeaders: remove }),
    ...(Object.keys(set).length > 0 && { setHeaders: set }),
  };
}

function readCors(rule: SourceMap): DraftMap | undefined {
  const { report } = rule.reading;
  const texts = (key: string): string[] => rule.items(key).flatMap(({ text }) => text ?? []);
  const origins = texts('accesscontrolalloworiginlist');
  const pattern = rule.get('accesscontrolalloworiginlistregex');
  if (pattern !== undefined)
    report.changed(pattern, pattern.shown, 'origins are listed one by one, or as https://*.example.com');
  const [methods, headers, exposed] = [
    texts('accesscontrolallowmethods'),
    texts('accesscontrolallowheaders'),
    texts('accesscontrolexposeheaders'),
  ];
  const credentials = isTrue(rule.get('accesscontrolallowcredentials'));
  const age = rule.text('accesscontrolmaxage');
  rule.get('addvaryheader');
  if (origins.length === 0) return undefined;
  return {
    origins,
    ...(methods.length > 0 && { allowMethods: methods }),
    ...(headers.length > 0 && !headers.includes('*') && { allowedHeaders: headers }),
    ...(exposed.length > 0 && { exposeHeaders: exposed }),
    ...(credentials && { allowCredentials: true }),
    ...(age !== undefined && { maxAge: Number(age) }),
  };
}
