// Filters that send a client, or its path, elsewhere: where to, and what nobody can make of them.
import assert from 'node:assert/strict';
import { after, describe, it, type TestContext } from 'node:test';
import { openFiltered } from './configured-filters.ts';
import { closePools } from './upstream-setup.ts';

after(closePools);

/** Status, and Location where there is one. */
function outcome(answer: string): [status: number, location: string | undefined] {
  return [Number(/^HTTP\/1.1 (\d+)/.exec(answer)?.[1]), /\r\nLocation: (.*)\r\n/.exec(answer)?.[1]];
}

describe('redirectScheme', () => {
  const open = async (t: TestContext, rule: string) =>
    openFiltered(t, [`{name: r, type: redirectScheme, rule: {${rule}}}`]);

  it('sends clients of plain HTTP to https, with the method kept where it matters', async (t) => {
    const { ask, backend } = await open(t, 'scheme: https');
    assert.deepEqual(outcome(await ask('/a/../b?c=%0d')), [302, 'https://a.test/b?c=%0d']);
    assert.deepEqual(outcome(await ask('/a', '', 'HEAD')), [302, 'https://a.test/a']);
    assert.deepEqual(outcome(await ask('/a', 'Content-Length: 1\r\n', 'POST', 'x')), [307, 'https://a.test/a']);
    assert.equal(backend.requests.length, 0);
  });

  it('for good, and to a port, where it says so', async (t) => {
    const { ask } = await open(t, 'scheme: HTTPS, port: 8443, permanent: true');
    assert.deepEqual(outcome(await ask('/a')), [301, 'https://a.test:8443/a']);
    assert.deepEqual(outcome(await ask('/a', '', 'PUT')), [308, 'https://a.test:8443/a']);
    const { ask: usual } = await open(t, 'port: 443');
    assert.deepEqual(outcome(await usual('/a')), [302, 'https://a.test/a']);
  });

  it('believes nobody that they came over https', async (t) => {
    const { ask, backend } = await open(t, '');
    for (const line of [
      'X-Forwarded-Proto: https',
      'X-Forwarded-Scheme: https',
      'Forwarded: proto=https',
      'X_Forwarded_Proto: https',
    ])
      assert.deepEqual(outcome(await ask('/', `${line}\r\n`)), [302, 'https://a.test/'], line);
    assert.equal(backend.requests.length, 0);
  });

  it('believes a trusted proxy, and says of HTTPS alone what it is', async (t) => {
    const { ask } = await openFiltered(
      t,
      ['{name: r, type: redirectScheme}', '{name: h, type: responseHeaders, rule: {hsts: {}}}'],
      { forwarding: { trustedProxies: ['127.0.0.0/8'] } },
    );
    const secure = await ask('/', 'X-Forwarded-Proto: https\r\n');
    assert.equal(outcome(secure)[0], 200);
    assert.match(secure, /\r\nStrict-Transport-Security: max-age=31536000\r\n/);
    const open = await ask('/', 'X-Forwarded-Proto: http\r\n');
    assert.deepEqual(outcome(open), [302, 'https://a.test/']);
    assert.doesNotMatch(open, /Strict-Transport/);
  });

  it('lets the proof of an authority for certificates pass, and nothing that only looks like it', async (t) => {
    const { ask } = await open(t, '');
    assert.equal(outcome(await ask('/.well-known/acme-challenge/token'))[0], 200);
    for (const path of [
      '/.well-known/acme-challenge/../../admin',
      '/.well-known/acme-challengex',
      '/x/.well-known/acme-challenge/t',
    ])
      assert.equal(outcome(await ask(path))[0], 302, path);
  });

  it('lets those pass that have the scheme already', async (t) => {
    const { ask } = await open(t, 'scheme: http');
    assert.equal(outcome(await ask('/'))[0], 200);
  });
});

