// Which tokens let a client in, which do not, and what a backend is told of them.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import type { BoundedFetch, FetchOutcome } from '../base/bounded-fetch.ts';
import { Fault } from '../base/fault.ts';
import { parseClaimsExpression } from '../config/claims-expression.ts';
import type { Identity } from '../trust/verdict.ts';
import { filterDependencies, filterRequest, linesOf } from '../../test/support/filter-request.ts';
import { type Json, jwkOf, mintToken, pemOf, withClaims } from '../../test/support/tokens.ts';
import { HandClock } from '../../test/conformance/http1-harness.ts';
import { JwtAuthFilter } from './jwt-auth.ts';
import { KeySets } from './key-sets.ts';
import { RemoteKeys } from './remote-keys.ts';
import { Refusal } from './refusal.ts';

type Config = ConstructorParameters<typeof JwtAuthFilter>[0];

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const otherRsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed = generateKeyPairSync('ed25519');
const secret = 'a secret of thirty-two bytes, ok';

const now = new HandClock().now();
const seconds = Math.floor(now / 1000);
const good = { iss: 'https://issuer.test', aud: 'orders', sub: 'ann', exp: seconds + 600 };

const rs256 = (claims: unknown = good, more: Json = {}, key = rsa.privateKey): string =>
  mintToken(claims, { alg: 'RS256', ...more }, key);

const set = JSON.stringify({
  keys: [
    jwkOf(rsa.publicKey, { kid: 'rsa', use: 'sig' }),
    jwkOf(ec.publicKey, { kid: 'ec', alg: 'ES256' }),
    jwkOf(ed.publicKey, { kid: 'ed' }),
    { kty: 'oct', k: Buffer.from(secret).toString('base64url'), kid: 'oct' },
    jwkOf(otherRsa.publicKey, { kid: 'enc', use: 'enc' }),
  ],
});

function open(more: Partial<Config> = {}, keys = pemOf(rsa.publicKey)) {
  const clock = new HandClock();
  const { dependencies, results, lines } = filterDependencies({ clock });
  const filter = new JwtAuthFilter(
    {
      ...baseConfig(),
      ...more,
    },
    { keys },
    dependencies,
  );
  return { filter, clock, results, lines, dependencies };
}

const bearer = (text: string): [string, string] => ['Authorization', `Bearer ${text}`];

async function outcome(filter: JwtAuthFilter, request = filterRequest()): Promise<string> {
  try {
    return await filter.onRequest(request);
  } catch (error) {
    assert.ok(error instanceof Fault, String(error));
    return error.code;
  }
}

const take = async (filter: JwtAuthFilter, text: string): Promise<string> =>
  outcome(filter, filterRequest([bearer(text)]));

