// What is passed on under the rules of a route is that route's path for every backend, however it reads paths.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PathMatch, RouteConfig, RouteMatchConfig } from '../config/gateway-config.ts';
import { matchesAll } from '../config/match-conditions.ts';
import { describeConfusion } from './describe-confusion.ts';
import { explainMatch } from './explain-match.ts';
import { normalizeTarget } from './normalize-target.ts';
import { pathToSend } from './path-to-send.ts';
import { RouteTable } from './route-table.ts';

type Short = {
  path: string;
  match?: Partial<RouteMatchConfig>;
  hosts?: readonly string[];
  methods?: string[];
  priority?: number;
  mergeSlashes?: boolean;
};
type Route = { readonly config: RouteConfig };

const routes = (...shorts: Short[]): Route[] =>
  shorts.map(({ path, match, hosts = [], methods = [], priority = 0, mergeSlashes = true }) => ({
    config: {
      name: `${hosts.join('|')}${path}`,
      path,
      match: { ...matchesAll, ...match },
      allowEncodedSlash: true,
      hosts,
      methods,
      priority,
      mergeSlashes,
    } as unknown as RouteConfig,
  }));

/** Route and path that is sent, or the status. */
function serve(table: RouteTable<Route>, target: string, host = 'h', method = 'GET'): string {
  const normal = normalizeTarget(target);
  if (normal === undefined) return '400';
  const match = table.match(method, host, normal.path);
  if (match.kind === 'no_route') return '404';
  if (match.kind === 'method_not_allowed') return '405';
  if (match.kind !== 'route') return '400';
  const sent = pathToSend(table, method, host, normal, match.route);
  return sent === undefined ? '400' : `${match.route.config.name} ${sent}`;
}

const guarded = new RouteTable(routes({ path: '/' }, { path: '/secret' }));

test('Empty segments are merged before anything is judged, and what was judged is sent', () => {
  for (const target of [
    '//secret/p',
    '///secret/p',
    '/secret//p',
    '/x/..//secret/p',
    '//./secret/p',
    '//x/..//secret///p',
  ])
    assert.equal(serve(guarded, target), '/secret /secret/p');
  assert.equal(serve(guarded, '//x//y/'), '/ /x/y/');
});

const confusing = [
  '/Secret',
  '/SECRET/p',
  '/secret;x/p',
  '/secret%3Bx',
  '/secret%2520/p',
  '/secret%20',
  '/secret.',
  '/secret./p',
  '/secret::$DATA',
  '/%2573ecret',
  '/secret%252fp',
  '/secret%255Cp',
  '/x%252f..%252fsecret',
  '/;/secret',
  '/.../secret',
  '/%20/secret',
  '/%EF%BC%8Fsecret',
  '/%C0%AFsecret',
  '/secret%3fx',
  '/secret%23',
  '/%C5%BFecret',
  '/sec%C0%AFret',
  '/sec%C1%A1ret',
  '/sec%25C1%25A1ret',
  '/sec%C0%25AFret',
  '/secret%E0%80%AE',
];
for (const target of confusing)
  test(`${target} is refused beside a route /secret`, () => assert.equal(serve(guarded, target), '400'));

const neighbours = [
  '/secretary',
  '/secret.txt',
  '/a;b',
  '/Files/%20x',
  '/caf%C3%A9',
  '/x%3Fsecret',
  '/a%252Fb',
  '/v1:secret',
  '/x./y',
  '/C%2B%2B',
  '/caf%E9',
  '/%C0%B4%C1%A6',
  // A Chinese text in GBK, with bytes that Windows-1252 has fractions and a yen sign for.
  '/%BC%D2%A5%BD%BE%AF%85%B4/%A5%BD',
];
for (const target of neighbours)
  test(`${target} is served as it is beside a route /secret`, () =>
    assert.equal(serve(guarded, target), `/ ${target.replace('%2B', '%2B')}`));

