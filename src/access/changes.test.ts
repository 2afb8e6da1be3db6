// Who may enter, and what changes in it, over configurations as people write them: both sides of each.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseConfig } from '../config/parse-config.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import { mintCa } from '../certs/test-ca.ts';
import { compareAccess } from './changes.ts';
import { listAccess } from './rows.ts';
import { accessToJson, printAccess } from './print-rows.ts';
import { accessLogFields, changesToJson, describeChanges, printChanges } from './print-changes.ts';

const [one, other] = [await mintCa({ cn: 'One' }), await mintCa({ cn: 'Other' })];

type Written = {
  /** Lines for `gateway:`. */
  readonly gateway?: string;
  readonly clientAuth?: string;
  readonly policies?: readonly string[];
  readonly routes?: readonly string[];
  readonly cas?: readonly string[];
};

const optional = '{clientCA: ca.pem, required: false}';
const required = '{clientCA: ca.pem, required: true}';
const openRoute = ', security: {clientCert: {required: false}}';

function load({ gateway = '', clientAuth = optional, policies = [], routes = [], cas = [one.certPem] }: Written = {}) {
  const text = `gateway:
${gateway}
  tls:
${clientAuth === '' ? '' : `    clientAuth: ${clientAuth}`}
    policies: [${policies.join(', ')}]
  routes:
${routes.map((route) => `    - {target: "http://b:1", ${route}}`).join('\n')}
`;
  const { config, problems } = parseConfig({ file: '/gw.yml', text, extra: [], env: {}, strict: true });
  assert.ok(config !== undefined, JSON.stringify(problems));
  const loaded: LoadedConfig = {
    config,
    revision: 0,
    adminLogin: undefined,
    alertReceivers: [],
    policies: [config.tls.gateway, ...config.tls.policies].map((policy) => ({
      config: policy,
      certificates: [],
      anchors: policy.clientAuth && cas,
      trustDomains: [],
      crlKey: undefined,
    })),
    routes: config.routes.map((route) => ({
      config: route,
      tls: { rootCAs: undefined, clientPair: undefined, crlKey: undefined },
      filters: [],
    })),
    named: { certificates: [], caBundles: [] },
    expiries: [],
    crls: [],
    staples: [],
    ticketSecret: undefined,
    inputs: {
      problems: [],
      materials: { files: new Map(), folders: new Map() },
      delivered: new Map(),
      pending: new Set(),
    },
  };
  return loaded;
}

/** Policy, hosts, methods, path, over TLS, over plain HTTP. */
function rows(written: Written): string[] {
  return listAccess(load(written)).map(({ policy, hosts, methods, route, secure, plain }) => {
    const who = [secure, plain].map((one) => (one.kind === 'nobody' ? one.why : one.kind)).join(' ');
    return `${route.config.name} ${policy?.config.name} [${hosts.join()}] [${methods.join()}] ${who}`;
  });
}

