import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PathMatch, RouteConfig, RouteMatchConfig } from '../config/gateway-config.ts';
import { matchesAll } from '../config/match-conditions.ts';
import { Doubt, type RequestFacts } from './conditions.ts';
import { explainMatch } from './explain-match.ts';
import { RouteTable } from './route-table.ts';

type Short = {
  path: string;
  match?: Partial<RouteMatchConfig>;
  hosts?: string[];
  methods?: string[];
  priority?: number;
  name?: string;
};
type Route = { readonly config: RouteConfig };

function routes(...shorts: Short[]): Route[] {
  return shorts.map(({ path, match, hosts = [], methods = [], priority = 0, name }) => ({
    config: {
      name: name ?? `${hosts.join('|')}${path}`,
      path,
      match: { ...matchesAll, ...match },
      hosts,
      methods,
      priority,
    } as unknown as RouteConfig,
  }));
}

function winner(all: Route[], host: string, path: string, method = 'GET', facts?: RequestFacts): string {
  const match = new RouteTable(all).match(method, host, path, facts);
  if (match.kind === 'route') return match.route.config.name;
  if (match.kind === 'ambiguous_path') return `400 ${match.route.config.name} or ${match.other?.config.name ?? 'none'}`;
  if (match.kind === 'ambiguous_condition') return `400 ${match.why}`;
  return match.kind === 'no_route' ? '404' : `405 ${match.allow}`;
}

test('A path is a prefix that ends on a segment boundary', () => {
  const all = routes({ path: '/api' });
  for (const path of ['/api', '/api/', '/api/x/y']) assert.equal(winner(all, 'h', path), '/api');
  for (const path of ['/apiary', '/', '/API', '*']) assert.equal(winner(all, 'h', path), '404');
});

test('Lower priority wins before everything else; unset counts as 0', () => {
  const all = routes(
    { path: '/' },
    { path: '/api', priority: 1 },
    { path: '/first', priority: -1 },
    { path: '/first/x' },
  );
  assert.equal(winner(all, 'h', '/api/x'), '/');
  assert.equal(winner(all, 'h', '/first/x'), '/first');
});

test('The more specific path wins: static over {param} over the end, longest prefix', () => {
  const all = routes({ path: '/' }, { path: '/u' }, { path: '/u/{id}' }, { path: '/u/me' }, { path: '/{a}/me/x' });
  assert.equal(winner(all, 'h', '/u/me'), '/u/me');
  assert.equal(winner(all, 'h', '/u/me/x'), '/u/me');
  assert.equal(winner(all, 'h', '/u/7'), '/u/{id}');
  assert.equal(winner(all, 'h', '/u/'), '/u');
  assert.equal(winner(all, 'h', '/v/me/x'), '/{a}/me/x');
  assert.equal(winner(all, 'h', '/v/me'), '/');
});

test('The path beats the host, and a host that does not match falls back to a less specific path', () => {
  const all = routes({ path: '/', hosts: ['a.test'] }, { path: '/api' }, { path: '/api/x', hosts: ['b.test'] });
  assert.equal(winner(all, 'a.test', '/api/x'), '/api');
  assert.equal(winner(all, 'b.test', '/api/x'), 'b.test/api/x');
  assert.equal(winner(all, 'a.test', '/other'), 'a.test/');
  assert.equal(winner(all, 'c.test', '/other'), '404');
});

test('The more specific host wins: exact, {label}, longest suffix, any', () => {
  const all = routes(
    { path: '/' },
    { path: '/', hosts: ['*.test'] },
    { path: '/', hosts: ['*.a.test'] },
    { path: '/', hosts: ['{sub}.a.test'] },
    { path: '/', hosts: ['x.a.test'] },
  );
  assert.equal(winner(all, 'x.a.test', '/'), 'x.a.test/');
  assert.equal(winner(all, 'y.a.test', '/'), '{sub}.a.test/');
  assert.equal(winner(all, 'z.y.a.test', '/'), '*.a.test/');
  assert.equal(winner(all, 'a.test', '/'), '*.test/');
  for (const host of ['test', '', 'nota.example', '::1']) assert.equal(winner(all, host, '/'), '/');
});