describe('a token', () => {
  it('lets in who has it, with a key of a file or of a set, and the second time at once', async () => {
    const { filter, results } = open();
    assert.equal(await take(filter, rs256()), 'pass');
    assert.equal(filter.onRequest(filterRequest([bearer(rs256())])), 'pass');
    assert.equal(results('tokens', 'passed'), 2);
    const many = open({}, set).filter;
    assert.equal(await take(many, rs256(good, { kid: 'rsa' })), 'pass');
    assert.equal(await take(many, mintToken(good, { alg: 'ES256', kid: 'ec' }, ec.privateKey)), 'pass');
    assert.equal(await take(many, mintToken(good, { alg: 'EdDSA', kid: 'ed' }, ed.privateKey)), 'pass');
    // The only key of its algorithm needs no id.
    assert.equal(await take(many, mintToken(good, { alg: 'ES256' }, ec.privateKey)), 'pass');
    assert.equal(
      await take(
        open({ algorithms: ['HS256'], keys: { kind: 'secret', secret } }).filter,
        mintToken(good, { alg: 'HS256' }, secret),
      ),
      'pass',
    );
  });

  const attacks: Readonly<Record<string, string>> = {
    'with alg none': mintToken(good, { alg: 'none' }, undefined),
    'with alg nOnE': mintToken(good, { alg: 'nOnE' }, undefined),
    'without a signature': rs256().replace(/[^.]*$/, ''),
    'signed HS256 with the public key as the secret': mintToken(good, { alg: 'HS256' }, pemOf(rsa.publicKey)),
    'signed HS256 with the public key, its id named': mintToken(
      good,
      { alg: 'HS256', kid: 'rsa' },
      pemOf(rsa.publicKey),
    ),
    'signed with another key': rs256(good, {}, otherRsa.privateKey),
    'that brings its own key': rs256(good, { jwk: jwkOf(otherRsa.publicKey) }, otherRsa.privateKey),
    'that says where its key is': rs256(
      good,
      { jku: 'https://evil.test/jwks', x5u: 'https://evil.test/c' },
      otherRsa.privateKey,
    ),
    'whose id is a path': rs256(good, { kid: '../../../dev/null' }, otherRsa.privateKey),
    'whose id is a statement': rs256(good, { kid: "x' OR '1'='1" }, otherRsa.privateKey),
    'whose id is __proto__': rs256(good, { kid: '__proto__' }, otherRsa.privateKey),
    'signed by a key that is for encryption': rs256(good, { kid: 'enc' }, otherRsa.privateKey),
    'whose claims were changed': withClaims(rs256(), { ...good, sub: 'root' }),
    'whose algorithm is not taken': mintToken(good, { alg: 'RS384', kid: 'rsa' }, rsa.privateKey),
    'with a critical header that is unknown': rs256(good, { crit: ['x'], x: 1 }),
    'whose payload is not encoded': rs256(good, { crit: ['b64'], b64: false }),
    'that has expired': rs256({ ...good, exp: seconds - 31 }),
    'that never expires': rs256({ ...good, exp: undefined }),
    'whose expiry is a text': rs256({ ...good, exp: String(seconds + 600) }),
    'that is not valid yet': rs256({ ...good, nbf: seconds + 31 }),
    'of another issuer': rs256({ ...good, iss: 'https://issuer.test.evil.test' }),
    'without an issuer': rs256({ ...good, iss: undefined }),
    'for another audience': rs256({ ...good, aud: ['billing'] }),
    'without an audience': rs256({ ...good, aud: undefined }),
    'whose claims are no map': rs256('"text"'),
    'that is no token': 'abc',
    'of two dots': '..',
    'that is very long': `a.${'b'.repeat(20_000)}.c`,
    'that is encrypted': 'a.b.c.d.e',
  };
  for (const [what, text] of Object.entries(attacks))
    it(`${what} lets nobody in`, async () => {
      for (const keys of [pemOf(rsa.publicKey), set]) {
        const { filter, results } = open({}, keys);
        assert.equal(await take(filter, text), 'unauthenticated');
        assert.equal(results('tokens', 'refused'), 1);
      }
    });

  it('is not remembered longer than it is valid', async () => {
    const { filter, clock } = open();
    const text = rs256({ ...good, exp: seconds + 60 });
    assert.equal(await take(filter, text), 'pass');
    clock.turn(89_000);
    assert.equal(await take(filter, text), 'pass');
    clock.turn(2_000);
    assert.equal(await take(filter, text), 'unauthenticated');
  });

  it('is asked for without an error where there is none, and refused without a reason where it is bad', async () => {
    const { filter } = open();
    const challengeOf = async (pairs: [string, string][]): Promise<unknown> => {
      try {
        await filter.onRequest(filterRequest(pairs));
      } catch (error) {
        assert.ok(error instanceof Refusal);
        return [error.status, error.fields.pairs[0]?.[1]];
      }
      return undefined;
    };
    assert.deepEqual(await challengeOf([]), [401, 'Bearer']);
    assert.deepEqual(await challengeOf([bearer(rs256({ ...good, exp: 1 }))]), [401, 'Bearer error="invalid_token"']);
    assert.deepEqual(await challengeOf([['Authorization', 'Basic YTpi']]), [401, 'Bearer error="invalid_token"']);
  });

  it('comes from a header or a cookie where that is said, from one place alone, and goes no further', async () => {
    const { filter } = open({ cookie: 'session', header: 'x-token' });
    const cookie = filterRequest([['Cookie', `a=1; session=${rs256()}; b=2`]]);
    assert.equal(await outcome(filter, cookie), 'pass');
    assert.deepEqual(linesOf(cookie), ['Cookie: a=1; b=2']);
    const header = filterRequest([['X-Token', rs256()]]);
    assert.equal(await outcome(filter, header), 'pass');
    assert.deepEqual(linesOf(header), []);
    assert.equal(await outcome(filter, filterRequest([bearer(rs256()), ['X-Token', rs256()]])), 'unauthenticated');
    const crumbs = filterRequest([
      ['Cookie', 'a="x,y"'],
      ['Cookie', `session="${rs256()}"`],
    ]);
    assert.equal(await outcome(filter, crumbs), 'pass');
    assert.deepEqual(linesOf(crumbs), ['Cookie: a="x,y"']);
    const two = filterRequest([['Cookie', `session=${rs256()}; session=x`]]);
    assert.equal(await outcome(filter, two), 'unauthenticated');
    assert.equal(await outcome(filter, filterRequest([], { query: `?access_token=${rs256()}` })), 'unauthenticated');
    assert.equal(await outcome(open().filter, filterRequest([['X-Token', rs256()]])), 'unauthenticated');
  });
});