test('Within its own route a path may be spelled as it likes, as long as nothing in it climbs', () => {
  for (const path of ['/secret/A;b', '/secret/%20', '/secret/a%252Fb', '/secret/x.', '/secret/caf%E9'])
    assert.equal(serve(guarded, path), `/secret ${path}`);
  for (const path of ['/secret/%252e%252e/x', '/secret/..%20/x']) assert.equal(serve(guarded, path), '400');
});

test('Where there is one route only, every spelling belongs to it', () => {
  const table = new RouteTable(routes({ path: '/' }));
  for (const path of ['/SECRET;x', '/a%252Fb', '/.../x', '/%20/x']) assert.equal(serve(table, path), `/ ${path}`);
  assert.equal(serve(table, '/%252e%252e'), '400');
});

test('A pattern with upper case or parameters of its own is found in every spelling', () => {
  const table = new RouteTable(routes({ path: '/' }, { path: '/API' }, { path: '/caf%c3%a9' }, { path: '/m;v=1' }));
  assert.equal(serve(table, '/API/x'), '/API /API/x');
  assert.equal(serve(table, '/caf%C3%A9/x'), '/caf%c3%a9 /caf%C3%A9/x');
  assert.equal(serve(table, '/m;v=1/x'), '/m;v=1 /m;v=1/x');
  for (const path of ['/api/x', '/Api', '/m', '/m;v=2', '/cafe%CC%81', '/CAF%C3%89'])
    assert.equal(serve(table, path), '400');
  assert.equal(serve(table, '/cafe'), '/ /cafe');
});

test('Spellings that have a route each are taken at their word', () => {
  const table = new RouteTable(routes({ path: '/' }, { path: '/secret' }, { path: '/Secret' }));
  assert.equal(serve(table, '/secret/x'), '/secret /secret/x');
  assert.equal(serve(table, '/Secret/x'), '/Secret /Secret/x');
  assert.equal(serve(table, '/SECRET/x'), '400');
});

test('Hosts, priorities, parameters and methods count for a reading as for the path itself', () => {
  const hosts = new RouteTable(routes({ path: '/' }, { path: '/secret', hosts: ['a.test'] }));
  assert.equal(serve(hosts, '/Secret', 'a.test'), '400');
  assert.equal(serve(hosts, '/Secret', 'b.test'), '/ /Secret');
  const priority = new RouteTable(routes({ path: '/', priority: -1 }, { path: '/secret' }));
  assert.equal(serve(priority, '/Secret'), '/ /Secret');
  const params = new RouteTable(routes({ path: '/' }, { path: '/{tenant}/admin' }));
  assert.equal(serve(params, '/Acme/admin'), '/{tenant}/admin /Acme/admin');
  for (const path of ['/acme/Admin', '/;x/admin', '/a%252fb/admin', '/a%252fadmin', '/%20/admin'])
    assert.equal(serve(params, path), '400', path);
  const methods = new RouteTable(routes({ path: '/' }, { path: '/secret', methods: ['GET'] }));
  assert.equal(serve(methods, '/Secret', 'h', 'PUT'), '400');
  assert.equal(serve(methods, '/secret', 'h', 'PUT'), '405');
  const braces = new RouteTable(routes({ path: '/' }, { path: '/%7Bid%7D/A' }));
  assert.equal(serve(braces, '/x/A'), '/ /x/A', 'an encoded brace is no parameter');
});

const exact = { path: 'exact' } as const;
const regex = { path: 'regex' } as const;

test('Beside a route for one exact path, every spelling of that path is refused, with a slash at its end too', () => {
  const table = new RouteTable(routes({ path: '/' }, { path: '/admin/users', match: exact }));
  assert.equal(serve(table, '/admin/users'), '/admin/users /admin/users');
  assert.equal(serve(table, '//admin//users'), '/admin/users /admin/users');
  for (const path of [
    '/admin/users/',
    '/Admin/users',
    '/admin/users;x',
    '/admin/users%20',
    '/admin/users/%20',
    '/admin/users/;x',
    '/admin/users.',
    '/admin%252fusers',
    '/admin/%2575sers',
    '/admin/users%3Fx',
    '/admin/users%252f',
    '/;/admin/users',
  ])
    assert.equal(serve(table, path), '400', path);
  for (const path of ['/admin', '/admin/', '/admin/users/x', '/admin/users.txt', '/admin/users2/'])
    assert.equal(serve(table, path), `/ ${path}`, path);
});