test('Host patterns are compared in canonical form, addresses included', () => {
  const all = routes({ path: '/', hosts: ['A.Test.'] }, { path: '/', hosts: ['[0:0::1]'] });
  assert.equal(winner(all, 'a.test', '/'), 'A.Test./');
  assert.equal(winner(all, '::1', '/'), '[0:0::1]/');
});

test('Among equals the first in the file wins', () => {
  const all = routes({ path: '/a', name: 'one' }, { path: '/a/', name: 'two' });
  assert.equal(winner(all, 'h', '/a'), 'one');
});

test('HEAD goes with GET, OPTIONS is not implied, and 405 names every allowed method', () => {
  const all = routes(
    { path: '/a', methods: ['GET'], name: 'read' },
    { path: '/a', methods: ['PUT', 'POST'], name: 'write' },
    { path: '/', name: 'all' },
  );
  assert.equal(winner(all, 'h', '/a', 'HEAD'), 'read');
  assert.equal(winner(all, 'h', '/a', 'PUT'), 'write');
  assert.equal(winner(all, 'h', '/a', 'OPTIONS'), '405 GET, HEAD, POST, PUT');
  assert.equal(winner(all, 'h', '/a', 'get'), '405 GET, HEAD, POST, PUT');
});

test('A method never moves a request to a less specific path or host', () => {
  const all = routes(
    { path: '/' },
    { path: '/admin', methods: ['GET'] },
    { path: '/admin', hosts: ['h'], methods: ['PUT'] },
  );
  assert.equal(winner(all, 'h', '/admin/x', 'DELETE'), '405 PUT');
  assert.equal(winner(all, 'h', '/admin/x', 'GET'), '405 PUT');
  assert.equal(winner(all, 'other', '/admin/x', 'GET'), '/admin');
});

test('A route cannot be escaped from by encoding a character that needs none', () => {
  const all = routes({ path: '/' }, { path: '/v1:admin' }, { path: '/a%40b' });
  assert.equal(winner(all, 'h', '/v1%3Aadmin'), '/v1:admin');
  assert.equal(winner(all, 'h', '/a@b'), '/a%40b');
});

test('Names of built-in properties are plain text in paths and hosts', () => {
  const all = routes({ path: '/__proto__' }, { path: '/constructor', hosts: ['__proto__'] });
  assert.equal(winner(all, 'h', '/__proto__/x'), '/__proto__');
  assert.equal(winner(all, '__proto__', '/constructor'), '__proto__/constructor');
  assert.equal(winner(all, 'h', '/constructor'), '404');
});

test('Explanations name the reason for each loss', () => {
  const all = routes(
    { path: '/a/b', hosts: ['h.test'], name: 'win' },
    { path: '/a/{x}', name: 'param' },
    { path: '/a/b', name: 'anyhost' },
    { path: '/a/b', hosts: ['h.test'], name: 'again' },
    { path: '/a/b/c', name: 'longer' },
    { path: '/', hosts: ['x.test'], name: 'elsewhere' },
    { path: '/a', priority: 3, name: 'late' },
  );
  const told = explainMatch(all, 'GET', 'h.test', '/a/b').map(
    ({ route, outcome }) => `${route.config.name} ${outcome}`,
  );
  assert.deepEqual(told, [
    'win chosen',
    'param less_specific_path',
    'anyhost less_specific_host',
    'again later',
    'longer path',
    'elsewhere host',
    'late priority',
  ]);
});

const facts: RequestFacts = { policy: 'p', entryPoint: 'web', header: () => undefined, parameter: () => undefined };

/** Some of the paths with a parameter become expressions. */
function withExpression<S extends { path: string; match: { path: PathMatch } }>(short: S): S {
  if (short.match.path === 'exact') return short;
  const path = short.path.replace('{x}', '[ab]').replaceAll('{x}', '[a-z]+').replaceAll('%3A', ':');
  return { ...short, path: `${path}(/.*)?`, match: { ...short.match, path: 'regex' } };
}

