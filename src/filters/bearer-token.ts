// The token of a request: of its Authorization field (RFC 6750 section 2.1), or where the configuration says so of a header or
// a cookie. Never of the query or the body, which logs and referrers carry away.
import { findCookie } from '../http/cookie.ts';
import type { FieldEdits } from './field-edits.ts';
import { nameOf } from './field-names.ts';

const maxLength = 16_384;
const authorization = nameOf('Authorization');
const cookieName = nameOf('Cookie');

export type TokenPlaces = { readonly cookie: string | undefined; readonly header: string | undefined };

/** Undefined: there is none. '' where there are several, or something that is none. What it is made of is not looked at. */
export function findToken(fields: FieldEdits, { cookie, header }: TokenPlaces): string | undefined {
  const field = fields.find('authorization');
  const found = [
    field === undefined ? undefined : bearerOf(field),
    header === undefined ? undefined : fields.find(header),
    cookie === undefined ? undefined : findCookie(fields.current, cookie),
  ].filter((token) => token !== undefined);
  const [token] = found;
  if (token === undefined) return undefined;
  // Section 2: a client uses one way. Two tokens would be one for us, and another for a backend.
  if (found.length > 1 || token.length > maxLength) return '';
  return token;
}

function bearerOf(field: string): string {
  const space = field.indexOf(' ');
  return field.slice(0, space).toLowerCase() === 'bearer' ? field.slice(space).trimStart() : '';
}

/** The form of a signed token (RFC 7515 section 7.1). */
export function isCompactToken(token: string): boolean {
  return /^[\w-]+\.[\w-]*\.[\w-]*$/.test(token);
}

/** Takes the token out of what goes on. */
export function removeToken(fields: FieldEdits, { cookie, header }: TokenPlaces): void {
  fields.remove(authorization);
  if (header !== undefined) fields.remove(nameOf(header));
  if (cookie === undefined || findCookie(fields.current, cookie) === undefined) return;
  const all = fields.find('cookie') ?? '';
  const kept = all.split(/[;,] */).filter((pair) => pair !== '' && pair.split('=', 1)[0]?.trim() !== cookie);
  fields.remove(cookieName);
  if (kept.length > 0) fields.set(cookieName, kept.join('; '));
}
