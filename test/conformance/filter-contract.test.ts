// The contract of filters (src/filters/filter.ts): what every one of them keeps, ours and those of this test, which answer, pass,
// wait, fail and change fields; and what the flow makes of it, with a real backend behind.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { after, describe, it, type TestContext } from 'node:test';
import { Fault } from '../../src/base/fault.ts';
import { Answer, type Filter, type FilterRequest, type FilterResult } from '../../src/filters/filter.ts';
import { compileFilters } from '../../src/filters/compile-filters.ts';
import { MaintenanceFilter } from '../../src/filters/maintenance.ts';
import type { Service } from '../../src/filters/service.ts';
import { FieldBlock, type FieldName, Fields } from '../../src/http/field.ts';
import { headerValues } from '../support/backend.ts';
import { eventually, Feed } from '../support/wait-for.ts';
import { configuredRoute } from './configured-filters.ts';
import { filterDependencies, type FilterSetupOptions, openFilterSetup } from './filter-setup.ts';
import { names, RawClient } from './http1-harness.ts';
import { closePools } from './upstream-setup.ts';

after(closePools);

const get = 'GET /a?b HTTP/1.1\r\nHost: a.test\r\n\r\n';
const teapot = new Answer(418, new FieldBlock([['X-Own', '1']]), 'short and stout');

function nameOf(text: string): FieldName {
  const name = names.find(text);
  assert.ok(name);
  return name;
}

/** A filter that decides by a call of the test. */
class Waiting implements Filter {
  readonly name = 'waiting';
  readonly waitMs = 3_000;
  readonly asked = new Feed<FilterRequest>('asked');
  readonly cancelled = new Feed<string>('cancelled');
  readonly decisions: PromiseWithResolvers<FilterResult>[] = [];

  onRequest(request: FilterRequest): Promise<FilterResult> {
    const decision = Promise.withResolvers<FilterResult>();
    this.decisions.push(decision);
    request.onCancel = ({ code }) => this.cancelled.push(code);
    this.asked.push(request);
    return decision.promise;
  }
}

const onRequest = (act: (request: FilterRequest) => FilterResult | Promise<FilterResult>): Filter => ({
  name: 'test',
  onRequest: act,
});
const passing = onRequest(() => 'pass');

async function open(t: TestContext, filters: readonly Filter[], more: Omit<FilterSetupOptions, 'filters'> = {}) {
  const setup = await openFilterSetup(t, { filters, ...more });
  const client = await RawClient.open(setup.port);
  t.after(() => client.socket.destroy());
  return { ...setup, client };
}

async function openWaiting(t: TestContext, more: Omit<FilterSetupOptions, 'filters'> = {}) {
  const filter = new Waiting();
  const setup = await open(t, [filter], more);
  const decide = (result: FilterResult): void => filter.decisions.shift()?.resolve(result);
  return { ...setup, filter, decide };
}

/** A client of HTTP/2 (nghttp2) without TLS. */
async function openHttp2(t: TestContext, filter: Filter) {
  const setup = await openFilterSetup(t, { filters: [filter], http2: true });
  const session = http2.connect(`http://127.0.0.1:${setup.port}`);
  session.on('error', () => undefined);
  t.after(() => session.destroy());
  return { ...setup, session };
}

function post(session: ClientHttp2Session): ClientHttp2Stream {
  const stream = session.request({ ':method': 'POST', ':path': '/', ':authority': 'a.test' });
  stream.on('error', () => undefined);
  return stream;
}

/** The status of an answer that came whole. */
async function statusOf(stream: ClientHttp2Stream): Promise<number> {
  stream.resume();
  const ended = once(stream, 'end');
  const [head] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
  await ended;
  return Number(head[':status']);
}

