// Filters that refuse or answer by what they are told: limits of bodies, user agents, fixed answers, pages for errors.
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { openFiltered } from './configured-filters.ts';
import { closePools } from './upstream-setup.ts';

after(closePools);

const statusOf = (answer: string): number => Number(/^HTTP\/1.1 (\d+)/.exec(answer)?.[1]);
const bodyOf = (answer: string): string => answer.slice(answer.indexOf('\r\n\r\n') + 4);

describe('bodyLimit', () => {
  const limit = [`{name: l, type: bodyLimit, rule: {limit: 1K}}`];

  it('asks nobody to send what it refuses', async (t) => {
    const { ask } = await openFiltered(t, limit);
    const expect = 'Expect: 100-continue\r\n';
    assert.match(await ask('/', `Content-Length: 1001\r\n${expect}`, 'POST'), /^HTTP\/1.1 413 /);
    const body = 'a'.repeat(1000);
    assert.match(
      await ask('/', `Content-Length: 1000\r\n${expect}`, 'POST', body),
      /^HTTP\/1.1 100 .*\r\n\r\nHTTP\/1.1 200 /,
    );
  });

  it('lets pass what fits', async (t) => {
    const { ask, backend } = await openFiltered(t, limit);
    assert.equal(statusOf(await ask('/', 'Content-Length: 1000\r\n', 'POST', 'x'.repeat(1000))), 200);
    assert.equal(backend.requests.items[0]?.body.length, 1000);
  });

  it('refuses what is announced to be larger, and what turns out to be', async (t) => {
    const { ask, backend } = await openFiltered(t, limit);
    assert.equal(statusOf(await ask('/', 'Content-Length: 1001\r\n', 'POST', 'x'.repeat(1001))), 413);
    const chunk = `1F4\r\n${'x'.repeat(500)}\r\n`;
    const chunked = await ask('/', 'Transfer-Encoding: chunked\r\n', 'POST', `${chunk}${chunk}${chunk}0\r\n\r\n`);
    assert.equal(statusOf(chunked), 413);
    assert.equal(backend.requests.length, 0);
  });
});

describe('userAgentBlock', () => {
  it('refuses those that it lists, whatever the case, and nobody else', async (t) => {
    const { ask, backend } = await openFiltered(t, [
      `{name: u, type: userAgentBlock, rule: {userAgents: [BadBot, " curl/ "]}}`,
    ]);
    for (const agent of ['badbot/1', 'Mozilla/5.0 (compatible; BADBOT)', 'CURL/8'])
      assert.equal(statusOf(await ask('/', `User-Agent: ${agent}\r\n`)), 403, agent);
    assert.equal(statusOf(await ask('/', 'User-Agent: good\r\nUser-Agent: badbot\r\n')), 403);
    assert.equal(backend.requests.length, 0);
    assert.equal(statusOf(await ask('/', 'User-Agent: Mozilla/5.0\r\n')), 200);
    assert.equal(statusOf(await ask('/')), 200);
  });
});

describe('response', () => {
  it('answers with what is written, and asks nobody', async (t) => {
    const { ask, backend } = await openFiltered(t, [
      `{name: r, type: response, paths: ["/robots.txt"], rule: {body: "User-agent: *\\n", headers: {Cache-Control: max-age=60}}}`,
      `{name: j, type: response, paths: ["/status"], rule: {statusCode: 418, body: '{"ok": true}'}}`,
      `{name: n, type: response, paths: ["/empty"], rule: {statusCode: 204}}`,
    ]);
    const robots = await ask('/robots.txt');
    assert.match(
      robots,
      /^HTTP\/1.1 200 [^]*\r\nContent-Type: text\/plain; charset=utf-8\r\n[^]*Cache-Control: max-age=60\r\n/,
    );
    assert.equal(bodyOf(robots), 'User-agent: *\n');
    const status = await ask('/status');
    assert.match(status, /^HTTP\/1.1 418 [^]*\r\nContent-Type: application\/json\r\n/);
    assert.equal(bodyOf(await ask('/robots.txt', '', 'HEAD')), '');
    assert.doesNotMatch(await ask('/empty'), /Content-Type/);
    assert.equal(backend.requests.length, 0);
    assert.equal(statusOf(await ask('/')), 200);
  });
});

