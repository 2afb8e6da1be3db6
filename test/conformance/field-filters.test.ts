// Filters that change fields, as a configuration makes them, with a real backend behind: what they set, what they cannot, and
// what becomes of answers of the gateway's own.
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { openFiltered } from './configured-filters.ts';
import { RawClient } from './http1-harness.ts';
import { closePools } from './upstream-setup.ts';

after(closePools);

describe('requestHeaders', () => {
  it('removes, then sets, then appends, whatever spelling the client chose', async (t) => {
    const { ask, sent } = await openFiltered(t, [
      `{name: h, type: requestHeaders, rule: {removeHeaders: [X-Gone, X-Env], setHeaders: {X-Env: prod, X-Empty: ""}, append: {Accept-Language: de}}}`,
    ]);
    await ask('/', 'x-gone: 1\r\nX_Env: mine\r\nX-Empty: 1\r\nAccept-Language: en\r\nX-Kept: 1\r\n');
    assert.deepEqual(sent('x-env'), ['prod']);
    assert.deepEqual(sent('x_env'), []);
    assert.deepEqual(sent('x-gone'), []);
    assert.deepEqual(sent('x-empty'), []);
    assert.deepEqual(sent('x-kept'), ['1']);
    assert.deepEqual(sent('accept-language'), ['en', 'de']);
  });

  it('has the same say over trailers, which a backend may merge into the head', async (t) => {
    const { port, backend } = await openFiltered(t, [
      `{name: h, type: requestHeaders, rule: {removeHeaders: [X-Gone], setHeaders: {X-Env: prod}, append: {X-More: "1"}}}`,
    ]);
    const client = await RawClient.open(port);
    t.after(() => client.socket.destroy());
    const trailers = 'X-Gone: 1\r\nx_gone: 2\r\nX-Env: mine\r\nX-More: 2\r\nX-Kept: 3\r\n';
    client.send(
      `POST / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n${trailers}\r\n`,
    );
    await client.all();
    assert.deepEqual(backend.requests.items[0]?.rawTrailers, ['X-More', '2', 'X-Kept', '3']);
  });

  it('writes what the request says, as it was matched', async (t) => {
    const { ask, sent } = await openFiltered(t, [
      `{name: h, type: requestHeaders, rule: {setHeaders: {X-Was: "{request.method} {request.scheme}://{request.host}{request.path}{request.query}", X-Peer: "{client.address}", X-Route: "{route.name}"}}}`,
    ]);
    await ask('/a/../b%41?c=%0d%0aX-Evil:1', 'X-Peer: 10.0.0.1\r\n');
    assert.deepEqual(sent('x-was'), ['GET http://a.test/bA?c=%0d%0aX-Evil:1']);
    assert.deepEqual(sent('x-peer'), ['127.0.0.1']);
    assert.deepEqual(sent('x-route'), ['filtered']);
    assert.deepEqual(sent('x-evil'), []);
  });

  it('sets no field for an identity that the client does not have, and lets no client say one', async (t) => {
    const { ask, sent } = await openFiltered(t, [
      `{name: h, type: requestHeaders, rule: {setHeaders: {X-Workload: "{identity.spiffe}", X-Both: "a {identity.fingerprint}"}}}`,
    ]);
    for (const spelling of ['X-Workload', 'x_workload', 'X.Workload']) {
      await ask('/', `${spelling}: spiffe://td/admin\r\nX-Both: forged\r\n`);
      assert.deepEqual(sent(spelling.toLowerCase()), []);
      assert.deepEqual(sent('x-both'), []);
    }
  });

  it('is about its paths alone; what it sets of the client passes nowhere else', async (t) => {
    const { ask, sent } = await openFiltered(t, [
      `{name: h, type: requestHeaders, paths: ["/in/*"], rule: {setHeaders: {X-In: "1", X-Peer: "{client.address}"}}}`,
    ]);
    await ask('/in/a', '');
    assert.deepEqual([sent('x-in'), sent('x-peer')], [['1'], ['127.0.0.1']]);
    await ask('/out', 'X-Peer: forged\r\nX-In: 2\r\n');
    assert.deepEqual([sent('x-in'), sent('x-peer')], [['2'], []]);
  });
});

