// The token of a request: of its Authorization field (RFC 6750 section 2.1), or where the configuration says so of a header or
// a cookie. Never of the query or the body, which logs and referrers carry away.
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
    // Of several a backend may take another one than we.
    ...(cookie === undefined ? [] : cookiesOf(fields, cookie)),
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
  if (cookie === undefined || cookiesOf(fields, cookie).length === 0) return;
  const { names, values } = fields.current;
  const kept = values.flatMap((value, at) => (names[at]?.lower === 'cookie' ? pairsOf(value) : []));
  fields.remove(cookieName);
  const others = kept.filter((pair) => nameIn(pair) !== cookie);
  if (others.length > 0) fields.set(cookieName, others.join('; '));
}

/** Values of all cookies of that name (RFC 6265 section 4.2), over all Cookie fields. */
function cookiesOf(fields: FieldEdits, name: string): string[] {
  const { names, values } = fields.current;
  return values.flatMap((value, at) => {
    if (names[at]?.lower !== 'cookie') return [];
    const own = pairsOf(value).filter((pair) => nameIn(pair) === name);
    return own.map((pair) => pair.slice(pair.indexOf('=') + 1).replace(/^"(.*)"$/s, '$1'));
  });
}

function pairsOf(value: string): string[] {
  return value.split(';').flatMap((pair) => pair.trim() || []);
}

function nameIn(pair: string): string | undefined {
  return pair.includes('=') ? pair.slice(0, pair.indexOf('=')).trim() : undefined;
}