describe('claims', () => {
  const rule = (text: string) => {
    const parsed = parseClaimsExpression(text);
    assert.ok('kind' in parsed, JSON.stringify(parsed));
    return parsed;
  };
  const claims = {
    ...good,
    scope: 'orders:read admin',
    roles: ['dev', 'ops'],
    ok: true,
    n: 7,
    user: { role: 'admin' },
  };

  for (const [text, expected] of [
    ["Equals('ok', true)", 'pass'],
    ['Equals(`n`, `7`)', 'pass'],
    ["Equals('user.role', 'admin')", 'pass'],
    ["Equals('roles', 'ops')", 'pass'],
    ["Prefix('iss', 'https://issuer')", 'pass'],
    ["Contains('scope', 'admin')", 'pass'],
    ["Contains('roles', 'dev', 'x')", 'pass'],
    ["OneOf('sub', 'bob', 'ann')", 'pass'],
    ["!Equals('sub', 'bob') && (Equals('n', 8) || Equals('n', 7))", 'pass'],
    ["Equals('n', 8) || Equals('n', 7) && Equals('ok', true)", 'pass'],
    ["Contains('scope', 'adm')", 'access_denied'],
    ["Contains('roles', 'de')", 'access_denied'],
    ["Equals('ok', false)", 'access_denied'],
    ["!Equals('suspended', true)", 'access_denied'],
    ["Equals('constructor.name', 'Object')", 'access_denied'],
    ["Equals('user', '[object Object]')", 'access_denied'],
    ["Equals('n', 8) && Equals('n', 7) || Equals('ok', false)", 'access_denied'],
  ] as const)
    it(`${text} ${expected === 'pass' ? 'lets in' : 'refuses'}`, async () => {
      assert.equal(await take(open({ claims: rule(text) }).filter, rs256(claims)), expected);
    });

  for (const text of [
    '',
    'Equals',
    "Equals('a')",
    "Equals('a', 'b'",
    "Equals('a', 'b') &&",
    "Same('a', 'b')",
    "Equals('a', 'b') Equals('a', 'b')",
    "Equals('', 'b')",
    `${'!'.repeat(40)}Equals('a','b')`,
    "Equals('a', 'b); x",
    'process.exit()',
    "Prefix('a', 'b', 'c')",
  ])
    it(`${JSON.stringify(text)} is no expression`, () => {
      assert.ok('problem' in parseClaimsExpression(text));
    });

  it('go to the backend in headers of their own; what is not there in none', async () => {
    const headers = [
      { name: 'X-User', path: ['sub'] },
      { name: 'X-Roles', path: ['roles'] },
      { name: 'X-None', path: ['none'] },
    ];
    const { filter } = open({ headers });
    assert.deepEqual(filter.sets, ['X-User', 'X-Roles', 'X-None']);
    const request = filterRequest([bearer(rs256({ ...claims, sub: 'zoë' }))]);
    assert.equal(await outcome(filter, request), 'pass');
    assert.deepEqual(linesOf(request), [`X-User: ${Buffer.from('zoë').toString('latin1')}`, 'X-Roles: dev,ops']);
  });

  for (const [what, sub] of [
    ['a line break', 'ann\r\nX-Admin: yes'],
    ['a NUL', 'ann\0'],
    ['a comma within an item of a list', ['ann,root']],
    ['a map', { name: 'ann' }],
    ['a blank at its end', 'ann '],
    ['a very long text', 'a'.repeat(5000)],
  ] as const)
    it(`with ${what} go into no header: the token is refused`, async () => {
      const { filter } = open({ headers: [{ name: 'X-User', path: ['sub'] }] });
      assert.equal(await take(filter, rs256({ ...good, sub })), 'access_denied');
    });
});