describe('errorInterceptor', () => {
  const rule = `errors: [{statusCode: 500}, {status: 401, body: "log in"}, {code: 403, body: '{"no": true}'}, {statusCode: 502}]`;
  const intercept = [`{name: e, type: errorInterceptor, rule: {${rule}}}`, `{name: a, type: access, paths: [/admin]}`];
  const secret = 'at /srv/app.js:1 SECRET';

  it('replaces what the backend says of its errors, and nothing else', async (t) => {
    const { ask, backend } = await openFiltered(t, intercept, {
      backend: {
        answer: ({ url }, response) =>
          response
            .writeHead(Number(url.slice(1)), { 'X-Trace': secret, 'WWW-Authenticate': 'Basic realm="x"', ETag: '"a"' })
            .end(secret.repeat(100)),
      },
    });
    const failed = await ask('/500');
    assert.equal(statusOf(failed), 500);
    assert.equal(bodyOf(failed), '500 Internal Server Error\n');
    assert.doesNotMatch(failed, /SECRET|ETag/);
    const login = await ask('/401');
    assert.match(login, /\r\nWWW-Authenticate: Basic realm="x"\r\n/);
    assert.equal(bodyOf(login), 'log in');
    assert.match(await ask('/403'), /\r\nContent-Type: application\/json\r\n/);
    assert.match(await ask('/404'), /SECRET/);
    assert.equal(bodyOf(await ask('/500', '', 'HEAD')), '');
    assert.equal(backend.requests.length, 5);
  });

  it('lets nothing of an endless error through, and leaves its backend', async (t) => {
    let closed = 0;
    const { ask, active } = await openFiltered(t, intercept, {
      backend: {
        handle: (request, response) => {
          request.socket.on('close', () => (closed += 1));
          response.writeHead(500);
          const more = (): void => {
            while (response.write(secret.repeat(1000)));
          };
          response.on('drain', more);
          more();
        },
      },
    });
    assert.equal(bodyOf(await ask('/')), '500 Internal Server Error\n');
    assert.equal(active(), 0);
    assert.ok(closed <= 1);
  });

  it('replaces the problem documents of the gateway too, with their status and what they ask for', async (t) => {
    const { ask, records } = await openFiltered(t, intercept);
    const refused = await ask('/admin');
    assert.equal(statusOf(refused), 403);
    assert.equal(bodyOf(refused), '{"no": true}');
    assert.match(refused, /\r\nContent-Type: application\/json\r\n/);
    assert.equal(records.items[0]?.code, 'path_denied');
  });

  it('also where no backend can be reached', async (t) => {
    const { ask, backend } = await openFiltered(t, intercept);
    await backend.stop();
    const failed = await ask('/');
    assert.equal(statusOf(failed), 502);
    assert.equal(bodyOf(failed), '502 Bad Gateway\n');
  });

  it('leaves what a filter answers on purpose', async (t) => {
    const { ask } = await openFiltered(t, [
      ...intercept,
      `{name: r, type: response, rule: {statusCode: 500, body: mine, contentType: text/x}}`,
    ]);
    const answer = await ask('/');
    assert.equal(bodyOf(answer), 'mine');
    assert.match(answer, /\r\nContent-Type: text\/x\r\n/);
  });

  it('stands in keys of routes as well, in two generations of Goma', async (t) => {
    for (const [route, body] of [
      [`errorInterceptor: {enabled: true, contentType: text/html, errors: [{statusCode: 500, body: "<p>"}]}`, '<p>'],
      ['interceptErrors: [404, 500]', '500 Internal Server Error\n'],
      ['errorInterceptor: {enabled: false, errors: [{statusCode: 500}]}', secret],
    ] as const) {
      const { ask } = await openFiltered(t, [], {
        route,
        backend: { answer: (_, response) => response.writeHead(500).end(secret) },
      });
      assert.equal(bodyOf(await ask('/')).includes(body), true, route);
    }
  });
});