describe('redirect', () => {
  const to = async (t: TestContext, url: string, target = '/x?q=1'): Promise<string | undefined> => {
    const { ask } = await openFiltered(t, [`{name: r, type: redirect, rule: {url: "${url}"}}`]);
    return outcome(await ask(target))[1];
  };

  it('sends everybody to one URL; a path keeps the query', async (t) => {
    assert.equal(await to(t, 'https://b.test/new'), 'https://b.test/new');
    assert.equal(await to(t, '/new'), '/new?q=1');
    assert.equal(await to(t, '/new?a=b'), '/new?a=b');
    assert.equal(await to(t, 'https://b.test{request.path}{request.query}'), 'https://b.test/x?q=1');
    assert.equal(await to(t, 'https://b.test/in{request.path}', '/'), 'https://b.test/in/');
  });

  it('names no host of the client, whatever the path', async (t) => {
    for (const target of ['//evil.test', '/%2Fevil.test', '/.evil.test', '/@evil.test', '/:x@evil.test'])
      assert.match((await to(t, 'https://b.test{request.path}', target)) ?? 'https://b.test/', /^https:\/\/b\.test\//);
  });
});

describe('redirectRegex', () => {
  const ask = async (t: TestContext, pattern: string, replacement: string, target: string) => {
    const setup = await openFiltered(t, [
      `{name: r, type: redirectRegex, rule: {pattern: '${pattern}', replacement: '${replacement}', permanent: true}}`,
    ]);
    return outcome(await setup.ask(target));
  };

  it('puts groups of path and query into the location, and lets pass what does not match', async (t) => {
    assert.deepEqual(await ask(t, '^/old/(.*)$', '/new/$1', '/old/a?b=c'), [301, '/new/a?b=c']);
    assert.deepEqual(await ask(t, '^/u\\?id=(\\d+)$', 'https://b.test/u/${1}x', '/u?id=7'), [
      301,
      'https://b.test/u/7x',
    ]);
    assert.deepEqual(await ask(t, '_', '-', '/a_b_c'), [301, '/a-b-c']);
    assert.deepEqual(await ask(t, '^/old', '/new', '/x'), [200, undefined]);
    assert.deepEqual(await ask(t, '^(/.*)/$', '$1', '/a/'), [301, '/a']);
  });

  // Each would name another host, or could be read so by a browser.
  for (const [pattern, replacement, target] of [
    ['^/go\\?to=(.*)$', '$1', '/go?to=//evil.test'],
    ['^/go\\?to=(.*)$', '$1', '/go?to=https://evil.test'],
    ['^/go\\?to=(.*)$', '/$1', '/go?to=/evil.test'],
    ['^/go\\?to=(.*)$', '/$1', '/go?to=\\evil.test'],
    ['^/go\\?to=(.*)$', '/$1', '/go?to=/\\evil.test'],
    ['^/old', 'https://b.test', '/old.evil.test/x'],
    ['^/old', 'https://b.test', '/old@evil.test/x'],
    ['^/old', 'https://b.test', '/old:1@evil.test/x'],
    ['^/old\\?', '', '/old?//evil.test'],
  ] as const)
    it(`refuses to send a client to its own choice: ${replacement} for ${target}`, async (t) => {
      assert.deepEqual(await ask(t, pattern, replacement, target), [400, undefined]);
    });

  it('decodes nothing', async (t) => {
    assert.deepEqual(await ask(t, '^/q\\?(.*)$', '/r?$1', '/q?a=%0d%0aX:1'), [301, '/r?a=%0d%0aX:1']);
  });

  it('refuses targets that are too long for its pattern', async (t) => {
    assert.equal((await ask(t, '/a(.*)b', '/c', `/${'a'.repeat(600)}`))[0], 414);
    assert.equal((await ask(t, '^/a(.*)', '/c', `/${'a'.repeat(7_000)}`))[0], 301);
    assert.equal((await ask(t, 'a', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', `/${'a'.repeat(500)}`))[0], 414);
  });
});

describe('addPrefix, stripPrefix and rewriteRegex', () => {
  it('change the path for the backend, and no query', async (t) => {
    const { ask, target } = await openFiltered(t, [
      `{name: s, type: stripPrefix, rule: {prefixes: [/api, /v1/]}}`,
      `{name: w, type: rewriteRegex, rule: {pattern: "^/users/([0-9]+)$", replacement: "/people/$1"}}`,
      `{name: a, type: addPrefix, rule: {prefix: /in/}}`,
    ]);
    for (const [sent, got] of [
      ['/api/users/7?x=/api', '/in/people/7?x=/api'],
      ['/api', '/in/'],
      ['/apix', '/in/apix'],
      ['/v1/api/a/', '/in/api/a/'],
      ['/', '/in/'],
    ] as const) {
      await ask(sent);
      assert.equal(target(), got, sent);
    }
  });

  it('refuse what they would make no path of, before a backend sees it', async (t) => {
    for (const [pattern, replacement, sent] of [
      ['-', '', '/.-./secret'],
      ['^/a', 'b', '/a'],
      ['x', '/', '/axx/b'],
      ['^/([^/]*)/', '/..$1/', '/;x/a'],
      ['^/(.)/', '/.$1%2e/', '/-/a'],
      ['x', '%2F', '/axb'],
    ] as const) {
      const { ask, backend, defects } = await openFiltered(t, [
        `{name: w, type: rewriteRegex, rule: {pattern: '${pattern}', replacement: '${replacement}'}}`,
      ]);
      assert.equal(outcome(await ask(sent))[0], 400, sent);
      assert.equal(backend.requests.length, 0);
      assert.equal(defects.length, 0);
    }
  });

  it('keep a path in its folder', async (t) => {
    const { ask, backend, target } = await openFiltered(t, [`{name: a, type: addPrefix, rule: {prefix: /public}}`]);
    for (const sent of ['/../secret', '/%2e%2e/secret', '/..;/secret', '/x/../../secret', '/..%2fsecret'])
      assert.equal(outcome(await ask(sent))[0], 400, sent);
    assert.equal(backend.requests.length, 0);
    await ask('//secret');
    assert.equal(target(), '/public/secret');
  });
});

describe('stripQuery', () => {
  it('takes parameters away in every spelling, and leaves the rest as it came', async (t) => {
    const { ask, target } = await openFiltered(t, [
      '{name: q, type: stripQuery, rule: {params: [mount, from], methods: [get]}}',
    ]);
    for (const [sent, got] of [
      ['/a?x=1&mount=2&y=%2f', '/a?x=1&y=%2f'],
      ['/a?mount', '/a'],
      ['/a?%6dount=1&mount[]=2&+from=3', '/a'],
      ['/a?x=1;mount=2&y', '/a?y'],
      ['/a?mounted=1&x=mount', '/a?mounted=1&x=mount'],
      ['/a', '/a'],
    ] as const) {
      await ask(sent);
      assert.equal(target(), got, sent);
    }
    await ask('/a?mount=1', '', 'DELETE');
    assert.equal(target(), '/a?mount=1');
  });
});