describe('who may call', () => {
  const may = `{name: may, hosts: [may.test], clientAuth: ${optional}}`;
  const must = `{name: must, hosts: [must.test, "*.must.test"], clientAuth: ${required}}`;
  const www = '{name: www, hosts: [www.test]}';

  it('is told for each route under each policy that serves it', () => {
    const routes = [
      'name: all, path: /',
      'name: here, path: /x, hosts: [may.test, must.test, www.test], methods: [GET]',
    ];
    assert.deepEqual(rows({ policies: [may, must, www], routes }), [
      'all may [may.test] [] anyone anyone',
      'all must [must.test,*.must.test] [] certificate plaintext',
      'all www [www.test] [] anyone anyone',
      'here may [may.test] [GET] anyone anyone',
      'here must [must.test] [GET] certificate plaintext',
      'here www [www.test] [GET] anyone anyone',
    ]);
  });

  it('follows the default of routes, the default of the policy, and the word of the route, in this order', () => {
    const gateway = '  defaults: {security: {clientCert: {required: true}}}';
    const lax = `{name: lax, hosts: [lax.test], clientAuth: ${optional}, defaults: {security: {clientCert: {required: false}}}}`;
    const hosts = 'hosts: [a.test, lax.test]';
    const routes = [`name: silent, path: /, ${hosts}`, `name: open, path: /o, ${hosts}${openRoute}`];
    routes.push(`name: closed, path: /c, ${hosts}, security: {clientCert: {}}`);
    assert.deepEqual(rows({ gateway, policies: [lax], routes }), [
      'silent gateway [a.test] [] certificate plaintext',
      'silent lax [lax.test] [] anyone anyone',
      'open gateway [a.test] [] anyone anyone',
      'open lax [lax.test] [] anyone anyone',
      'closed gateway [a.test] [] certificate plaintext',
      'closed lax [lax.test] [] certificate plaintext',
    ]);
  });

  it('says nobody where a certificate is required and not asked for, where an entry point is off, and where a route is hidden', () => {
    const routes = [
      'name: a, path: /, hosts: [a.test, www.test], security: {clientCert: {}}',
      'name: b, path: /, hosts: [a.test]',
    ];
    const gateway = '  entryPoints: {web: {enabled: false}}';
    assert.deepEqual(rows({ gateway, policies: [www], routes }), [
      'a gateway [a.test] [] certificate off',
      'a www [www.test] [] not_asked off',
      'b undefined [a.test] [] no_route no_route',
    ]);
  });

  it('is printed as a table, and as JSON with the same', () => {
    const allow = '[{trustDomain: ops.test}, {type: DNS, exact: a.test}]';
    const routes = [
      'name: open, path: /, hosts: [a.test]',
      `name: ops, path: /ops, hosts: [a.test], security: {clientCert: {allow: ${allow}}}`,
    ];
    const loaded = load({ routes, cas: [one.certPem, other.certPem] });
    const text = printAccess(loaded, listAccess(loaded)).join('\n');
    assert.match(text, /^policy gateway: client certificate asked for, not required, from "CN=One", "CN=Other"/m);
    assert.match(text, /a\.test +every +\/ +open +anyone +anyone$/m);
    assert.match(
      text,
      /a\.test +every +\/ops +ops +308 or 403 +certificate of "CN=One", "CN=Other" with trustDomain "ops\.test", DNS exact "a\.test"$/m,
    );
    const { access } = accessToJson(loaded, listAccess(loaded)) as { access: Record<string, unknown>[] };
    assert.deepEqual(
      access.map(({ route, webSecure, web }) => [route, webSecure, web]),
      [
        ['open', { who: 'anyone' }, { who: 'anyone' }],
        [
          'ops',
          { who: 'certificate', allow: 'trustDomain "ops.test", DNS exact "a.test"' },
          { who: 'nobody', why: 'plaintext' },
        ],
      ],
    );
  });
});