test('A path for itself and one for all below it are told apart by the slash alone', () => {
  const table = new RouteTable(routes({ path: '/' }, { path: '/docs' }, { path: '/docs', match: exact, hosts: ['h'] }));
  assert.equal(serve(table, '/docs'), 'h/docs /docs');
  for (const path of ['/docs/', '/docs/x', '/docs/x/', '/docs/caf%C3%A9/'])
    assert.equal(serve(table, path), `/docs ${path}`, path);
  for (const path of ['/docs;x', '/docs/;x', '/docs/%20', '/docs%3F/', '/docs%252f'])
    assert.equal(serve(table, path), '400', path);
  const root = new RouteTable(routes({ path: '/' }, { path: '/', match: exact, hosts: ['h'] }));
  assert.equal(serve(root, '/'), 'h/ /');
  assert.equal(serve(root, '/x/'), '/ /x/');
  for (const path of ['/;x', '/%20', '/%3Fx']) assert.equal(serve(root, path), '400', path);
  const parameter = new RouteTable(routes({ path: '/' }, { path: '/{x}', match: exact }));
  assert.equal(serve(parameter, '/a%20b;c'), '/{x} /a%20b;c');
  for (const path of ['/a%C0%AF', '/a%252f', '/a%EF%BC%8F', '/a/']) assert.equal(serve(parameter, path), '400', path);
});

test('Wherever a path may end for somebody, what it is up to there belongs to the same route', () => {
  const table = new RouteTable(routes({ path: '/' }, { path: '/a/b', match: exact }, { path: '/x/{y}', match: exact }));
  for (const path of ['/a;1/b%3Fx/c', '/a/b;x/c', '/a%253b/b;/c', '/a/b%23/c/d', '/x/%253b;/A', '/x/;/A'])
    assert.equal(serve(table, path), '400', path);
  assert.equal(serve(table, '/a;1/c%3Fx/b'), '/ /a;1/c%3Fx/b');
  assert.equal(serve(table, `/z${'/q;r'.repeat(40)}`), '400', 'more of them than are looked at');
});

test('A route with an expression is not passed by a spelling that only some servers read as one that it matches', () => {
  const table = new RouteTable(routes({ path: '/' }, { path: '/v[0-9]+/admin(/.*)?', match: regex }));
  const name = '/v[0-9]+/admin(/.*)?';
  for (const path of ['/v1/admin', '/v22/admin/', '/v1/admin/x;y', '/v1/admin/A%252Fb'])
    assert.equal(serve(table, path), `${name} ${path}`, path);
  for (const path of [
    '/V1/admin',
    '/v1/Admin/x',
    '/v1;x/admin',
    '/v1/admin;x',
    '/v1./admin',
    '/v%2531/admin',
    '/v%EF%BC%91/admin',
    '/v1%252fadmin',
    '/v1/admin%20',
    '/v1/admin%23',
    '/x/%252e%252e/v1/admin',
    '/%20/v1/admin',
    '/v1::$DATA/admin',
  ])
    assert.equal(serve(table, path), '400', path);
  for (const path of ['/v/admin', '/vx/admin', '/v1/administrator', '/v1/x/admin', '/V/admin', '/v1'])
    assert.equal(serve(table, path), `/ ${path}`, path);
});

test('An expression with upper case is found in every spelling', () => {
  const table = new RouteTable(routes({ path: '/' }, { path: '/[A-Z]+\\d', match: regex }));
  assert.equal(serve(table, '/API1'), '/[A-Z]+\\d /API1');
  for (const path of ['/api1', '/Api1', '/API1.', '/API1/']) assert.equal(serve(table, path), '400', path);
  assert.equal(serve(table, '/API1x'), '/ /API1x');
});

