// `type: jwtAuth`: who sends a signed token (RFC 7519) that is meant for here.
import { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { duration, durationBetween, flag, list, map, oneOf, oneOrMore, secret, text } from './atoms.ts';
import { mistakeInAuthField } from './auth-fields.ts';
import { type ClaimRule, readClaimPath } from './claims-expression.ts';
import { filterType } from './filter-type.ts';
import { isToken } from '../http/field.ts';
import { foldName } from '../http/fold-name.ts';
import { type JwtAlgorithm, publicAlgorithms, secretAlgorithms } from './jwt-algorithms.ts';
import { type JwtKeys, readJwtKeys } from './jwt-keys.ts';
import { key } from './key.ts';
import { reportDeprecated, reportEmpty } from './reading.ts';
import { readClaims, requiredClaimShape } from './required-claims.ts';

const maxSkewMs = 300_000;
const maxHeaders = 32;
/** The word that says that everybody's tokens are taken. */
const any = 'any';

const jwksKeys = map({
  url: key(text, { says: 'https URL of the key set.' }),
  file: key(text, { says: 'File of the key set, or its JSON.' }),
  refresh: key(durationBetween('1m', '24h'), {
    says: 'Time after which it is fetched anew. Default {default}.',
    default: '10m',
  }),
  maxAge: key(durationBetween('1m', '168h'), {
    says: 'Age up to which keys are used that could not be fetched anew. Default {default}.',
    default: '24h',
  }),
  ca: key(text, { says: 'CA certificates that verify the server of the URL (S). Default: those of the system.' }),
});

const algorithm = oneOf([...secretAlgorithms, ...publicAlgorithms]);

const rule = map({
  secret: key(secret(text), {
    says: 'Shared secret, for HS256, HS384, HS512.',
    page: 'Goma. Shared secret, for `HS256`, `HS384`, `HS512`: at least 16 bytes, fewer than the hash has are a warning (RFC 7518). Take it from the environment.',
  }),
  publicKey: key(text, {
    says: 'Public key or certificate (S).',
    page: 'Goma. `S`: a public key, or a certificate with one.',
  }),
  jwksUrl: key(text, { says: 'As jwks.url.', page: 'Goma. As `jwks.url`.' }),
  jwksFile: key(text, { says: 'As jwks.file.', page: 'Goma. As `jwks.file`.' }),
  jwks: key(jwksKeys, {
    says: 'A set of keys (RFC 7517): {url or file, refresh, maxAge, ca}.',
    page: 'own. `{url, file, refresh, maxAge, ca}`: a set of keys (RFC 7517) from an `https://` URL (plain `http://` on this machine alone) or a file. `refresh` (`10m`): time after which it is fetched anew; an unknown key id asks at once, a few times a minute. `maxAge` (`24h`): as long are keys used that cannot be fetched anew; then every request gets 503. `ca`: `S`, in place of the CAs of the system.',
    example: 'For example jwks: {url: "https://login.example.com/jwks.json"}.',
  }),
  algorithms: key(oneOrMore(algorithm), {
    says: 'Algorithms that are taken. Default: those that fit the keys.',
    unset: 'those that fit the keys',
    page: 'Goma. Algorithms that are taken. Each key verifies those of its own kind only, whatever a token says; `none` is no algorithm.',
  }),
  algo: key(algorithm, {
    says: 'Deprecated: algorithms with one item.',
    untold: true,
    page: 'Goma, deprecated: `algorithms`.',
  }),
  alg: key(algorithm, {
    says: 'Deprecated: algorithms with one item.',
    untold: true,
    page: 'Goma, deprecated: `algorithms`.',
  }),
  issuer: key(oneOrMore(text), {
    says: 'Issuers (iss) whose tokens are taken; any: all.',
    unset: 'required but with `secret`',
    page: 'Goma; here also a list. Who has to have issued the token (`iss`). `any`: whoever has the key.',
  }),
  audience: key(oneOrMore(text), {
    says: 'For whom a token has to be (aud), one of them; any: for whomever.',
    unset: 'required but with `secret`',
    page: 'Goma; here also a list. For whom the token has to be (`aud`), one of them. `any`: whomever it is for.',
  }),
  clockSkew: key(duration, {
    says: 'Difference of clocks that is allowed. Default {default}.',
    default: '30s',
    page: 'own. Difference of the clocks that is allowed, up to `5m`.',
  }),
  claimsExpression: key(text, {
    says: 'What the claims have to be: Equals, Prefix, Contains, OneOf, &&, ||, !.',
    restricts: true,
    page: "Goma. `Equals('a', 'x')`, `Prefix`, `Contains`, `OneOf('a', 'x', 'y')`, `&&`, `||`, `!`, brackets; quotes of any kind. `Contains` asks for an item of a list or a whole word of a text; in Goma a part of one is enough. A claim that the token lacks fails the whole, as in Goma.",
  }),
  requiredClaims: key(list(requiredClaimShape), {
    says: 'Claims that a token must have, all of them: {claim, equals | contains | oneOf}.',
    page: 'own. A list of `{claim, equals}`, `{claim, contains}`, `{claim, oneOf}` or `{claim}`; all of them must hold.',
    example: 'For example requiredClaims: [{claim: scope, contains: orders}].',
  }),
  certificateBound: key(oneOf(['required', 'true', 'ifBound', 'off', 'false'], true), {
    says: 'RFC 8705: ifBound: a token bound to a certificate is taken with that one only; required: no other token is; off. Default {default}.',
    default: 'ifBound',
    page: 'own. Tokens that are bound to a client certificate (RFC 8705, `cnf.x5t#S256`). `ifBound`: one that is bound is taken from who has proven that certificate to this gateway, from nobody else; `required` (or `true`): no other token is taken; `off`: not looked at.',
  }),
  forwardHeaders: key(z.record(z.string(), text, { error: () => 'expected a map of headers and claims' }), {
    says: 'Headers for the backend, and the claim that each holds.',
    page: 'Goma. `{X-User: sub, X-Role: user.role}`: what the backend gets of the claims. No client can set such a header then, on no route. A claim that could not stand in a header refuses the token (`access_denied`).',
  }),
  forwardAuthorization: key(flag, {
    says: 'The backend gets the token. Default {default}.',
    default: false,
    page: 'Goma. The backend gets the token where the client sent it.',
  }),
  cookie: key(text, {
    says: 'Cookie that may hold the token instead of Authorization.',
    page: 'own. Name of a cookie that may hold the token, where there is no `Authorization`. Think of cross-site requests then.',
  }),
  header: key(text, {
    says: 'Header that may hold the token instead of Authorization.',
    page: 'own. Name of a header that may hold the token, likewise.',
  }),
});
type Rule = z.output<typeof rule>;

export type JwtBinding = 'required' | 'ifBound' | 'off';

export type JwtAuthRule = {
  readonly keys: JwtKeys;
  readonly algorithms: readonly JwtAlgorithm[];
  /** Undefined: any. */
  readonly issuers: readonly string[] | undefined;
  readonly audiences: readonly string[] | undefined;
  readonly skewMs: number;
  readonly claims: ClaimRule | undefined;
  readonly binding: JwtBinding;
  readonly headers: readonly { readonly name: string; readonly path: readonly string[] }[];
  readonly forwardAuthorization: boolean;
  readonly cookie: string | undefined;
  readonly header: string | undefined;
};

export const jwtAuthFilter = filterType({
  kind: 'jwtAuth',
  names: ['jwtAuth', 'jwt'],
  guards: true,
  says: 'Lets in who sends a signed token (JWT, RFC 7519) that is meant for here.',
  rule,
  read: (written, at, problems): JwtAuthRule | undefined => {
    const keys = readJwtKeys(written, at, problems);
    for (const old of ['algo', 'alg']) reportDeprecated(old, 'algorithms', at, problems);
    const algorithms = keys && readAlgorithms(written, keys, at, problems);
    const issuers = readParty(written.issuer, 'issuer', keys, at, problems);
    const audiences = readParty(written.audience, 'audience', keys, at, problems);
    if (written.clockSkew > maxSkewMs)
      problems.error('out_of_range', at.down('clockSkew').place, 'clockSkew is not between 0 and 5m');
    for (const name of ['algorithms', 'algo', 'alg', 'certificateBound']) reportEmpty(at, name, problems);
    const claims = readClaims(written, at, problems);
    const headers = readHeaders(written.forwardHeaders, at, problems);
    const [cookie, header] = [readCookie(written, at, problems), readHeader(written, at, problems)];
    if (keys === undefined || algorithms === undefined) return undefined;
    const { forwardAuthorization, clockSkew: skewMs } = written;
    const binding = bindingOf(written.certificateBound);
    return {
      keys,
      algorithms,
      issuers,
      audiences,
      skewMs,
      claims,
      binding,
      headers,
      forwardAuthorization,
      cookie,
      header,
    };
  },
});

function bindingOf(word: Rule['certificateBound']): JwtBinding {
  if (word === 'true') return 'required';
  return word === 'false' ? 'off' : word;
}

function readAlgorithms(written: Rule, keys: JwtKeys, at: Cursor, problems: ProblemList): readonly JwtAlgorithm[] {
  const fitting: readonly JwtAlgorithm[] = keys.kind === 'secret' ? secretAlgorithms : publicAlgorithms;
  const single = written.algo ?? written.alg;
  const asked = written.algorithms ?? (single === undefined ? undefined : [single]);
  if (asked === undefined) return fitting;
  const name = written.algorithms !== undefined ? 'algorithms' : written.algo !== undefined ? 'algo' : 'alg';
  const wrong = asked.filter((one) => !fitting.includes(one));
  if (wrong.length > 0)
    problems.error(
      'wrong_algorithm',
      at.keyPlace(name),
      `${wrong.join(', ')} ${keys.kind === 'secret' ? 'needs a public key, and there is a secret' : 'needs a secret, and there are public keys'}`,
      `With these keys: ${fitting.join(', ')}.`,
    );
  if (asked.length === 0)
    problems.error('empty_list', at.keyPlace(name), `${name} is empty: no token could be verified`);
  return asked;
}

/** Undefined: any. */
function readParty(
  written: readonly string[] | undefined,
  name: 'issuer' | 'audience',
  keys: JwtKeys | undefined,
  at: Cursor,
  problems: ProblemList,
): readonly string[] | undefined {
  const parties = (written ?? []).filter((one) => one !== '');
  if (parties.length > 0) {
    if (!parties.includes(any)) return parties;
    if (parties.length > 1)
      problems.error('contradiction', at.keyPlace(name), `${name} lists ${any} beside others`, 'Keep the others.');
    return undefined;
  }
  if (at.isBroken(name)) return undefined;
  // Whoever has a secret signs with it for everybody who has it too; keys of an issuer sign tokens for all its audiences.
  if (at.has(name) || (keys !== undefined && keys.kind !== 'secret'))
    problems.error(
      'missing_key',
      at.has(name) ? at.keyPlace(name) : at.place,
      name === 'issuer'
        ? 'jwtAuth names no issuer: the key alone would say whose tokens are taken'
        : 'jwtAuth names no audience: tokens that the issuer made for others would be taken here',
      `Write ${name}: ${name === 'issuer' ? 'https://login.example.com' : 'NAME'}; ${name}: ${any} takes all of them.`,
    );
  return undefined;
}

function readHeaders(
  written: Readonly<Record<string, string>> | undefined,
  at: Cursor,
  problems: ProblemList,
): { readonly name: string; readonly path: readonly string[] }[] {
  const here = at.down('forwardHeaders');
  const seen = new Set<string>();
  const entries = Object.entries(written ?? {});
  if (entries.length > maxHeaders) problems.error('too_many', here.place, `more than ${maxHeaders} headers`);
  return entries.flatMap(([name, claim]) => {
    const path = readClaimPath(claim);
    const mistake =
      mistakeInAuthField(name) ??
      (seen.has(foldName(name)) ? { problem: 'stands here twice, in two spellings', hint: '' } : undefined);
    seen.add(foldName(name));
    if (mistake !== undefined)
      problems.error('bad_field', here.keyPlace(name), `${name} ${mistake.problem}`, mistake.hint);
    if (path === undefined)
      problems.error('bad_claim', here.down(name).place, 'this names no claim', 'For example sub, or user.role.');
    return path === undefined || mistake !== undefined ? [] : [{ name, path }];
  });
}

function readCookie({ cookie }: Rule, at: Cursor, problems: ProblemList): string | undefined {
  if (cookie === undefined || isToken(cookie)) return cookie;
  problems.error('wrong_value', at.down('cookie').place, 'this is no name of a cookie', 'For example session.');
  return undefined;
}

function readHeader({ header }: Rule, at: Cursor, problems: ProblemList): string | undefined {
  const mistake = header === undefined ? undefined : mistakeInAuthField(header);
  if (mistake === undefined) return header?.toLowerCase();
  problems.error('bad_field', at.down('header').place, `header ${mistake.problem}`, 'For example X-Access-Token.');
  return undefined;
}