describe('what changes in who may enter', () => {
  const base = [
    'name: site, path: /, hosts: [a.test]',
    'name: admin, path: /admin, hosts: [a.test], security: {clientCert: {}}',
  ];
  const changed = (before: Written, after: Written) => describeChanges(compareAccess(load(before), load(after)));
  const nothing = { opened: [], closed: [], rules: [] };

  it('is nothing where only other things change', () => {
    const same = base.map((route) => `${route}, timeouts: {idle: 5s}`);
    assert.deepEqual(changed({ routes: base }, { routes: same }), nothing);
    assert.deepEqual(changed({ routes: base }, { routes: base.toReversed() }), nothing);
  });

  it('a route that is opened, and back', () => {
    const routes = base.map((route) => route.replace('{clientCert: {}}', '{clientCert: {required: false}}'));
    const [closed, opened] = ['a certificate (policy gateway)', 'anyone, over plain HTTP too'];
    assert.deepEqual(changed({ routes: base }, { routes }), {
      ...nothing,
      opened: [`/admin on a.test: ${closed} → ${opened} (route admin)`],
    });
    assert.deepEqual(changed({ routes }, { routes: base }), {
      ...nothing,
      closed: [`/admin on a.test: ${opened} → ${closed} (route admin)`],
    });
  });

  it('a guarded route that goes away and leaves its path to an open one is an opening', () => {
    const { opened, closed, rules } = changed({ routes: base }, { routes: base.slice(0, 1) });
    assert.deepEqual(opened, [
      '/admin on a.test: a certificate (policy gateway) → anyone, over plain HTTP too (route admin → site)',
    ]);
    assert.deepEqual([closed, rules], [[], []]);
  });

  it('so is one that loses a method or a host to it, or that another with a lower priority goes before', () => {
    const post = [base[0] ?? '', base[1]?.replace('path: /admin', 'path: /admin, methods: [GET]') ?? ''];
    // Whatever is not a GET is 405 now: closed.
    assert.deepEqual(changed({ routes: base }, { routes: post }).closed, [
      'other methods /admin on a.test: a certificate (policy gateway) → nobody (405) (route admin → none)',
    ]);
    const priority = [`${base[0]}, priority: -1`, base[1] ?? ''];
    assert.deepEqual(changed({ routes: base }, { routes: priority }).opened, [
      '/admin on a.test: a certificate (policy gateway) → anyone, over plain HTTP too (route admin → site)',
    ]);
    const hosts = ['name: site, path: /', base[1]?.replace('hosts: [a.test]', 'hosts: [b.test]') ?? ''];
    const every = ['name: site, path: /', base[1] ?? ''];
    const moved = changed({ routes: every }, { routes: hosts });
    assert.deepEqual(moved.opened, [
      '/admin on a.test: a certificate (policy gateway) → anyone, over plain HTTP too (route admin → site)',
    ]);
    assert.deepEqual(moved.closed, [
      '/admin on b.test: anyone, over plain HTTP too → a certificate (policy gateway) (route site → admin)',
    ]);
  });

  it('a host that moves to a laxer policy, and a handshake that requires no certificate any more', () => {
    const routes = ['name: all, path: /, hosts: [a.test, b.test]'];
    const lax = '{name: lax, hosts: [b.test]}';
    assert.deepEqual(changed({ clientAuth: required, routes }, { clientAuth: required, policies: [lax], routes }), {
      ...nothing,
      opened: ['/ on b.test: a certificate (policy gateway) → anyone, over plain HTTP too (route all)'],
    });
    assert.deepEqual(changed({ clientAuth: required, routes }, { routes }), {
      ...nothing,
      opened: ['/ on a.test, b.test: a certificate (policy gateway) → anyone, over plain HTTP too (route all)'],
      rules: ['policy gateway: required at the handshake → not at the handshake'],
    });
  });

  it('the plain entry point that is switched on', () => {
    const routes = ['name: all, path: /, hosts: [a.test]'];
    const off = '  entryPoints: {web: {enabled: false}}';
    assert.deepEqual(changed({ gateway: off, routes }, { routes }).opened, [
      '/ on a.test: anyone → anyone, over plain HTTP too (route all)',
    ]);
  });

  it('the default of routes', () => {
    const gateway = '  defaults: {security: {clientCert: {required: true}}}';
    const routes = ['name: all, path: /', `name: open, path: /o${openRoute}`];
    const { opened, closed, rules } = changed({ gateway, routes }, { routes });
    assert.deepEqual(opened, [
      '/ on other hosts: a certificate (policy gateway) → anyone, over plain HTTP too (route all)',
    ]);
    assert.deepEqual([closed, rules], [[], []]);
  });

  it('rules: of a route, CAs by subject, and each term of a policy', () => {
    const rule = (domain: string): string[] => [
      `name: all, path: /, hosts: [a.test], security: {clientCert: {allow: [{trustDomain: ${domain}}]}}`,
    ];
    assert.deepEqual(changed({ routes: rule('x.test') }, { routes: rule('y.test') }).rules, [
      '/ on a.test: a certificate with trustDomain "x.test" (policy gateway) → a certificate with trustDomain "y.test" (policy gateway) (route all)',
    ]);
    assert.deepEqual(changed({ routes: base }, { routes: base, cas: [other.certPem] }), {
      ...nothing,
      rules: ['policy gateway: CA added "CN=Other"; CA removed "CN=One"'],
    });
    const tighter = '{clientCA: ca.pem, required: false, maxDepth: 2, allowedSANs: [{type: DNS, suffix: .x.test}]}';
    assert.deepEqual(changed({ routes: base }, { routes: base, clientAuth: tighter }).rules, [
      'policy gateway: maxDepth 4 → 2; allowedSANs none → DNS suffix ".x.test"',
    ]);
  });

  it('is bounded in the log and on a terminal, and told where it could not be compared in full', () => {
    const many = (more: string): string[] =>
      Array.from({ length: 400 }, (_, at) => `name: r${at}, path: /${at}, hosts: [h${at}.test]${more}`);
    const changes = compareAccess(load({ routes: many('') }), load({ routes: many(', security: {clientCert: {}}') }));
    assert.equal(changes.complete, false);
    assert.equal(changes.closed.length, 400);
    const { opened, closed = [] } = accessLogFields(changes);
    assert.deepEqual([opened, closed.length, closed.at(-1)], [undefined, 11, 'and 390 more']);
    const printed = printChanges(changes, 'old.yml');
    assert.ok(printed.includes('  and 300 more') && printed.at(-1)?.startsWith('too many') === true);
    assert.deepEqual(accessLogFields(compareAccess(load({ routes: base }), load({ routes: base }))), {});
    assert.equal((changesToJson(changes, 'old.yml') as { closed: string[] }).closed.length, 400);
  });

  it('names nothing that could move the cursor of a terminal', () => {
    const routes = ['name: "a\\u202eb", path: /, hosts: [a.test]'];
    const { opened } = changed({ routes: [] }, { routes });
    assert.match(opened.join(), /route none → a\\u\{202e\}b/);
  });
});