/** The filter that a configuration makes of a middleware. `status`: what a service answers that it asks, undefined if it is gone. */
function configured(middleware: string, status?: number): Filter {
  const openService = (): Service => ({
    label: 'auth.test:443',
    ask: (_, done) => {
      done(
        status === undefined
          ? new Fault('refused', 'backend')
          : { status, fields: new Fields(), body: Buffer.alloc(0) },
      );
      return () => {};
    },
  });
  const [filter] = compileFilters(configuredRoute([middleware]), [], filterDependencies({ openService }));
  assert.ok(filter);
  return filter;
}
const asking = '{name: ask, type: forwardAuth, rule: {authUrl: "https://auth.test/"}}';

const every: readonly {
  readonly title: string;
  readonly make: () => Filter;
  readonly status: number;
  readonly code: string;
  readonly passes: boolean;
}[] = [
  {
    title: 'maintenance',
    make: () => new MaintenanceFilter({ statusCode: 503, message: 'closed' }),
    status: 503,
    code: 'maintenance',
    passes: false,
  },
  {
    title: 'basicAuth',
    make: () => configured('{name: login, type: basicAuth, rule: {users: ["ann:x"]}}'),
    status: 401,
    code: 'unauthenticated',
    passes: false,
  },
  {
    title: 'jwtAuth',
    make: () => configured('{name: tokens, type: jwtAuth, rule: {secret: 0123456789abcdef0123456789abcdef}}'),
    status: 401,
    code: 'unauthenticated',
    passes: false,
  },
  { title: 'forwardAuth that lets pass', make: () => configured(asking, 204), status: 200, code: '', passes: true },
  {
    title: 'forwardAuth that forbids',
    make: () => configured(asking, 403),
    status: 403,
    code: 'access_denied',
    passes: false,
  },
  {
    title: 'forwardAuth whose service is gone',
    make: () => configured(asking),
    status: 503,
    code: 'auth_unavailable',
    passes: false,
  },
  { title: 'one that passes', make: () => passing, status: 200, code: '', passes: true },
  { title: 'one that answers', make: () => onRequest(() => teapot), status: 418, code: '', passes: false },
  {
    title: 'one that waits and passes',
    make: () => onRequest(() => Promise.resolve('pass')),
    status: 200,
    code: '',
    passes: true,
  },
  {
    title: 'one that waits and answers',
    make: () => onRequest(() => Promise.resolve(teapot)),
    status: 418,
    code: '',
    passes: false,
  },
  {
    title: 'one that refuses',
    make: () =>
      onRequest(() => {
        throw new Fault('policy_denied', 'client');
      }),
    status: 403,
    code: 'policy_denied',
    passes: false,
  },
  {
    title: 'one that waits and refuses',
    make: () => onRequest(() => Promise.reject(new Fault('policy_denied', 'client'))),
    status: 403,
    code: 'policy_denied',
    passes: false,
  },
  {
    title: 'one that fails',
    make: () =>
      onRequest(() => {
        throw new TypeError('broken');
      }),
    status: 500,
    code: 'internal',
    passes: false,
  },
  {
    title: 'one that waits and fails',
    make: () => onRequest(() => Promise.reject(new TypeError('broken'))),
    status: 500,
    code: 'internal',
    passes: false,
  },
  {
    title: 'one that breaks the type',
    make: () => onRequest(() => undefined as unknown as FilterResult),
    status: 500,
    code: 'internal',
    passes: false,
  },
  {
    title: 'one that waits and breaks the type',
    make: () => onRequest(() => Promise.resolve(true as unknown as FilterResult)),
    status: 500,
    code: 'internal',
    passes: false,
  },
  {
    title: 'one that changes fields',
    make: () =>
      onRequest(({ fields }) => {
        fields.set(nameOf('X-Added'), '1');
        return 'pass';
      }),
    status: 200,
    code: '',
    passes: true,
  },
];

