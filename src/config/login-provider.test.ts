// `entryPoints.admin.oidc`: what is taken, and each mistake with its place. Nothing that is wrong lets anybody in.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Problem } from '../yaml/problem.ts';
import type { LoginProviderConfig } from './gateway-config.ts';
import { parseConfig } from './parse-config.ts';

const good: Readonly<Record<string, string>> = {
  issuer: 'https://id.example.com/realms/ops',
  clientId: 'countersign',
  clientSecret: 'hush',
  redirectUri: 'https://gateway.example.com:9901/log-in/callback',
  roleClaim: 'groups',
  roles: '{admin: [admins], viewer: staff}',
};

type Read = { readonly oidc: LoginProviderConfig | undefined; readonly problems: readonly Problem[] };

function read(change: Readonly<Record<string, string | undefined>> = {}): Read {
  const keys = Object.entries({ ...good, ...change }).flatMap(([name, value]) =>
    value === undefined ? [] : [`        ${name}: ${value}\n`],
  );
  const text = `version: 2
gateway:
  store: {url: "sqlite:a.db"}
  entryPoints:
    admin:
      oidc:
${keys.join('')}  routes: [{name: a, path: /, target: "http://b.test:1"}]
`;
  const { config, problems } = parseConfig({ file: '/etc/gw/gateway.yml', text, extra: [], env: {}, strict: true });
  return { oidc: config?.entryPoints.admin.oidc, problems };
}

/** Code, line and column of the one thing that is wrong. */
function mistake(change: Readonly<Record<string, string | undefined>>): readonly unknown[] {
  const { problems } = read(change);
  const [first, ...others] = problems.filter(({ severity }) => severity === 'error');
  assert.ok(first !== undefined && others.length === 0, JSON.stringify(problems));
  assert.doesNotMatch(JSON.stringify(problems), /hush/);
  return [first.code, first.place.line, first.place.col];
}

describe('the identity provider in the configuration', () => {
  it('is read with its defaults', () => {
    const { oidc, problems } = read();
    assert.deepEqual(problems, []);
    const { place, ...rest } = oidc ?? assert.fail('there is none');
    assert.deepEqual(
      [place.line, rest],
      [
        7,
        {
          name: 'id.example.com',
          issuer: good['issuer'],
          clientId: 'countersign',
          clientSecret: { text: 'hush' },
          redirectUri: good['redirectUri'],
          scopes: ['openid', 'profile', 'email'],
          nameClaim: 'preferred_username',
          roleClaim: ['groups'],
          roles: [
            { role: 'admin', values: ['admins'] },
            { role: 'viewer', values: ['staff'] },
          ],
          caBundle: undefined,
          maxAgeMs: undefined,
          acrValues: [],
          sessionMs: 12 * 3_600_000,
          logoutAtProvider: true,
        },
      ],
    );
  });

  it('is read as it is written', () => {
    const { oidc } = read({
      name: 'Example ID',
      scopes: '[openid, groups]',
      roleClaim: '[realm_access, roles]',
      maxAge: '8h',
      acrValues: 'mfa',
      sessionLifetime: '1h',
      logoutAtProvider: 'false',
    });
    assert.partialDeepStrictEqual(oidc, {
      name: 'Example ID',
      scopes: ['openid', 'groups'],
      roleClaim: ['realm_access', 'roles'],
      maxAgeMs: 8 * 3_600_000,
      acrValues: ['mfa'],
      sessionMs: 3_600_000,
      logoutAtProvider: false,
    });
  });

  for (const [what, change, ...expected] of [
    ['no issuer', { issuer: undefined }, 'missing_key', 7, 9],
    ['a plain issuer', { issuer: 'http://id.example.com' }, 'plain_server', 7, 17],
    ['an issuer with a query', { issuer: 'https://id.example.com/?a=b' }, 'bad_url', 7, 17],
    ['no client', { clientId: undefined }, 'missing_key', 7, 9],
    ['a client of two words', { clientId: 'a b' }, 'bad_value', 8, 19],
    ['no secret', { clientSecret: undefined }, 'missing_key', 7, 9],
    ['an empty secret', { clientSecret: '' }, 'empty_value', 9, 9],
    ['two secrets', { clientSecretFile: 'x' }, 'contradiction', 13, 9],
    ['no redirect URI', { redirectUri: undefined }, 'missing_key', 7, 9],
    ['one that leads elsewhere', { redirectUri: 'https://gateway.example.com/callback' }, 'bad_url', 10, 22],
    ['a plain one', { redirectUri: 'http://gateway.example.com/log-in/callback' }, 'bad_url', 10, 22],
    ['no claim', { roleClaim: undefined }, 'missing_key', 7, 9],
    ['an empty path of claims', { roleClaim: '[]' }, 'bad_value', 11, 9],
    ['no roles', { roles: undefined }, 'missing_key', 7, 9],
    ['roles of nobody', { roles: '{}' }, 'missing_key', 7, 9],
    ['a role that is none', { roles: '{root: [x], admin: [y]}' }, 'unknown_key', 12, 17],
    ['an empty value', { roles: '{admin: [""]}' }, 'bad_value', 12, 17],
    ['scopes that name nobody', { scopes: '[profile]' }, 'bad_value', 13, 9],
    ['a bundle that there is not', { caBundle: 'other' }, 'unknown_reference', 13, 19],
    ['an unknown key', { role: 'admin' }, 'unknown_key', 13, 9],
    ['a session of a week', { sessionLifetime: '168h' }, 'out_of_range', 13, 26],
    ['no name for the button', { name: '"\\u202e"' }, 'bad_value', 13, 15],
  ] as const)
    it(`with ${what} is an error at its place`, () => {
      assert.deepEqual(mistake(change), expected);
    });

  it('is plain on this machine alone', () => {
    const local = { issuer: 'http://127.0.0.1:8080', redirectUri: 'http://localhost:9901/log-in/callback' };
    assert.deepEqual(read(local).problems, []);
  });
});