test('Conditions count for a reading as for the path itself', () => {
  const bound = [{ path: '/' }, { path: '/secret', match: { policies: ['p'] } }];
  const table = new RouteTable(routes(...bound));
  const asked = (policy: string) => ({ policy, entryPoint: '', header: () => undefined, parameter: () => undefined });
  assert.equal(table.match('GET', 'h', '/Secret', asked('p')).kind, 'ambiguous_path');
  const other = table.match('GET', 'h', '/Secret', asked('q'));
  assert.ok(other.kind === 'route' && other.route.config.path === '/', 'for whom there is no such route');
});

test('%2F passes below a route that every reading of it belongs to', () => {
  const table = new RouteTable(
    routes({ path: '/' }, { path: '/repo' }, { path: '/repo/admin' }, { path: '/{a}/x', match: exact }),
  );
  assert.equal(serve(table, '/repo/group%2fproject/y'), '/repo /repo/group%2Fproject/y');
  for (const path of [
    '/repo%2Fy',
    '/repo%2Fadmin',
    '/repo/y%2F..%2Fadmin',
    '/repo/%2Fadmin',
    '/repo/admin%2F',
    '/b%2fc/x',
  ])
    assert.equal(serve(table, path), '400', path);
  assert.equal(serve(table, '/repo/admin/a%2Fb'), '/repo/admin /repo/admin/a%2Fb');
});

test('mergeSlashes: false keeps empty segments for the backend, never for the rules', () => {
  const table = new RouteTable(
    routes({ path: '/', mergeSlashes: false }, { path: '/proxy', mergeSlashes: false }, { path: '/proxy/secret' }),
  );
  assert.equal(serve(table, '/proxy/https://h/x'), '/proxy /proxy/https://h/x');
  assert.equal(serve(table, '//proxy/https://h//x'), '/proxy /proxy/https://h//x');
  assert.equal(serve(table, '/a//b'), '/ /a//b');
  assert.equal(serve(table, '/proxy//secret/x'), '/proxy/secret /proxy/secret/x', 'this route merges them');
  assert.equal(serve(table, '//a//'), '/ /a//');
  const both = new RouteTable(
    routes({ path: '/proxy', mergeSlashes: false }, { path: '/proxy/secret', mergeSlashes: false }),
  );
  assert.equal(serve(both, '/proxy//secret/x'), '400', 'with its slashes it would belong to /proxy');
  assert.equal(serve(both, '/proxy/secret//x'), '/proxy/secret /proxy/secret//x');
});

test('The reason names both routes and the reading', () => {
  const match = guarded.match('GET', 'h', '/SECRET/x');
  assert.ok(match.kind === 'ambiguous_path');
  assert.equal(describeConfusion(match), 'it selects route /, but read as "/secret/x" route /secret');
  const none = new RouteTable(routes({ path: '/A' })).match('GET', 'h', '/A/%252e');
  assert.ok(none.kind === 'ambiguous_path');
  assert.match(describeConfusion(none), /^it hides dot segments/);
  const long = guarded.match('GET', 'h', `/Secret/${'x'.repeat(9000)}`);
  assert.ok(long.kind === 'ambiguous_path');
  assert.ok(describeConfusion(long).length < 300);
});

