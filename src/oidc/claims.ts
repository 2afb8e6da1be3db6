// What the claims of an ID token make of a person here: his role, and how he is called.
import { createHash } from 'node:crypto';

export type RoleRules = {
  /** A path through claims. */
  readonly roleClaim: readonly string[];
  /** The highest first. */
  readonly roles: readonly { readonly role: 'admin' | 'operator' | 'viewer'; readonly values: readonly string[] }[];
};

/** The highest that fits; undefined: none. A claim is a text or a list of texts, compared letter by letter. */
export function roleOf(claims: Readonly<Record<string, unknown>>, { roleClaim, roles }: RoleRules) {
  let found: unknown = claims;
  for (const step of roleClaim) {
    if (typeof found !== 'object' || found === null || Array.isArray(found) || !Object.hasOwn(found, step))
      return undefined;
    found = (found as Readonly<Record<string, unknown>>)[step];
  }
  const values = new Set<unknown>(Array.isArray(found) ? found : [found]);
  return roles.find((one) => one.values.some((value) => values.has(value)))?.role;
}

const maxName = 80;

/**
 * Names in their order, the one that is wanted first; the second is nobody else's. In the letters that names of users have here.
 * Nobody is found by one: a name that is taken belongs to whom it belongs to.
 */
export function namesFor(
  claims: Readonly<Record<string, unknown>>,
  nameClaim: string,
  { issuer, subject }: { readonly issuer: string; readonly subject: string },
): readonly [string, string] {
  const written = Object.hasOwn(claims, nameClaim) ? claims[nameClaim] : undefined;
  const wanted = typeof written === 'string' && written.trim() !== '' ? written : subject;
  const plain = wanted
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^A-Za-z0-9._@-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, maxName);
  const mark = createHash('sha256')
    .update(JSON.stringify([issuer, subject]))
    .digest('hex')
    .slice(0, 10);
  const name = plain === '' ? `user-${mark}` : plain;
  return [name, `${name}-${mark}`];
}
