// `setCookies[]` of responseHeaders: Goma's keys to the values of Set-Cookie (RFC 6265 section 4.1.1). An attribute that a
// browser would not understand, or that would make it drop the cookie, is an error here.
import type { z } from 'zod';
import { isToken } from '../http/field.ts';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { quote } from '../yaml/tree.ts';
import { flag, integer, map, oneOf, text } from './atoms.ts';
import { block, key } from './key.ts';
import { reportMistake } from './reading.ts';

export const cookieShape = map({
  name: key(text, { says: 'Name; required.' }),
  value: key(text, { says: 'Value. Empty: the cookie is deleted.', default: '' }),
  attributes: block({
    path: key(text, { says: 'Default {default}.', default: '/' }),
    domain: key(text, { says: 'Default: the host alone.' }),
    maxAge: key(integer(-1, 2_147_483_647), { says: 'Seconds; 0: until the browser ends; -1: delete.', default: 0 }),
    secure: key(flag, { says: 'Default {default}.', default: false }),
    httpOnly: key(flag, { says: 'Default {default}.', default: false }),
    sameSite: key(oneOf(['Strict', 'Lax', 'None'], true), { says: 'Strict, Lax or None.' }),
  }),
});
type CookieShape = z.output<typeof cookieShape>;

const maxCookies = 32;
/** RFC 6265 section 4.1.1: cookie-octet. */
const cookieValue = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{0,4000}$/;
const cookieDomain = /^\.?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*$/;

/** Values of Set-Cookie. */
export function readCookies(shapes: readonly CookieShape[], at: Cursor, problems: ProblemList): string[] {
  if (shapes.length > maxCookies) problems.error('too_many', at.place, `more than ${maxCookies} cookies`);
  const names = new Set<string>();
  return shapes.map((shape, i) => {
    const here = at.down(i);
    const { name = '' } = shape;
    if (names.has(name)) problems.error('duplicate_name', here.down('name').place, `two cookies ${quote(name)}`);
    names.add(name);
    checkCookie(shape, here, problems);
    return cookieText(shape);
  });
}

function checkCookie({ name = '', value, attributes }: CookieShape, at: Cursor, problems: ProblemList): void {
  const inside = at.down('attributes');
  if (!isToken(name)) problems.error('bad_cookie', at.down('name').place, `${quote(name)} is not the name of a cookie`);
  if (!cookieValue.test(value))
    reportMistake(problems, 'bad_cookie', at.down('value'), value, {
      problem: 'holds what a cookie cannot',
      hint: 'No spaces, quotes, commas, semicolons, backslashes; percent-encode them.',
    });
  if (!/^\/[\x21-\x3a\x3c-\x7e]*$/.test(attributes.path))
    problems.error('bad_cookie', inside.down('path').place, `path: ${quote(attributes.path)} does not begin with /`);
  if (attributes.domain !== undefined && !cookieDomain.test(attributes.domain))
    problems.error('bad_cookie', inside.down('domain').place, `domain: ${quote(attributes.domain)} is no domain`);
  const insecure = !attributes.secure && (attributes.sameSite === 'None' || /^__(?:Secure|Host)-/i.test(name));
  if (insecure)
    problems.error('bad_cookie', inside.place, 'browsers drop such a cookie without secure', 'Write secure: true.');
  if (/^__Host-/i.test(name) && (attributes.domain !== undefined || attributes.path !== '/'))
    problems.error('bad_cookie', inside.place, 'browsers drop a cookie __Host-… with a domain, or a path besides /');
}

function cookieText({ name = '', value, attributes }: CookieShape): string {
  const { path, domain, maxAge, secure, httpOnly, sameSite } = attributes;
  const isGone = value === '' || maxAge === -1;
  return [
    `${name}=${isGone ? '' : value}`,
    `Path=${path}`,
    ...(domain === undefined ? [] : [`Domain=${domain}`]),
    ...(isGone ? ['Max-Age=0', 'Expires=Thu, 01 Jan 1970 00:00:00 GMT'] : []),
    ...(!isGone && maxAge > 0 ? [`Max-Age=${maxAge}`] : []),
    ...(secure ? ['Secure'] : []),
    ...(httpOnly ? ['HttpOnly'] : []),
    ...(sameSite === undefined ? [] : [`SameSite=${sameSite}`]),
  ].join('; ');
}