// Servers as they are found, each of them a step that a backend may take, in any order and any number.
const steps: readonly ((path: string) => string)[] = [
  (path) => path.toLowerCase(),
  (path) => path.replace(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16))),
  (path) =>
    Buffer.from(
      path.replace(/%([0-9a-f]{2})/gi, (_, d: string) => String.fromCharCode(Number.parseInt(d, 16))),
      'latin1',
    ).toString(),
  (path) => path.normalize('NFKC'),
  (path) => path.replaceAll('\u00c0\u00af', '/').replaceAll('%C0%AF', '/'),
  (path) => path.replaceAll('\u00c1\u00a1', 'a').replaceAll('%C1%A1', 'a'),
  (path) => path.replaceAll('\\', '/'),
  (path) => path.replace(/\/+/g, '/'),
  (path) => path.replace(/;[^/]*/g, ''),
  (path) => path.replace(/;.*/, ''),
  (path) => path.replace(/[?#].*/, ''),
  (path) => path.replace(/[. ]+(?=\/|$)/g, ''),
  (path) => path.replace(/ +(?=\/|$)/g, ''),
  (path) =>
    path
      .split('/')
      .map((part) => part.trim())
      .join('/'),
  (path) => path.replace(/::\$DATA(?=\/|$)/gi, ''),
  (path) => path.replaceAll('\ufffd', ''),
  resolveDots,
];

function resolveDots(path: string): string {
  const out: string[] = [];
  for (const part of path.split('/').slice(1)) {
    if (part === '..') out.pop();
    else if (part !== '.') out.push(part);
  }
  return `/${out.join('/')}`;
}

test('For every path that is passed on, every backend that is known reads the path of the same route', () => {
  const pattern = fc
    .array(fc.constantFrom('a', 'b', 'c', '{x}'), { maxLength: 3 })
    .map((parts) => `/${parts.join('/')}`);
  const short = fc.record({
    path: pattern,
    match: fc.record({ path: fc.constantFrom<PathMatch>('prefix', 'prefix', 'exact', 'regex') }),
    hosts: fc.constantFrom<readonly string[]>([], [], ['a.t'], ['*.t']),
    priority: fc.constantFrom(0, 0, 0, 1, -1),
    mergeSlashes: fc.boolean(),
  });
  const piece = fc.constantFrom(
    ...'/ / / / a b c ab A B a b . .. // ; ;x : %61 %2561 %25 %252f %252F %255c %252e %3b %253b %20 %2520'.split(' '),
    ...'%C0%AF %C1%A1 %AA %EF%BC%8F %EF%BD%81 %FF ::$DATA %3F %23 %253f'.split(' '),
  );
  const path = fc.array(piece, { minLength: 1, maxLength: 9 }).map((pieces) => `/${pieces.join('')}`);
  const backend = fc.array(fc.nat(steps.length - 1), { minLength: 1, maxLength: 5 });
  let passed = 0;
  let misread = 0;
  fc.assert(
    fc.property(
      fc.uniqueArray(short, { minLength: 2, maxLength: 5, selector: (one) => one.path + one.hosts.join('') }),
      fc.array(path, { minLength: 1, maxLength: 8 }),
      fc.array(backend, { minLength: 1, maxLength: 8 }),
      (shorts, paths, backends) => {
        const all = routes(...shorts.map(asWritten));
        const table = new RouteTable(all);
        for (const target of paths) {
          const normal = normalizeTarget(target);
          const match = normal && table.match('GET', 'a.t', normal.path);
          if (normal === undefined || match?.kind !== 'route') continue;
          const sent = pathToSend(table, 'GET', 'a.t', normal, match.route);
          if (sent === undefined) continue;
          passed += 1;
          for (const each of backends) {
            const read: string = each.reduce((text, step) => (steps[step] ?? String)(text), sent);
            if (read !== sent) misread += 1;
            const served = routeOf(all, read.startsWith('/') ? read : `/${read}`);
            assert.equal(served, match.route.config.name, `${target} is sent as ${sent} and read as ${read}`);
          }
        }
      },
    ),
    { numRuns: 4000 },
  );
  assert.ok(passed > 1000 && misread > 1000, `${passed} passed, ${misread} read otherwise`);
});

/** Expressions for some of the parameters. */
function asWritten<S extends Short>(short: S): S {
  if (short.match?.path !== 'regex') return short;
  const path = short.path.replace('{x}', '[ab]+').replaceAll('{x}', '[^/]+').replace('/c', '/[b-c]+');
  return { ...short, path: short.priority === 0 ? `${path === '/' ? '' : path}/.*` : path };
}

/** By the plain statement of the order, without the table. */
function routeOf(all: Route[], path: string): string | undefined {
  return explainMatch(all, 'GET', 'a.t', path).find(({ outcome }) => outcome === 'chosen')?.route.config.name;
}
