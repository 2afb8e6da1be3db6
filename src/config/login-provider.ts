// `entryPoints.admin.oidc`: the identity provider with which people sign in to the console, and whom of them it makes what here.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { quote } from '../yaml/tree.ts';
import { closedMap, durationBetween, flag, oneOrMore, secret, text } from './atoms.ts';
import type { LoginProviderConfig } from './gateway-config.ts';
import { key } from './key.ts';
import { parseFetchUrl, withoutPassword } from './fetch-url.ts';
import { type NamedMaterial, systemBundle } from './named-material.ts';
import { type Mistake, reportEmpty, reportMistake } from './reading.ts';
import { readSecret, readServerUrl } from './source-settings.ts';

const example =
  'For example {issuer: "https://id.example.com/realms/ops", clientId: countersign, clientSecret: "${OIDC_SECRET}", redirectUri: "https://gateway.example.com:9901/log-in/callback", roleClaim: groups, roles: {admin: [gateway-admins]}}.';

/** Where the console takes the answer of the provider. */
export const callbackPath = '/log-in/callback';

const maxName = 60;
const roleNames = ['admin', 'operator', 'viewer'] as const;

const valuesOf = (role: string) =>
  key(oneOrMore(text), { says: `Values of the claim that make somebody ${role}.`, unset: 'nobody', restricts: true });

/** An unknown key could be a condition: it is an error always. */
const loginProviderShape = closedMap({
  issuer: key(text, {
    says: 'Issuer, as its discovery document names it. Required.',
    unset: 'required',
    page: 'own. Issuer, exactly as its discovery document (`/.well-known/openid-configuration` below it) names it. `https://`; `http://` to this machine alone.',
  }),
  clientId: key(text, { says: 'Id of this client at the provider. Required.', unset: 'required' }),
  clientSecret: key(secret(text), {
    says: 'Secret of this client. One of this and clientSecretFile is required.',
    unset: 'in `clientSecretFile`',
    page: 'own. Its secret; better `${VARIABLE}` or `clientSecretFile`.',
  }),
  clientSecretFile: key(text, {
    says: 'File with the secret, read for each login.',
    unset: 'in `clientSecret`',
    page: 'own. A file with the secret, read for each login.',
  }),
  redirectUri: key(text, {
    says: 'Where the provider sends browsers back to: ORIGIN/log-in/callback. Required.',
    unset: 'required',
    page: 'own. `ORIGIN/log-in/callback`, with the origin under which people open the console; registered at the provider letter by letter. `https://`; `http://` with `localhost` alone.',
  }),
  name: key(text, {
    says: 'What the button says: "Sign in with NAME". Default: host of the issuer.',
    unset: 'host of the issuer',
    page: 'own. What the button says: “Sign in with NAME”.',
  }),
  scopes: key(oneOrMore(text), {
    says: 'Scopes that are asked for, openid among them. Default: openid, profile, email.',
    default: ['openid', 'profile', 'email'],
    page: 'own. Scopes that are asked for, `openid` among them.',
  }),
  nameClaim: key(text, {
    says: 'Claim that names a person when he signs in for the first time. Default {default}.',
    default: 'preferred_username',
    page: 'own. Claim of the ID token by which a person is named here when he signs in for the first time. It makes nobody anybody: that are issuer and subject.',
  }),
  roleClaim: key(oneOrMore(text), {
    says: 'Claim that gives roles; a list is a path through claims. Required.',
    unset: 'required',
    restricts: true,
    page: 'own. Claim of the ID token that gives roles: a text or a list of texts. A list is a path: `[realm_access, roles]`.',
  }),
  roles: key(closedMap({ admin: valuesOf('admin'), operator: valuesOf('operator'), viewer: valuesOf('viewer') }), {
    says: 'Which values of the claim make somebody what. Required.',
    unset: 'required',
    restricts: true,
    page: 'own. `{admin: [...], operator: [...], viewer: [...]}`: values of the claim, compared letter by letter. Of several roles the highest counts; whom none fits is not let in.',
    example: 'For example {admin: [gateway-admins], viewer: [staff]}.',
  }),
  caBundle: key(text, {
    says: 'Id of gateway.caBundles that verifies the provider. Default: public CAs.',
    unset: 'public CAs',
    restricts: true,
    page: 'own. Id of `gateway.caBundles` that verifies the provider itself. Unset, or `system`: the public CAs that Node has.',
  }),
  maxAge: key(durationBetween('1m', '720h'), {
    says: 'Longest time since the person proved himself to the provider, {min} to {max}. Default: whatever the provider wants.',
    unset: 'whatever the provider wants',
    restricts: true,
    page: 'own. Longest time since the person proved himself to the provider (`max_age`, `auth_time`).',
  }),
  acrValues: key(oneOrMore(text), {
    says: 'Authentication contexts, one of which the ID token has to name. Default: none is asked for.',
    unset: 'none is asked for',
    restricts: true,
    page: 'own. Authentication contexts (`acr`), one of which the ID token has to name.',
  }),
  sessionLifetime: key(durationBetween('5m', '12h'), {
    says: 'Longest session, {min} to {max}. Default {default}.',
    default: '12h',
    page: 'own. Longest session; then the provider is asked for the role again.',
  }),
  logoutAtProvider: key(flag, {
    says: 'Who logs out here is sent to the provider to log out there. Default {default}.',
    default: true,
    page: 'own. Who logs out here is sent to the provider to log out there, where it offers that.',
  }),
});
type LoginProviderShape = z.output<typeof loginProviderShape>;

