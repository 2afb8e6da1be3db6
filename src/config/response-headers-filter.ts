// `type: responseHeaders`: fields of answers, cookies, caching, and Strict-Transport-Security.
import { flag, integer, list, map, text } from './atoms.ts';
import { innerCorsShape, readCors } from './cors.ts';
import { cookieShape, readCookies } from './cookies.ts';
import { fieldMap, fieldNames, readFieldEdits } from './field-edits.ts';
import { filterType } from './filter-type.ts';
import { key } from './key.ts';
import { parseTemplate } from './field-template.ts';
import { reportMistake } from './reading.ts';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';

/** A year: what lists that browsers preload ask for. */
const preloadSeconds = 31_536_000;

const hstsKeys = {
  maxAge: key(integer(0, 2_147_483_647), {
    says: 'Seconds. Default {default}.',
    default: preloadSeconds,
    page: 'own. Seconds; `0` takes it back.',
  }),
  includeSubDomains: key(flag, {
    says: 'Default {default}.',
    default: false,
    page: 'own. Counts for all subdomains too.',
  }),
  preload: key(flag, {
    says: 'Default {default}.',
    default: false,
    page: 'own. Asks to be put on the list that browsers ship; needs `includeSubDomains` and a year.',
  }),
};

export const responseHeadersFilter = filterType({
  kind: 'responseHeaders',
  names: ['responseHeaders'],
  guards: false,
  says: 'Changes fields of answers, whatever their status: removes, then sets, then appends. Of several, the one with the longest first path counts last, else the later in the list, as in Goma.',
  rule: map({
    removeHeaders: key(fieldNames, {
      says: 'Names of fields that clients do not get.',
      page: 'own. Names of fields that clients do not get.',
    }),
    setHeaders: key(fieldMap, {
      says: 'Fields by name, in place of what the backend sent. An empty value removes.',
      page: "Goma. Fields by name, in place of the backend's; an empty value removes. [Values](#values-of-header-fields) may name what the request says.",
    }),
    append: key(fieldMap, {
      says: 'Fields by name, beside what the backend sent.',
      page: "own. Fields by name, beside the backend's.",
    }),
    setCookies: key(list(cookieShape), {
      says: 'Cookies for answers of the backend.',
      page: 'Goma. `[{name, value, attributes: {path, domain, maxAge, secure, httpOnly, sameSite}}]`, on answers of the backend. Without a value, or with `maxAge: -1`, the cookie is deleted. `path`: default `/`.',
    }),
    cacheControl: key(text, {
      says: 'Cache-Control of answers of the backend.',
      page: 'Goma. `Cache-Control` of answers of the backend.',
    }),
    cacheStatuses: key(list(integer(200, 599)), {
      says: 'Statuses that cacheControl is for. Default: those that are no errors.',
      unset: '200, 201, 204, 206, 301, 302, 303, 304, 307, 308',
      page: 'Goma. Statuses that `cacheControl` is for.',
    }),
    cors: key(innerCorsShape, {
      says: 'Pages of other origins; only with enabled: true.',
      page: 'Goma. As the middleware [cors](#cors), only with `enabled: true`.',
    }),
    hsts: key(map(hstsKeys), {
      says: 'Strict-Transport-Security, on answers over TLS.',
      page: 'own. `{maxAge: 31536000, includeSubDomains: false, preload: false}`: `Strict-Transport-Security` on answers over TLS and on no others (RFC 6797 section 7.2).',
    }),
  }),
  read: (rule, at, problems) => {
    const edits = readFieldEdits(rule, 'response', at, problems);
    const cacheControl = readCacheControl(rule.cacheControl, at, problems);
    if (rule.cacheStatuses !== undefined && rule.cacheControl === undefined)
      problems.warn('unused_key', at.keyPlace('cacheStatuses'), 'cacheStatuses has no effect without cacheControl');
    const cookies = readCookies(rule.setCookies ?? [], at.down('setCookies'), problems);
    const cors = readCors(rule.cors, at.down('cors'), problems);
    if (rule.cors?.enabled === false && rule.cors.origins.length > 0 && !at.down('cors').holds('enabled'))
      problems.warn('unused_key', at.keyPlace('cors'), 'cors has no effect here without enabled: true, as in Goma');
    const written = Object.values(rule).filter((value) => value !== undefined);
    if (written.length === 0)
      problems.warn('unused_value', at.place, 'the middleware changes no field', 'Write setHeaders, for example.');
    return {
      ...edits,
      cookies,
      cors,
      cache: cacheControl === undefined ? undefined : { control: cacheControl, statuses: rule.cacheStatuses },
      hsts: rule.hsts && readHsts(rule.hsts, at.down('hsts'), problems),
    };
  },
});

function readCacheControl(written: string | undefined, at: Cursor, problems: ProblemList): string | undefined {
  if (written === undefined) return undefined;
  const value = parseTemplate(written);
  const [only, ...more] = 'problem' in value ? [] : value;
  if (typeof only === 'string' && only !== '' && more.length === 0) return only;
  const mistake =
    'problem' in value ? value : { problem: 'is no value of Cache-Control', hint: 'For example no-store.' };
  reportMistake(problems, 'bad_header', at.down('cacheControl'), written, mistake);
  return undefined;
}

type HstsShape = { readonly maxAge: number; readonly includeSubDomains: boolean; readonly preload: boolean };

/** The value of the field. */
function readHsts({ maxAge, includeSubDomains, preload }: HstsShape, at: Cursor, problems: ProblemList): string {
  if (preload && (!includeSubDomains || maxAge < preloadSeconds))
    problems.error(
      'wrong_value',
      at.down('preload').place,
      'preload: browsers put nobody on their list who does not count it for all subdomains and a year',
      `Write includeSubDomains: true and maxAge: ${preloadSeconds}, or remove preload.`,
    );
  return `max-age=${maxAge}${includeSubDomains ? '; includeSubDomains' : ''}${preload ? '; preload' : ''}`;
}