describe('a token that is bound to a certificate (RFC 8705)', () => {
  const sha256 = '11'.repeat(32);
  const identity = (fingerprint: string): Identity => ({ leaf: { sha256: fingerprint } }) as unknown as Identity;
  const bound = rs256({ ...good, cnf: { 'x5t#S256': Buffer.from(sha256, 'hex').toString('base64url') } });
  const ask = async (filter: JwtAuthFilter, text: string, fingerprint?: string): Promise<string> =>
    outcome(
      filter,
      filterRequest([bearer(text)], fingerprint === undefined ? {} : { identity: identity(fingerprint) }),
    );

  it('is taken with this certificate, with no other, and not without; remembered or not', async () => {
    for (const binding of ['ifBound', 'required'] as const) {
      const { filter } = open({ binding });
      for (let time = 0; time < 2; time++) {
        assert.equal(await ask(filter, bound, '22'.repeat(32)), 'unauthenticated');
        assert.equal(await ask(filter, bound), 'unauthenticated');
        assert.equal(await ask(filter, bound, sha256), 'pass');
      }
    }
  });

  it('is the only one that is taken where that is required; else others are as well', async () => {
    assert.equal(await ask(open({ binding: 'required' }).filter, rs256(), sha256), 'unauthenticated');
    assert.equal(await ask(open().filter, rs256(), sha256), 'pass');
    assert.equal(await ask(open({ binding: 'off' }).filter, bound), 'pass');
  });

  for (const cnf of [{ jkt: 'x' }, {}, 'x', null, { 'x5t#S256': 7 }, { 'x5t#S256': '' }, { 'x5t#S256': 'short' }, []])
    it(`but cannot be compared, is refused: ${JSON.stringify(cnf)}`, async () => {
      assert.equal(await ask(open().filter, rs256({ ...good, cnf }), sha256), 'unauthenticated');
    });
});