describe('responseHeaders', () => {
  it('changes answers of any status, also those of the gateway itself', async (t) => {
    const { ask } = await openFiltered(t, [
      `{name: h, type: responseHeaders, rule: {setHeaders: {X-Frame-Options: DENY, Cache-Control: "public, max-age=60", Content-Type: text/x}, setCookies: [{name: a, value: b}]}}`,
      `{name: no, type: access, paths: [/no]}`,
    ]);
    const good = await ask('/');
    assert.match(good, /\r\nX-Frame-Options: DENY\r\n/);
    assert.match(good, /\r\nCache-Control: public, max-age=60\r\n/);
    assert.match(good, /\r\nSet-Cookie: a=b; Path=\/\r\n/);
    const refused = await ask('/no');
    assert.match(refused, /^HTTP\/1.1 403 /);
    assert.match(refused, /\r\nX-Frame-Options: DENY\r\n/);
    assert.match(refused, /\r\nCache-Control: no-store\r\n/);
    assert.match(refused, /\r\nContent-Type: application\/problem\+json\r\n/);
    assert.doesNotMatch(refused, /Set-Cookie|max-age/);
  });

  it('has the same say over trailers, and lets hints alone pass before the answer', async (t) => {
    const { ask } = await openFiltered(
      t,
      [
        `{name: h, type: responseHeaders, rule: {removeHeaders: [X-Internal]}}`,
        `{name: c, type: cors, rule: {origins: ["https://app.example.com"]}}`,
      ],
      {
        backend: {
          answer: (_, response) => {
            response.writeEarlyHints({ link: '</a.css>; rel=preload', 'x-internal': '1' });
            response.writeHead(200, { trailer: 'X-Internal, X-Sum' });
            response.addTrailers({ 'X-Internal': '2', 'Access-Control-Allow-Origin': '*', 'X-Sum': '3' });
            response.end('x');
          },
        },
      },
    );
    const answer = await ask('/', 'TE: trailers\r\nOrigin: https://evil.example\r\n');
    assert.match(answer, /^HTTP\/1.1 103 [^\r]+\r\nlink: <\/a.css>; rel=preload\r\n\r\nHTTP\/1.1 200 /i);
    assert.match(answer, /0\r\nX-Sum: 3\r\n\r\n$/);
    assert.doesNotMatch(answer, /X-Internal:|Allow-Origin/i);
  });

  it('lets the more specific, else the later one count', async (t) => {
    const set = (name: string, value: string, paths = ''): string =>
      `{name: ${name}, type: responseHeaders${paths}, rule: {setHeaders: {X-Won: "${value}"}}}`;
    const { ask } = await openFiltered(t, [
      set('path', 'path', ', paths: [/a]'),
      set('first', 'first'),
      set('second', 'second'),
    ]);
    assert.match(await ask('/a'), /\r\nX-Won: path\r\n/);
    assert.match(await ask('/b'), /\r\nX-Won: second\r\n/);
  });

  it('speaks of HTTPS alone to those who come over TLS', async (t) => {
    const { ask } = await openFiltered(t, [`{name: h, type: responseHeaders, rule: {hsts: {}}}`]);
    assert.doesNotMatch(await ask('/', 'X-Forwarded-Proto: https\r\n'), /Strict-Transport/i);
  });

  it('says how long an answer may be kept for statuses that are no errors, or those that are listed', async (t) => {
    const answered = async (rule: string): Promise<boolean[]> => {
      const { ask } = await openFiltered(
        t,
        [`{name: h, type: responseHeaders, rule: {cacheControl: max-age=9${rule}}}`],
        {
          backend: { answer: ({ url }, response) => response.writeHead(Number(url.slice(1))).end('x') },
        },
      );
      return [/max-age=9/.test(await ask('/200')), /max-age=9/.test(await ask('/404'))];
    };
    assert.deepEqual(await answered(''), [true, false]);
    assert.deepEqual(await answered(', cacheStatuses: [404]'), [false, true]);
  });

  it('takes away what the backend says of itself, and adds where there is something already', async (t) => {
    const { ask } = await openFiltered(
      t,
      [
        `{name: h, type: responseHeaders, rule: {removeHeaders: [server], setHeaders: {X-Powered-By: ""}, append: {Link: "<b>"}}}`,
      ],
      {
        backend: {
          answer: (_, response) => response.writeHead(500, { Server: 'a', 'X-Powered-By': 'b', Link: '<a>' }).end(),
        },
      },
    );
    const text = await ask('/');
    assert.match(text, /^HTTP\/1.1 500 /);
    assert.doesNotMatch(text, /\r\n(?:Server|X-Powered-By):/i);
    assert.match(text, /\r\nLink: <a>\r\n[^]*\r\nLink: <b>\r\n/);
  });
});

describe('accessLog', () => {
  it('has the log say what requests say, and only what is listed', async (t) => {
    const { ask, records } = await openFiltered(t, [
      `{name: l, type: accessLog, rule: {headers: [User-Agent, X-None], query: [page]}}`,
      `{name: no, type: access, paths: [/no]}`,
    ]);
    await ask('/no?page=2%0a&token=s3cret', 'User-Agent: me\r\nAuthorization: s3cret\r\n');
    assert.deepEqual(records.items[0]?.noted, [
      ['user-agent', 'me'],
      ['query.page', '2\n'],
    ]);
  });
});