describe('conditions of routes', () => {
  const policies = ['{name: p, hosts: [p.test], clientAuth: {clientCA: ca.pem, required: true}}'];
  const beta = 'name: beta, path: /a, match: {headers: [{name: x-beta, value: "1"}]}';
  const rest = `name: rest, path: /a${openRoute}`;
  const guard = ', security: {clientCert: {required: true}}';

  it('are shown, and a route with some is met by whoever meets them', () => {
    const loaded = load({ routes: [rest, beta + guard] });
    const text = printAccess(loaded, listAccess(loaded)).join('\n');
    assert.match(text, /\/a \(header x-beta is "1"\) +beta .*certificate/);
    assert.match(text, /\/a +rest .*anyone/);
    assert.doesNotMatch(text, /never reached/);
  });

  it('count in what a reload opens and closes', () => {
    const opened = compareAccess(load({ routes: [rest, beta + guard] }), load({ routes: [rest, beta + openRoute] }));
    assert.deepEqual(
      opened.opened.map(({ path, conditions }) => [path, conditions]),
      [['/a', 'header x-beta is "1"']],
    );
    assert.deepEqual(opened.closed, []);
    const gone = compareAccess(load({ routes: [rest, beta + guard] }), load({ routes: [rest] }));
    assert.equal(gone.opened.length, 1, 'who met the condition meets the open route now');
    const same = compareAccess(load({ routes: [rest, beta + guard] }), load({ routes: [beta + guard, rest] }));
    assert.deepEqual([same.opened, same.closed, same.rules], [[], [], []]);
  });

  it('that bind a route to a policy leave it out for other hosts, and over plain HTTP', () => {
    const bound = load({
      policies,
      routes: [`name: bound, path: /, hosts: [p.test, open.test]${openRoute}, policies: [p]`],
    });
    const rows = listAccess(bound);
    assert.deepEqual(
      rows.map(({ policy, secure, plain }) => [policy?.config.name, secure.kind, plain.kind]),
      [['p', 'certificate', 'nobody']],
    );
    const freed = compareAccess(
      bound,
      load({ policies, routes: [`name: bound, path: /, hosts: [p.test, open.test]${openRoute}`] }),
    );
    assert.ok(freed.opened.length > 0);
  });

  it('that name entry points are looked at on these', () => {
    const gateway = '  entryPoints: {more: {inner: {address: ":9443"}, probes: {address: ":8081", protocol: http}}}';
    const [row] = listAccess(load({ gateway, routes: [`name: in, path: /${openRoute}, entryPoints: [probes]`] }));
    assert.deepEqual([row?.secure.kind, row?.plain.kind], ['nobody', 'anyone']);
  });

  it('and expressions have paths that stand for them', () => {
    const path = 'path: "/v[0-9]+/(a|b)(/.*)?", pathMatch: regex';
    const closed = load({ routes: [`name: all, path: /${openRoute}`, `name: v, ${path}${guard}`] });
    const open = load({ routes: [`name: all, path: /${openRoute}`, `name: v, ${path}${openRoute}`] });
    assert.deepEqual(
      compareAccess(closed, open).opened.map((change) => change.path),
      ['/v[0-9]+/(a|b)(/.*)?'],
    );
  });
});