for (const { title, make, status, code, passes } of every) {
  describe(`a filter, ${title},`, () => {
    it(`answers ${status}, ${passes ? 'once the backend' : 'and nothing reaches the backend'}; each request is counted once`, async (t) => {
      const { client, backend, records, active, defects } = await open(t, [make()]);
      client.send(get);
      assert.match(await client.until('\r\n\r\n'), new RegExp(`^HTTP/1.1 ${status} `));
      client.send(get);
      await client.until('\r\n\r\n', 2);
      await records.waitFor(() => records.length === 2);
      assert.deepEqual(
        records.items.map((record) => [record.status, record.code]),
        [
          [status, code],
          [status, code],
        ],
      );
      assert.equal(backend.requests.length, passes ? 2 : 0);
      assert.equal(active(), 0);
      assert.equal(defects.length, code === 'internal' ? 2 : 0);
    });

    it('loses nothing of a body that passes, and takes none that does not', async (t) => {
      const { client, backend, records } = await open(t, [make()]);
      const body = 'x'.repeat(300_000);
      client.send(`POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
      assert.match(await client.until('\r\n\r\n'), new RegExp(`^HTTP/1.1 ${status} `));
      await records.waitFor(() => true);
      assert.equal(backend.requests.items[0]?.body.length, passes ? body.length : undefined);
    });

    it('answers a client of HTTP/2 before it has sent its body, or passes it on whole; the connection goes on', async (t) => {
      const { session, backend, records, active } = await openHttp2(t, make());
      const body = Buffer.alloc(3_000_000, 'x');
      for (let at = 0; at < 2; at += 1) {
        const stream = post(session);
        stream.write(body.subarray(at));
        if (passes) stream.end();
        assert.equal(await statusOf(stream), status);
        assert.equal(backend.requests.items[at]?.body.length, passes ? body.length - at : undefined);
        stream.close();
      }
      await records.waitFor(() => records.length === 2);
      assert.deepEqual(
        records.items.map((record) => [record.status, record.code]),
        [
          [status, code],
          [status, code],
        ],
      );
      assert.equal(active(), 0);
      assert.equal(session.closed, false);
    });

    it('is asked before the client is told to send its body', async (t) => {
      const { client, backend } = await open(t, [make()]);
      client.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n');
      if (!passes) {
        assert.match(await client.all(), new RegExp(`^HTTP/1.1 ${status} `));
        return;
      }
      await client.until('HTTP/1.1 100 Continue\r\n\r\n');
      client.send('abc');
      await client.until('HTTP/1.1 200');
      assert.equal(backend.requests.items[0]?.body.toString(), 'abc');
    });

    it('has no say over a request that is not whole, and one whose client is gone', async (t) => {
      const { client, backend, records, active } = await open(t, [make()]);
      client.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\n');
      client.socket.resetAndDestroy();
      await eventually(() => active() === 0, { what: 'the request to be over' });
      assert.ok(records.length <= 1);
      assert.equal(backend.requests.length, 0);
    });
  });
}

describe('maintenance', () => {
  it('answers with status and message of the route, and what a status of 503 asks for', async (t) => {
    const text = async (statusCode: number): Promise<string> => {
      const { client } = await open(t, [new MaintenanceFilter({ statusCode, message: 'closed' })]);
      client.send(get);
      return (await client.until('closed\n')).replace(/Id: [0-9a-f]{20}-0/, 'Id: …');
    };
    const date = 'Date: Thu, 01 Jan 2026 00:00:00 GMT';
    const head = 'Content-Length: 7\r\nContent-Type: text/plain; charset=utf-8\r\nCache-Control: no-store';
    const id = 'X-Request-Id: …';
    const unavailable = 'HTTP/1.1 503 Service Unavailable';
    assert.equal(await text(503), `${unavailable}\r\n${date}\r\n${head}\r\nRetry-After: 5\r\n${id}\r\n\r\nclosed\n`);
    assert.equal(await text(410), `HTTP/1.1 410 Gone\r\n${date}\r\n${head}\r\n${id}\r\n\r\nclosed\n`);
  });
});

describe('a request that waits for a filter', () => {
  it('goes on with what the filter saw, once it may', async (t) => {
    const { client, backend, filter, decide } = await openWaiting(t);
    client.send(get);
    const request = await filter.asked.waitFor(() => true);
    assert.deepEqual(
      [request.method, request.host, request.path, request.query, request.route, request.secure, request.address],
      ['GET', 'a.test', '/a', '?b', 'filtered', false, '127.0.0.1'],
    );
    assert.equal(backend.requests.length, 0);
    decide('pass');
    await client.until('HTTP/1.1 200');
    assert.equal(backend.requests.items[0]?.url, '/a?b');
    assert.equal(filter.cancelled.length, 0);
  });

  it('is refused with 504 where the filter takes too long, which is told; what it says later changes nothing', async (t) => {
    const { client, backend, clock, filter, decide, records, faults } = await openWaiting(t);
    client.send(get);
    await filter.asked.waitFor(() => true);
    clock.turn(2_500);
    assert.equal(filter.cancelled.length, 0);
    clock.turn(1_000);
    assert.deepEqual(filter.cancelled.items, ['filter_timeout']);
    assert.match(await client.until('"code":"filter_timeout"'), /^HTTP\/1\.1 504 /);
    decide('pass');
    await new Promise(setImmediate);
    client.send(get);
    await filter.asked.waitFor(() => true, { from: 1 });
    decide(teapot);
    await client.until('HTTP/1.1 418');
    assert.deepEqual(
      records.items.map(({ status }) => status),
      [504, 418],
    );
    assert.equal(faults.items[0]?.detail, 'filter waiting did not decide within 3000 ms');
    assert.equal(backend.requests.length, 0);
  });

  it('is over when its client leaves, and the filter is told', async (t) => {
    const { client, backend, filter, decide, records, active } = await openWaiting(t);
    client.send(get);
    await filter.asked.waitFor(() => true);
    client.socket.resetAndDestroy();
    assert.equal(await filter.cancelled.waitFor(() => true), 'client_aborted');
    assert.deepEqual([records.items[0]?.status, active()], [499, 0]);
    decide('pass');
    await new Promise(setImmediate);
    assert.deepEqual([records.length, backend.requests.length], [1, 0]);
  });

  it('is over when its client of HTTP/2 resets the stream, and no other stream is', async (t) => {
    const filter = new Waiting();
    const { session, backend, records } = await openHttp2(t, filter);
    const [lost, kept] = [post(session), post(session)];
    await filter.asked.waitFor(() => filter.asked.length === 2);
    lost.close(http2.constants.NGHTTP2_CANCEL);
    assert.equal(await filter.cancelled.waitFor(() => true), 'client_aborted');
    for (const decision of filter.decisions) decision.resolve('pass');
    kept.end('abc');
    assert.equal(await statusOf(kept), 200);
    assert.deepEqual(
      records.items.map(({ status }) => status),
      [499, 200],
    );
    assert.deepEqual([filter.cancelled.length, backend.requests.length], [1, 1]);
  });

  it('is over when its client ends in the middle of a body', async (t) => {
    const { client, filter, records } = await openWaiting(t);
    client.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\n');
    await filter.asked.waitFor(() => true);
    client.socket.end();
    assert.equal(await filter.cancelled.waitFor(() => true), 'client_aborted');
    assert.equal(records.items[0]?.status, 499);
  });

  it('is refused with 408 where the whole request is late meanwhile', async (t) => {
    const filter = new Waiting();
    const again: Filter = { name: 'again', waitMs: 1e9, onRequest: (request) => filter.onRequest(request) };
    // Six waits of less than the longest that there is.
    const { client, clock } = await open(t, [again, again, again, again, again, again]);
    client.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nabc');
    for (let at = 0; at < 6; at++) {
      await filter.asked.waitFor(() => true, { from: at });
      clock.turn(55_000);
      filter.decisions.shift()?.resolve('pass');
    }
    assert.match(await client.all(), /^HTTP\/1\.1 408 /);
    assert.deepEqual(filter.cancelled.items, ['request_timeout']);
  });

  it('waits a minute at the longest, whatever the filter asks for', async (t) => {
    const filter = new Waiting();
    const { client, clock } = await open(t, [
      { name: 'forever', waitMs: Infinity, onRequest: (request) => filter.onRequest(request) },
    ]);
    client.send(get);
    await filter.asked.waitFor(() => true);
    clock.turn(61_000);
    await client.until('HTTP/1.1 504');
  });

  it('leaves its body with the client, but for what may be held', async (t) => {
    const { client, backend, filter, decide } = await openWaiting(t);
    const body = 'x'.repeat(32_000_000);
    client.send(`POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${body.length}\r\n\r\n`);
    client.send(body);
    await filter.asked.waitFor(() => true);
    for (let i = 0; i < 50; i++) await new Promise(setImmediate);
    assert.ok(client.socket.writableLength > 0, 'everything was taken');
    assert.equal(backend.requests.length, 0);
    decide('pass');
    await client.until('HTTP/1.1 200');
    assert.equal(backend.requests.items[0]?.body.length, body.length);
  });

  it('is answered when the gateway drains meanwhile, and its connection ends with it', async (t) => {
    for (const [result, status] of [
      ['pass', 200],
      [teapot, 418],
    ] as const) {
      const { client, connections, filter, decide } = await openWaiting(t);
      client.send(get);
      await filter.asked.waitFor(() => true);
      connections.items[0]?.connection.drain();
      decide(result);
      const text = await client.all();
      assert.match(text, new RegExp(`^HTTP/1.1 ${status} `));
      assert.match(text, /\r\nConnection: close\r\n/);
    }
  });

  it('is over when its connection is destroyed', async (t) => {
    const { client, connections, filter, records } = await openWaiting(t);
    client.send(get);
    await filter.asked.waitFor(() => true);
    connections.items[0]?.connection.destroy(new Fault('draining', 'gateway'));
    assert.deepEqual(filter.cancelled.items, ['draining']);
    assert.deepEqual([records.items[0]?.status, records.items[0]?.code], [0, 'draining']);
    assert.equal(await client.all(), '');
  });

  it('is refused where its client has lost its trust meanwhile, whatever the filter says', async (t) => {
    for (const result of ['pass', teapot] as const) {
      const { client, backend, connections, filter, decide } = await openWaiting(t);
      client.send(get);
      await filter.asked.waitFor(() => true);
      const open = connections.items[0];
      assert.ok(open);
      open.client.distrusted = { code: 'revoked', detail: 'serial 1' };
      open.connection.dismiss();
      decide(result);
      assert.match(await client.all(), /^HTTP\/1\.1 403 .*"code":"revoked"/s);
      assert.equal(backend.requests.length, 0);
    }
  });

  it('survives a filter that fails when it is cancelled', async (t) => {
    const failing = onRequest((request) => {
      request.onCancel = () => {
        throw new TypeError('broken');
      };
      return Promise.withResolvers<FilterResult>().promise;
    });
    const { client, clock, connections, defects } = await open(t, [failing]);
    client.send(get);
    await connections.waitFor(() => true);
    await eventually(
      () => {
        clock.turn(6_000);
        return client.received.includes('HTTP/1.1 504');
      },
      { what: 'the refusal' },
    );
    assert.match(String(defects.items[0]), /broken/);
  });
});

describe('filters of one route', () => {
  it('are asked in order, each after the wait of the one before, and on the way back in reverse', async (t) => {
    const order: string[] = [];
    const step = (name: string, wait: boolean): Filter => ({
      name,
      onRequest: () => {
        order.push(name);
        return wait ? Promise.resolve('pass' as const) : 'pass';
      },
      onResponse: () => void order.push(`${name} back`),
    });
    const { client } = await open(t, [step('a', false), step('b', true), step('c', true), step('d', false)]);
    client.send(get);
    await client.until('HTTP/1.1 200');
    assert.deepEqual(order, ['a', 'b', 'c', 'd', 'd back', 'c back', 'b back', 'a back']);
  });

  it('after one that answers are not asked', async (t) => {
    const never = onRequest(() => assert.fail('asked'));
    const { client, defects } = await open(t, [passing, onRequest(() => teapot), never]);
    client.send(get);
    assert.match(await client.until('short and stout'), /\r\nX-Own: 1\r\n/);
    assert.equal(defects.length, 0);
  });
});

describe('fields of the request', () => {
  const changed = (act: (request: FilterRequest) => void, sets: readonly string[] = []): Filter => ({
    name: 'fields',
    sets,
    onRequest: (request) => {
      act(request);
      return 'pass';
    },
  });

  it('are set, added and removed in every spelling; what the client may not say was gone before', async (t) => {
    const seen: (string | undefined)[] = [];
    const filter = changed(({ fields }) => {
      for (const name of ['authorization', 'x-a', 'x-forwarded-client-cert']) seen.push(fields.find(name));
      fields.remove(nameOf('Authorization'));
      fields.set(nameOf('X-A'), 'ours');
      fields.append(nameOf('X-B'), '2');
    });
    const { client, backend } = await open(t, [filter]);
    client.send(
      'GET / HTTP/1.1\r\nHost: a.test\r\nAuthorization: one\r\nauthorization: two\r\nX-A: theirs\r\nX_A: theirs\r\nX-B: 1\r\nX-Forwarded-Client-Cert: Hash=1\r\n\r\n',
    );
    await client.until('HTTP/1.1 200');
    const [request] = backend.requests.items;
    assert.ok(request);
    assert.deepEqual(seen, ['one, two', 'theirs', undefined]);
    assert.deepEqual(headerValues(request, 'authorization'), []);
    assert.deepEqual([headerValues(request, 'x-a'), headerValues(request, 'x_a')], [['ours'], []]);
    assert.deepEqual(headerValues(request, 'x-b'), ['1', '2']);
  });

  for (const name of [
    'X-Forwarded-Client-Cert',
    'x_forwarded_client_cert',
    'Client-Cert',
    'X-Forwarded-For',
    'X-Request-Id',
    'X-Ssl-Client-Verify',
    'X-Original-Url',
    'X-Custom-Identity',
    'Content-Length',
    'Transfer-Encoding',
    'Transfer_Encoding',
    'Connection',
    'Host',
    'Upgrade',
    'TE',
  ]) {
    it(`cannot be forged by a filter: ${name}`, async (t) => {
      for (const act of ['set', 'append'] as const) {
        const filter = changed(({ fields }) => fields[act](nameOf(name), '1'));
        const { client, backend, records } = await open(t, [filter], { strip: { set: ['X-Custom-Identity'] } });
        client.send(get);
        await client.until('HTTP/1.1 500');
        assert.deepEqual([records.items[0]?.code, backend.requests.length], ['internal', 0]);
      }
    });
  }

  it('cannot break the message', async (t) => {
    for (const value of ['a\r\nX-Forged: 1', 'a\nb', 'a\0b', ' a', 'a ', '\u20ac']) {
      const filter = changed(({ fields }) => fields.set(nameOf('X-A'), value));
      const { client, backend } = await open(t, [filter]);
      client.send(get);
      await client.until('HTTP/1.1 500');
      assert.equal(backend.requests.length, 0);
    }
  });

  it('by which a filter names the client are taken from everybody else, in every spelling', async (t) => {
    const filter = changed(({ fields }) => fields.set(nameOf('X-Tenant'), 'ours'), ['X-Tenant', 'Remote-User']);
    const { client, backend } = await open(t, [filter]);
    client.send('GET / HTTP/1.1\r\nHost: a.test\r\nX-Tenant: forged\r\nx_tenant: forged\r\nRemote-User: root\r\n\r\n');
    await client.until('HTTP/1.1 200');
    const [request] = backend.requests.items;
    assert.ok(request);
    assert.deepEqual(
      ['x-tenant', 'x_tenant', 'remote-user'].map((name) => headerValues(request, name)),
      [['ours'], [], []],
    );
  });

  it('that the gateway sets cannot be claimed by a filter at all', async (t) => {
    for (const name of ['X-Forwarded-Client-Cert', 'x_forwarded_for', 'Custom-Identity']) {
      const filter = changed(() => {}, [name]);
      await assert.rejects(
        openFilterSetup(t, { filters: [filter], strip: { set: ['custom-identity'] } }),
        /belongs to the gateway/,
      );
    }
  });
});

describe('the answer of the backend', () => {
  const answers = (act: NonNullable<Filter['onResponse']>): Filter => ({
    name: 'response',
    onRequest: () => 'pass',
    onResponse: act,
  });
  const backend: FilterSetupOptions['backend'] = {
    answer: (_, response) => response.writeHead(200, 'Fine', { 'X-Powered-By': 'y', 'X-Keep': 'z' }).end('body'),
  };

  it('may get other fields and another status; its body stays', async (t) => {
    const filter = answers((response, { path }) => {
      response.fields.remove(nameOf('x-powered-by'));
      response.fields.set(nameOf('X-Path'), path);
      response.status = 203;
    });
    const { client, records } = await open(t, [filter], { backend });
    client.send(get);
    const text = await client.until('body');
    assert.match(text, /^HTTP\/1\.1 203 Non-Authoritative Information\r\n/);
    assert.match(text, /\r\nX-Path: \/a\r\n/);
    assert.match(text, /\r\nX-Keep: z\r\n/);
    assert.doesNotMatch(text, /Powered/i);
    assert.equal((await records.waitFor(() => true)).status, 203);
  });

  it('keeps its reason where its status stays, and the next request is served', async (t) => {
    const { client } = await open(t, [answers(() => {})], { backend });
    client.send(get);
    assert.match(await client.until('body'), /^HTTP\/1\.1 200 Fine\r\n/);
    client.send(get);
    await client.until('body', 2);
  });

  it('loses its body, not the next request, where its status has none', async (t) => {
    const { client } = await open(t, [answers((response) => void (response.status = 204))], { backend });
    client.send(get);
    await client.until('HTTP/1.1 204 No Content');
    client.send(get);
    assert.doesNotMatch(await client.until('HTTP/1.1 204', 2), /body/);
  });

  for (const [title, act] of [
    ['fails', () => assert.fail('broken')],
    ['sets a status that is none', (response) => void (response.status = 101)],
    ['frames the message', ({ fields }) => fields.set(nameOf('Content-Length'), '1')],
    ['breaks the message', ({ fields }) => fields.set(nameOf('X-A'), 'a\r\n\r\n')],
  ] as const satisfies readonly (readonly [string, NonNullable<Filter['onResponse']>])[]) {
    it(`is not passed on by a filter that ${title}: 500, and nothing of it`, async (t) => {
      const { client, records, active } = await open(t, [answers(act)], { backend });
      client.send(get);
      const text = await client.until('"code":"internal"');
      assert.match(text, /^HTTP\/1\.1 500 /);
      assert.doesNotMatch(text, /body|X-Keep/);
      assert.deepEqual([records.length, active()], [1, 0]);
      client.send(get);
      await client.until('"code":"internal"', 2);
    });
  }
});

describe('an answer of a filter', () => {
  it('cannot have a status that is none, or fields that frame it', () => {
    for (const status of [0, 99, 101, 199, 600, 200.5]) {
      assert.throws(() => new Answer(status, FieldBlock.empty, ''), RangeError);
    }
    for (const name of ['Content-Length', 'transfer_encoding', 'Connection']) {
      assert.throws(() => new Answer(200, new FieldBlock([[name, '1']]), ''), RangeError);
    }
    assert.equal(new Answer(599, new FieldBlock([['Location', '/']]), '').status, 599);
  });
});

describe('a filter that sets what the backend is asked for', () => {
  const aims = (path: string, query: string): Filter =>
    onRequest((request) => {
      request.setTarget(path, query);
      return 'pass';
    });

  it('is followed by the backend and by the filters after it; what was received stays to be compared', async (t) => {
    const seen: string[] = [];
    const looks = onRequest(({ receivedPath, path, query }) => {
      seen.push(receivedPath, path, query);
      return 'pass';
    });
    const { client, backend } = await open(t, [aims('/new/path', '?q=1'), looks]);
    client.send(get);
    await client.until('HTTP/1.1 200');
    assert.equal(backend.requests.items[0]?.url, '/new/path?q=1');
    assert.deepEqual(seen, ['/a', '/new/path', '?q=1']);
  });

  for (const [path, query] of [
    ['/a/../b', ''],
    ['/a%2fb', ''],
    ['a', ''],
    ['*', ''],
    ['/a?b', ''],
    ['/a', 'b'],
    ['/a b', ''],
    ['/%7Ea', ''],
    ['//host', ''],
  ] as const)
    it(`lets nothing pass with ${path}${query}, which is no normal target`, async (t) => {
      const { client, backend, defects } = await open(t, [aims(path, query)]);
      client.send(get);
      await client.until('"code":"internal"');
      assert.equal(backend.requests.length, 0);
      assert.equal(defects.length, 1);
    });
});

describe('a filter that limits the body', () => {
  const limits = (bytes: number): Filter =>
    onRequest((request) => {
      request.limitBody(bytes);
      return 'pass';
    });

  it('lets through what fits, and the lowest of several limits counts', async (t) => {
    const { client, backend } = await open(t, [limits(5), limits(10)]);
    client.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nabcde');
    await client.until('HTTP/1.1 200');
    assert.equal(backend.requests.items[0]?.body.length, 5);
    client.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 6\r\n\r\nabcdef');
    await client.until('"code":"body_too_large"');
    assert.equal(backend.requests.length, 1);
  });

  it('counts a body of no known length', async (t) => {
    const { client } = await open(t, [limits(5)]);
    client.send('POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n0\r\n\r\n');
    await client.until('"code":"body_too_large"');
  });
});

describe("an answer in the place of the backend's", () => {
  const instead = new Answer(599, new FieldBlock([['X-Own', '1']]), 'instead');
  const replaces: Filter = { name: 'test', onRequest: () => 'pass', onResponse: () => instead };

  for (const [title, length] of [
    ['a small one, whose connection is used again', 10],
    ['a large one, whose connection is not worth to wait for', 3_000_000],
  ] as const)
    it(`of ${title}: nothing of it is sent, and the next request is served`, async (t) => {
      const { client, records, backend, active } = await open(t, [replaces], {
        backend: { answer: (_request, response) => void response.end('x'.repeat(length)) },
      });
      for (let at = 1; at <= 2; at += 1) {
        client.send(get);
        assert.doesNotMatch(await client.until('instead', at), /xx/);
      }
      await records.waitFor(() => records.length === 2);
      assert.deepEqual(
        records.items.map(({ status }) => status),
        [599, 599],
      );
      assert.equal(active(), 0);
      assert.equal(backend.requests.items[1]?.connection, length === 10 ? 1 : 2);
    });
});

describe('a filter that changes the answers of the gateway too', () => {
  const own: Filter = {
    name: 'test',
    alsoOwnAnswers: true,
    onRequest: () => 'pass',
    onResponse({ fields, isOwn }) {
      fields.set(nameOf('X-Seen'), isOwn ? 'own' : 'backend');
    },
  };
  const refuses = onRequest(() => {
    throw new Fault('policy_denied', 'client');
  });

  for (const [title, filters, status, seen] of [
    ['refusals of filters before it', [refuses, own], 403, 'own'],
    ['refusals of filters after it', [own, refuses], 403, 'own'],
    ['answers of filters', [own, onRequest(() => teapot)], 418, 'own'],
    ['answers of the backend', [own], 200, 'backend'],
  ] as const)
    it(`sees ${title}`, async (t) => {
      const { client } = await open(t, filters);
      client.send(get);
      const text = await client.until('\r\n\r\n');
      assert.match(text, new RegExp(`^HTTP/1.1 ${status} `));
      assert.match(text, new RegExp(`\r\nX-Seen: ${seen}\r\n`));
    });

  it('cannot spoil a refusal', async (t) => {
    const spoils: Filter = { ...own, onResponse: () => assert.fail('broken') };
    const { client, defects } = await open(t, [spoils, refuses]);
    client.send(get);
    await client.until('"code":"policy_denied"');
    assert.equal(defects.length, 1);
  });
});