test('The trie and the plain comparison of all routes agree', () => {
  const segment = fc.constantFrom('a', 'b', '{x}', 'c%3Ad');
  const host = fc.constantFrom('t', 'a.t', 'b.a.t', '*.t', '*.a.t', '{s}.t', '{s}.a.t');
  const short = fc.record({
    path: fc.array(segment, { maxLength: 3 }).map((parts) => `/${parts.join('/')}`),
    match: fc.record({
      path: fc.constantFrom<PathMatch>('prefix', 'prefix', 'exact'),
      policies: fc.constantFrom<readonly string[]>([], [], ['p'], ['q']),
      entryPoints: fc.constantFrom<readonly string[]>([], [], ['web']),
    }),
    hosts: fc.uniqueArray(host, { maxLength: 3 }),
    methods: fc.uniqueArray(fc.constantFrom('GET', 'PUT'), { maxLength: 2 }),
    priority: fc.integer({ min: -1, max: 1 }),
  });
  const path = fc
    .tuple(fc.array(fc.constantFrom('a', 'b', 'z', 'c:d'), { maxLength: 4 }), fc.constantFrom('', '/'))
    .map(([parts, slash]) => `/${parts.join('/')}${parts.length > 0 ? slash : ''}`);
  const asked = fc.tuple(
    fc.constantFrom('GET', 'PUT', 'HEAD'),
    fc.constantFrom('', 't', 'a.t', 'b.a.t', 'c.b.a.t', 'u'),
    path,
  );
  fc.assert(
    fc.property(fc.array(short, { maxLength: 12 }), fc.array(asked, { minLength: 1, maxLength: 6 }), (shorts, asks) => {
      const written = shorts.map((one) => (one.path.includes('{x}') ? withExpression(one) : one));
      const all = routes(...written.map((one, i) => ({ ...one, name: `r${i}` })));
      const table = new RouteTable(all);
      for (const [method, name, given] of asks) {
        const match = table.match(method, name, given, facts);
        const told = explainMatch(all, method, name, given, facts);
        const chosen = told.find((one) => one.outcome === 'chosen')?.route;
        // A slash at the end, where a route is for the very path: told apart in path-confusion.test.ts.
        if (match.kind === 'ambiguous_path') continue;
        if (match.kind === 'route') assert.equal(match.route, chosen);
        else assert.equal(chosen, undefined);
        assert.equal(
          match.kind === 'method_not_allowed',
          chosen === undefined && told.some((one) => one.outcome === 'method'),
        );
      }
    }),
    { numRuns: 1500 },
  );
});

test('A look-up among 10,000 routes visits the nodes of the path, not the routes', () => {
  const many = Array.from({ length: 10_000 }, (_, i) => ({
    path: `/svc${i}/{id}`,
    hosts: [`h${i % 100}.test`],
    priority: i,
  }));
  const all = routes(...many, { path: '/', priority: 20_000, name: 'rest' });
  let read = 0;
  const counted = all.map(({ config }) => ({
    get config() {
      read++;
      return config;
    },
  }));
  const table = new RouteTable(counted);
  read = 0;
  const match = table.match('GET', 'h42.test', '/svc4242/7/x');
  assert.ok(match.kind === 'route' && match.route === counted[4242]);
  assert.equal(table.match('GET', 'h1.test', '/svc4242/7').kind, 'route');
  assert.equal(read, 0);
});

const exact = { path: 'exact' } as const;
const regex = { path: 'regex' } as const;

test('An exact path is for itself alone, and goes before the prefix of the same text', () => {
  const all = routes(
    { path: '/' },
    { path: '/a/b', match: exact, name: 'exact' },
    { path: '/a/b' },
    { path: '/', match: exact, name: 'home' },
  );
  assert.equal(winner(all, 'h', '/a/b'), 'exact');
  for (const path of ['/a/b/', '/a/b/c']) assert.equal(winner(all, 'h', path), '/a/b');
  assert.equal(winner(all, 'h', '/'), 'home');
  assert.equal(winner(all, 'h', '/a'), '/');
  const alone = routes({ path: '/a/{x}', match: exact, name: 'exact' });
  assert.equal(winner(alone, 'h', '/a/b'), 'exact');
  for (const path of ['/a', '/a/', '/a/b/c', '/a/b/']) assert.equal(winner(alone, 'h', path), '404');
});

