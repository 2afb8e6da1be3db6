// Pages of other origins: what a browser is told before it calls, what it lets a page read, and what no page gets by guessing.
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { openFiltered } from './configured-filters.ts';
import { closePools } from './upstream-setup.ts';

after(closePools);

const app = 'https://app.example';
const preflight = (origin: string, method = 'POST', headers = 'x-a, X-B'): string =>
  `Origin: ${origin}\r\nAccess-Control-Request-Method: ${method}\r\nAccess-Control-Request-Headers: ${headers}\r\n`;

/** Fields about other origins, and Vary, by lower-case name. */
function corsFields(answer: string): Record<string, string> {
  const lines = answer.slice(0, answer.indexOf('\r\n\r\n')).split('\r\n');
  const fields: Record<string, string> = {};
  for (const line of lines) {
    const [, name = '', value = ''] = /^(Access-Control-[A-Za-z-]+|Vary): (.*)$/i.exec(line) ?? [];
    if (name === '') continue;
    const lower = name.toLowerCase().replace('access-control-', '');
    fields[lower] = lower in fields ? `${fields[lower]}, ${value}` : value;
  }
  return fields;
}

const statusOf = (answer: string): number => Number(/^HTTP\/1.1 (\d+)/.exec(answer)?.[1]);

const rule = `origins: ["${app}", "https://*.sub.example", "http://localhost:3000"], allowMethods: [put], allowedHeaders: [X-A], exposeHeaders: [X-Total], allowCredentials: true, maxAge: 600`;

const places = {
  'a middleware cors': { middlewares: [`{name: c, type: cors, rule: {${rule}}}`], route: 'methods: [GET, POST]' },
  'a middleware responseHeaders': {
    middlewares: [`{name: c, type: responseHeaders, rule: {cors: {enabled: true, ${rule}}}}`],
    route: 'methods: [GET, POST]',
  },
  'the key cors of a route': { middlewares: [], route: `methods: [GET, POST], cors: {${rule}}` },
} as const;

for (const [place, { middlewares, route }] of Object.entries(places))
  describe(`cors as ${place}`, () => {
    it('answers the preflight of a page that may call, and asks no backend', async (t) => {
      const { ask, backend } = await openFiltered(t, middlewares, { route });
      for (const origin of [app, 'https://a.sub.example', 'https://b.a.sub.example', 'http://localhost:3000']) {
        const answer = await ask('/', preflight(origin), 'OPTIONS');
        assert.equal(statusOf(answer), 204);
        assert.deepEqual(corsFields(answer), {
          'allow-origin': origin,
          'allow-credentials': 'true',
          'allow-methods': 'GET, POST, PUT',
          'allow-headers': 'X-A',
          'expose-headers': 'X-Total',
          'max-age': '600',
          vary: 'Access-Control-Request-Method, Access-Control-Request-Headers, Origin',
        });
      }
      assert.equal(backend.requests.length, 0);
    });

    // Each is somebody else's, however much it looks like one of ours.
    for (const origin of [
      'null',
      'https://evil.example',
      'http://app.example',
      'https://app.example.evil.example',
      'https://evilapp.example',
      'https://app.example:8443',
      'https://sub.example',
      'https://evilsub.example',
      'https://a.sub.example.evil.example',
      'https://a@.sub.example',
      'https://evil.example/.sub.example',
      'https://evil.example#.sub.example',
      `${app}, https://evil.example`,
      'https://APP.example',
    ])
      it(`refuses that of ${origin}, without a word of who may`, async (t) => {
        const { ask, backend } = await openFiltered(t, middlewares, { route });
        const refused = await ask('/', preflight(origin), 'OPTIONS');
        assert.equal(statusOf(refused), 403);
        assert.deepEqual(corsFields(refused), { vary: 'Origin' });
        assert.equal(backend.requests.length, 0);
        assert.deepEqual(corsFields(await ask('/', `Origin: ${origin}\r\n`)), { vary: 'Origin' });
      });

    it('lets the page read the answer, and removes what the backend says of other origins', async (t) => {
      const { ask } = await openFiltered(t, middlewares, {
        route,
        backend: {
          answer: (_, response) =>
            response
              .writeHead(200, {
                'Access-Control-Allow-Origin': '*',
                'Access-Control-Allow-Methods': 'DELETE',
                'Access-Control-Expose-Headers': '*',
                Vary: 'Accept',
              })
              .end('x'),
        },
      });
      const answer = await ask('/', `Origin: ${app}\r\n`);
      assert.deepEqual(corsFields(answer), {
        'allow-origin': app,
        'allow-credentials': 'true',
        'expose-headers': 'X-Total',
        vary: 'Accept, Origin',
      });
      assert.deepEqual(corsFields(await ask('/', 'Origin: https://evil.example\r\n')), { vary: 'Accept, Origin' });
      assert.deepEqual(corsFields(await ask('/')), { vary: 'Accept, Origin' });
    });

    it('takes an OPTIONS that is no preflight for what the route does not serve', async (t) => {
      const { ask, backend } = await openFiltered(t, middlewares, { route });
      for (const lines of [
        '',
        `Origin: ${app}\r\n`,
        'Access-Control-Request-Method: GET\r\n',
        preflight(app, 'DELETE'),
      ])
        assert.equal(statusOf(await ask('/', lines, 'OPTIONS')), 405, lines);
      assert.equal(statusOf(await ask('/', preflight(app, 'POST'), 'OPTIONS')), 204);
      assert.equal(backend.requests.length, 0);
    });
  });