export const loginProviderKey = key(loginProviderShape, {
  says: 'Identity provider with which people sign in to the console (OpenID Connect). Default: none.',
  unset: 'none',
  restricts: true,
  page: 'own. Identity provider with which people sign in to the console (OpenID Connect), beside the other ways. [Single sign-on](single-sign-on.md).',
  example,
  table: 'oidc',
});

/** `around`: `entryPoints.admin`. Undefined where there is none, or where what is written cannot be used (reported). */
export function readLoginProvider(
  shape: LoginProviderShape | undefined,
  around: Cursor,
  named: NamedMaterial,
  problems: ProblemList,
): LoginProviderConfig | undefined {
  if (shape === undefined) {
    reportEmpty(around, 'oidc', problems);
    return undefined;
  }
  const at = around.down('oidc');
  for (const name of Object.keys(loginProviderShape.shape)) reportEmpty(at, name, problems);
  const issuer = readServerUrl(shape.issuer, at, 'issuer', problems, { example, orLocal: true });
  if (issuer !== undefined && /[?#]/.test(shape.issuer ?? ''))
    problems.error('bad_url', at.down('issuer').place, 'issuer has a query, and an issuer has none', example);
  const clientId = readClientId(shape, at, problems);
  const clientSecret = readSecret(shape, at, ['clientSecret', 'clientSecretFile'], problems);
  const redirectUri = readRedirectUri(shape, at, problems);
  const roleClaim = readTexts(shape.roleClaim, at, 'roleClaim', problems);
  const roles = readRoles(shape, at, problems);
  const scopes = readTexts(shape.scopes, at, 'scopes', problems);
  const acrValues = readTexts(shape.acrValues, at, 'acrValues', problems);
  if (scopes !== undefined && !scopes.includes('openid'))
    problems.error(
      'bad_value',
      at.keyPlace('scopes'),
      'scopes lacks `openid`: the provider would name nobody',
      'Add openid.',
    );
  if (shape.roleClaim === undefined && !at.isBroken('roleClaim') && !at.isEmpty('roleClaim'))
    problems.error('missing_key', at.place, 'oidc has no `roleClaim`: nobody would get a role', example);
  const { caBundle: id } = shape;
  const isSystem = id === undefined || id === systemBundle;
  const bundle = isSystem ? undefined : named.findBundle(id, at.down('caBundle'), problems);
  const name = readName(shape, issuer, at, problems);
  if (issuer === undefined || clientId === undefined || clientSecret === undefined || redirectUri === undefined)
    return undefined;
  if (roleClaim === undefined || roles === undefined || scopes === undefined || name === undefined) return undefined;
  if ((!isSystem && bundle === undefined) || (acrValues === undefined && at.has('acrValues'))) return undefined;
  return {
    name,
    // As it is written: it is compared letter by letter.
    issuer: shape.issuer ?? issuer,
    clientId,
    clientSecret,
    redirectUri,
    scopes,
    nameClaim: shape.nameClaim,
    roleClaim,
    roles,
    caBundle: bundle?.id,
    maxAgeMs: shape.maxAge,
    acrValues: acrValues ?? [],
    sessionMs: shape.sessionLifetime,
    logoutAtProvider: shape.logoutAtProvider,
    place: at.place,
  };
}

function readClientId({ clientId }: LoginProviderShape, at: Cursor, problems: ProblemList): string | undefined {
  if (clientId !== undefined && /^[\x21-\x7e]{1,255}$/.test(clientId)) return clientId;
  if (clientId !== undefined && clientId !== '')
    problems.error(
      'bad_value',
      at.down('clientId').place,
      'clientId is no id of a client',
      'One word, as the provider shows it.',
    );
  else if (!at.isBroken('clientId') && !at.isEmpty('clientId'))
    problems.error('missing_key', at.place, 'oidc has no `clientId`', example);
  return undefined;
}

function readRedirectUri({ redirectUri }: LoginProviderShape, at: Cursor, problems: ProblemList): string | undefined {
  if (redirectUri === undefined || redirectUri === '') {
    if (!at.isBroken('redirectUri') && !at.isEmpty('redirectUri'))
      problems.error('missing_key', at.place, 'oidc has no `redirectUri`', example);
    return undefined;
  }
  const here = at.down('redirectUri');
  const parsed = parseFetchUrl(redirectUri);
  const mistake = 'problem' in parsed ? parsed : mistakeOf(new URL(parsed.url));
  if (mistake !== undefined) reportMistake(problems, 'bad_url', here, withoutPassword(redirectUri), mistake);
  return 'problem' in parsed || mistake !== undefined ? undefined : parsed.url;
}

function mistakeOf({ pathname, search, protocol, hostname }: URL): Mistake | undefined {
  if (pathname !== callbackPath || search !== '')
    return {
      problem: `the console takes the answer of the provider at ${callbackPath} alone`,
      hint: `Write the address under which people open the console, then ${callbackPath}.`,
    };
  // A browser takes no cookie of ours over plain HTTP from elsewhere.
  if (protocol === 'http:' && hostname !== 'localhost')
    return {
      problem: 'over plain HTTP a browser keeps our cookies for localhost alone',
      hint: 'Write https://, or http://localhost:PORT.',
    };
  return undefined;
}

function readTexts(
  values: readonly string[] | undefined,
  around: Cursor,
  name: string,
  problems: ProblemList,
): readonly string[] | undefined {
  if (values === undefined) return undefined;
  const isGood = values.length > 0 && values.every((value) => /^[^\s\p{Cc}]{1,200}$/u.test(value));
  if (isGood) return values;
  if (!around.isBroken(name) && !around.isEmpty(name))
    problems.error(
      'bad_value',
      around.keyPlace(name),
      `${name} is empty, or holds what is no single word`,
      'A word, or a list of words.',
    );
  return undefined;
}

function readRoles(
  { roles }: LoginProviderShape,
  around: Cursor,
  problems: ProblemList,
): LoginProviderConfig['roles'] | undefined {
  const at = around.down('roles');
  const found = roleNames.flatMap((role) => {
    reportEmpty(at, role, problems);
    const values = roles?.[role] ?? [];
    if (values.some((value) => value.trim() === ''))
      problems.error('bad_value', at.keyPlace(role), `${role} holds an empty value`, 'Name values of the claim.');
    return values.length === 0 ? [] : [{ role, values }];
  });
  if (found.length > 0) return found;
  if (!around.isBroken('roles') && !around.isEmpty('roles'))
    problems.error('missing_key', around.place, 'oidc has no `roles`: it would let nobody in', example);
  return undefined;
}

function readName(
  { name }: LoginProviderShape,
  issuer: string | undefined,
  at: Cursor,
  problems: ProblemList,
): string | undefined {
  if (name === undefined) return issuer === undefined ? undefined : new URL(issuer).hostname.slice(0, maxName);
  if (name.trim() !== '' && name.length <= maxName && !/[\p{Cc}\p{Cf}]/u.test(name)) return name.trim();
  if (name !== '')
    problems.error(
      'bad_value',
      at.down('name').place,
      `${quote(name)} cannot stand on a button`,
      `1 to ${maxName} characters.`,
    );
  return undefined;
}