test('An expression matches the whole path, goes behind text and before {param}, and the first of several goes first', () => {
  const all = routes(
    { path: '/{x}', name: 'param' },
    { path: '/v[0-9]+/.*', match: regex, name: 'version' },
    { path: '/v1', name: 'text' },
    { path: '/(?:v[0-9]|w)/x', match: regex, name: 'later' },
    { path: '/files/([a-z]+)\\.pdf', match: regex, name: 'file' },
  );
  assert.equal(winner(all, 'h', '/v1/x'), 'text');
  assert.equal(winner(all, 'h', '/v22/x'), 'version');
  assert.equal(winner(all, 'h', '/v2/x'), 'version');
  assert.equal(winner(all, 'h', '/w/x'), 'later');
  assert.equal(winner(all, 'h', '/w/y'), 'param');
  assert.equal(winner(all, 'h', '/files/a.pdf'), 'file');
  for (const path of ['/files/a-pdf', '/files/a.pdf.exe', '/files/.pdf', '/files/a.pdf/x', '/xfiles/a.pdf'])
    assert.equal(winner(all, 'h', path), 'param', path);
});

const asked = (more: Partial<RequestFacts>): RequestFacts => ({ ...facts, ...more });
const header = (name: string, value: string): Partial<RequestFacts> => ({
  header: (wanted) => (wanted === name ? value : undefined),
});

test('A route whose conditions do not hold leaves the request to the next, and more conditions go first', () => {
  const plain = { value: undefined, regex: undefined, invert: false };
  const beta = { ...plain, name: 'x-beta', value: '1' };
  const all = routes(
    { path: '/a', name: 'any' },
    { path: '/a', name: 'beta', match: { headers: [beta] } },
    {
      path: '/a',
      name: 'beta and page',
      match: { headers: [beta], query: [{ ...plain, name: 'page', regex: '[0-9]+' }] },
    },
    { path: '/a', name: 'not beta', match: { methods: ['PUT'], headers: [{ ...beta, invert: true }] } },
    { path: '/', name: 'rest' },
    { path: '/only', match: { policies: ['q'] }, name: 'q' },
    { path: '/web', match: { entryPoints: ['web'] }, methods: ['GET'], name: 'web' },
  );
  assert.equal(winner(all, 'h', '/a', 'GET', facts), 'any');
  assert.equal(winner(all, 'h', '/a', 'GET'), 'any', 'of whom nothing is known meets nothing');
  assert.equal(winner(all, 'h', '/a', 'GET', asked(header('x-beta', '1'))), 'beta');
  assert.equal(winner(all, 'h', '/a', 'GET', asked(header('x-beta', '2'))), 'any');
  const paged = asked({ ...header('x-beta', '1'), parameter: () => '12' });
  assert.equal(winner(all, 'h', '/a', 'GET', paged), 'beta and page');
  assert.equal(winner(all, 'h', '/a', 'PUT', facts), 'not beta');
  assert.equal(winner(all, 'h', '/only', 'GET', facts), 'rest');
  assert.equal(winner(all, 'h', '/only', 'GET', asked({ policy: 'q' })), 'q');
  assert.equal(winner(all, 'h', '/web', 'PUT', facts), '405 GET, HEAD');
  assert.equal(winner(all, 'h', '/web', 'PUT', asked({ entryPoint: 'x' })), 'rest');
});

test('What cannot be judged is refused, whichever route would be left', () => {
  const condition = { name: 'x', value: undefined, regex: 'a*', invert: false };
  const all = routes({ path: '/' }, { path: '/a', match: { headers: [condition] } });
  assert.match(winner(all, 'h', '/a', 'GET', asked(header('x', 'a'.repeat(600)))), /^400 header x is longer/);
  assert.match(winner(all, 'h', '/a', 'GET', asked({ header: () => new Doubt('twice') })), /^400 twice/);
  const long = routes({ path: '/' }, { path: '/[a-z]+/admin', match: regex });
  assert.match(winner(long, 'h', `/${'a'.repeat(600)}/admin`), /^400 a segment/);
});