describe('keys behind a URL', () => {
  type Call = { readonly url: string; done(outcome: FetchOutcome): void };

  function openRemote() {
    const clock = new HandClock();
    const calls: Call[] = [];
    const lines: string[] = [];
    const fetch = ({ url }: BoundedFetch, done: (outcome: FetchOutcome) => void): void =>
      void calls.push({ url: url.href, done });
    const options = {
      url: 'https://issuer.test/jwks',
      refreshMs: 600_000,
      maxAgeMs: 3_600_000,
      cas: undefined,
      clock,
      lookup: () => {},
      warn: (_: string, __: object, message: string) => void lines.push(message),
      fetch,
    };
    const keys = new RemoteKeys(options);
    const answer = async (body: string | undefined): Promise<void> => {
      const call = calls.shift();
      assert.ok(call !== undefined, 'a fetch is under way');
      call.done(
        body === undefined
          ? { ok: false, problem: 'timeout' }
          : { ok: true, status: 200, bytes: new Uint8Array(Buffer.from(body)), headers: {} },
      );
      await new Promise(setImmediate);
    };
    return { keys, clock, calls, lines, answer, options };
  }
  const one = JSON.stringify({ keys: [jwkOf(rsa.publicKey, { kid: 'one' })] });
  const two = JSON.stringify({ keys: [jwkOf(otherRsa.publicKey, { kid: 'two' })] });
  const ids = async (keys: RemoteKeys): Promise<unknown> => (await keys.keys()).map(({ id }) => id);

  it('are fetched before anybody asks, and who asks meanwhile waits', async () => {
    const { keys, calls, answer } = openRemote();
    assert.equal(calls.length, 1);
    const waiting = ids(keys);
    await answer(one);
    assert.deepEqual(await waiting, ['one']);
    assert.equal(calls.length, 0);
  });

  it('are fetched anew by who comes late, and those of before serve until the new ones are there', async () => {
    const { keys, clock, calls, answer } = openRemote();
    await answer(one);
    clock.turn(601_000);
    assert.deepEqual(await ids(keys), ['one']);
    assert.equal(calls.length, 1);
    await answer(two);
    assert.deepEqual(await ids(keys), ['two']);
  });

  it('that are much too old are not used before they were asked for again', async () => {
    const { keys, clock, answer } = openRemote();
    await answer(one);
    clock.turn(1_201_000);
    const waiting = ids(keys);
    await answer(two);
    assert.deepEqual(await waiting, ['two']);
  });

  it('stay in use where the server is gone, up to their age; then nobody gets in until it is back', async () => {
    const { keys, clock, lines, answer } = openRemote();
    await answer(one);
    clock.turn(1_300_000);
    const waiting = ids(keys);
    await answer(undefined);
    assert.deepEqual(await waiting, ['one']);
    assert.match(lines[0] ?? '', /cannot be fetched \(it took longer than 4 s\): those of before stay in use/);
    clock.turn(2_400_000);
    const refused = assert.rejects(
      async () => keys.keys(),
      (error) => error instanceof Fault && error.code === 'auth_unavailable' && error.status === 503,
    );
    await answer('{"keys": []}');
    await refused;
    clock.turn(6_000);
    const again = ids(keys);
    await answer(two);
    assert.deepEqual(await again, ['two']);
  });

  it('are asked for at once where a token names another, but not for every such token', async () => {
    const { keys, clock, calls, answer } = openRemote();
    await answer(one);
    for (let time = 0; time < 4; time++) {
      const renewed = keys.renewed();
      await answer(time === 3 ? two : one);
      await renewed;
    }
    assert.equal(keys.version, 2);
    for (let time = 0; time < 100; time++) await keys.renewed();
    assert.equal(calls.length, 0);
    clock.turn(10_000);
    void keys.renewed();
    assert.equal(calls.length, 1);
  });

  for (const [what, body] of [
    ['no JSON', '<html>'],
    ['no keys', '{"keys": []}'],
    ['a list that is none', '{"keys": {"a": 1}}'],
    ['secrets only', JSON.stringify({ keys: [{ kty: 'oct', k: 'AAAA' }] })],
    ['too many keys', JSON.stringify({ keys: Array.from({ length: 101 }, () => jwkOf(ed.publicKey)) })],
    [
      'an RSA key of 1024 bits',
      JSON.stringify({ keys: [jwkOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey)] }),
    ],
  ] as const)
    it(`do not become ${what}`, async () => {
      const { keys, clock, lines, answer } = openRemote();
      await answer(one);
      clock.turn(601_000);
      await keys.keys();
      await answer(body);
      assert.deepEqual(await ids(keys), ['one']);
      assert.equal(lines.length, 1);
    });

  it('are one set for all middlewares that ask for the same', () => {
    const { options } = openRemote();
    const sets = new KeySets();
    assert.equal(sets.find(options), sets.find({ ...options }));
    assert.notEqual(sets.find(options), sets.find({ ...options, cas: 'other' }));
  });

  it('that changed make every token be verified again', async () => {
    const { clock, options, calls, answer } = openRemote();
    await answer(one);
    const { dependencies } = filterDependencies({ clock, keySets: { find: () => remote } as unknown as KeySets });
    const remote = new RemoteKeys(options);
    await answer(one);
    const filter = new JwtAuthFilter(
      {
        ...baseConfig(),
        keys: { kind: 'url', url: options.url, refreshMs: 600_000, maxAgeMs: 3_600_000, ca: undefined },
      },
      {},
      dependencies,
    );
    const text = rs256(good, { kid: 'one' });
    assert.equal(await take(filter, text), 'pass');
    clock.turn(601_000);
    await remote.keys();
    await answer(two);
    const again = take(filter, rs256({ ...good, exp: seconds + 2000 }, { kid: 'one' }));
    await eventuallyCalled(calls);
    await answer(two);
    assert.equal(await again, 'unauthenticated');
  });
});

function baseConfig(): Config {
  return {
    name: 'tokens',
    type: 'jwtAuth',
    kind: 'jwtAuth',
    paths: undefined,
    guards: true,
    place: { file: '', line: 1, col: 1 },
    keys: { kind: 'file', ref: { pem: '', place: { file: '', line: 1, col: 1 } } },
    algorithms: ['RS256', 'ES256', 'EdDSA', 'PS256'],
    issuers: ['https://issuer.test'],
    audiences: ['orders'],
    skewMs: 30_000,
    claims: undefined,
    binding: 'ifBound',
    headers: [],
    forwardAuthorization: false,
    cookie: undefined,
    header: undefined,
  };
}

async function eventuallyCalled(calls: readonly unknown[]): Promise<void> {
  while (calls.length === 0) await new Promise(setImmediate);
}