describe('cors', () => {
  it('comes before what asks for credentials, and makes refusals readable', async (t) => {
    const { ask } = await openFiltered(t, [
      `{name: no, type: access}`,
      `{name: c, type: cors, rule: {origins: ["${app}"]}}`,
    ]);
    assert.equal(statusOf(await ask('/', preflight(app), 'OPTIONS')), 204);
    const refused = await ask('/', `Origin: ${app}\r\n`);
    assert.equal(statusOf(refused), 403);
    assert.deepEqual(corsFields(refused), { 'allow-origin': app, vary: 'Origin' });
  });

  it('makes maintenance readable too', async (t) => {
    const { ask } = await openFiltered(t, [`{name: c, type: cors, rule: {origins: ["${app}"]}}`], {
      route: 'maintenance: {enabled: true}',
    });
    assert.equal(statusOf(await ask('/', preflight(app), 'OPTIONS')), 204);
    assert.equal(corsFields(await ask('/', `Origin: ${app}\r\n`))['allow-origin'], app);
  });

  it('for everybody says so, and lets no credentials go along', async (t) => {
    const { ask } = await openFiltered(t, [`{name: c, type: cors, rule: {origins: ["*"]}}`]);
    for (const lines of ['', 'Origin: null\r\n', 'Origin: https://evil.example\r\n'])
      assert.deepEqual(corsFields(await ask('/', lines)), { 'allow-origin': '*', vary: 'Origin' });
    assert.deepEqual(corsFields(await ask('/', preflight(app, 'PATCH'), 'OPTIONS')), {
      'allow-origin': '*',
      'allow-methods': 'PATCH',
      'allow-headers': 'x-a, X-B',
      vary: 'Access-Control-Request-Method, Access-Control-Request-Headers, Origin',
    });
  });

  it('echoes nothing that is no list of names', async (t) => {
    const { ask } = await openFiltered(t, [`{name: c, type: cors, rule: {origins: ["${app}"]}}`]);
    for (const [method, headers] of [
      ['P T', 'a b'],
      ['GET, (x)', 'a;b'],
      ['GET', 'x'.repeat(2_000)],
    ] as const)
      assert.equal(corsFields(await ask('/', preflight(app, method, headers), 'OPTIONS'))['allow-headers'], undefined);
  });

  it('still knows the origin where the backend is not to see it', async (t) => {
    const { ask, sent } = await openFiltered(t, [
      `{name: h, type: requestHeaders, rule: {removeHeaders: [Origin]}}`,
      `{name: c, type: cors, rule: {origins: ["${app}"]}}`,
    ]);
    assert.equal(corsFields(await ask('/', `Origin: ${app}\r\n`))['allow-origin'], app);
    assert.deepEqual(sent('origin'), []);
  });

  it('refuses with 405 what its paths leave out, and passes what the route serves', async (t) => {
    const middlewares = [`{name: c, type: cors, paths: ["/in/*"], rule: {origins: ["${app}"]}}`];
    const { ask } = await openFiltered(t, middlewares, { route: 'methods: [GET]' });
    assert.equal(statusOf(await ask('/in/', preflight(app, 'GET'), 'OPTIONS')), 204);
    assert.equal(statusOf(await ask('/out', preflight(app, 'GET'), 'OPTIONS')), 405);
    const { ask: all, backend } = await openFiltered(t, middlewares);
    assert.equal(statusOf(await all('/out', preflight(app, 'GET'), 'OPTIONS')), 200);
    assert.equal(backend.requests.length, 1);
  });
});
