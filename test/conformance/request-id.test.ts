// X-Request-Id in answers: there once, the same as in the log and at the backend, whoever answers and in whatever protocol.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2, { type IncomingHttpHeaders } from 'node:http2';
import { after, describe, it, type TestContext } from 'node:test';
import { Fault } from '../../src/base/fault.ts';
import { Answer, type Filter } from '../../src/filters/filter.ts';
import { FieldBlock } from '../../src/http/field.ts';
import { headerValues } from '../support/backend.ts';
import { type FilterSetupOptions, openFilterSetup } from './filter-setup.ts';
import { RawClient } from './http1-harness.ts';
import { closePools } from './upstream-setup.ts';

after(closePools);

const get = 'GET /a HTTP/1.1\r\nHost: a.test\r\nX-Request-Id: chosen\r\nConnection: close\r\n\r\n';

async function ask(t: TestContext, options: Partial<FilterSetupOptions> = {}, request = get) {
  const setup = await openFilterSetup(t, { filters: [], ...options });
  const client = await RawClient.open(setup.port);
  t.after(() => client.socket.destroy());
  const text = await client.send(request).all();
  const ids = [...text.matchAll(/^x-request-id: (.*)\r$/gim)].map(([, id]) => id);
  return { ...setup, text, ids, record: setup.records.items[0] };
}

const echoing: FilterSetupOptions['backend'] = {
  answer: (received, response) => {
    const [id = ''] = headerValues(received, 'x-request-id');
    response.writeHead(200, { 'X-Request-ID': `backend-${id}`, 'X-Other': '1' }).end('fine');
  },
};

describe('the id of a request', () => {
  it('is in its answer as it is in the log and at the backend, and a backend’s own does not stand beside it', async (t) => {
    const { ids, text, record, backend } = await ask(t, { backend: echoing });
    assert.match(ids[0] ?? '', /^[0-9a-f]{20}-0$/);
    assert.deepEqual(ids, [record?.requestId]);
    const [received] = backend.requests.items;
    assert.deepEqual(received && headerValues(received, 'x-request-id'), ids);
    assert.match(text, /^X-Other: 1\r$/m);
    assert.match(text, /\r\n\r\n4\r\nfine\r\n0\r\n\r\n$/);
  });

  it('is the one of a proxy that is trusted, and of nobody else', async (t) => {
    const trusted = await ask(t, { forwarding: { trustedProxies: ['127.0.0.0/8'] } });
    assert.deepEqual(trusted.ids, ['chosen']);
    assert.equal(trusted.record?.requestId, 'chosen');
    const everybody = { keepFrom: 'everybody', respond: true } as const;
    assert.deepEqual((await ask(t, { forwarding: { requestId: everybody } })).ids, ['chosen']);
  });

  it('is not told where it is not to be, and then a backend’s own passes', async (t) => {
    const forwarding = { requestId: { keepFrom: 'proxies', respond: false } } as const;
    const { ids, record } = await ask(t, { backend: echoing, forwarding });
    assert.deepEqual(ids, [`backend-${record?.requestId}`]);
    const refusing = [{ name: 'test', onRequest: () => assert.fail('a defect') }];
    assert.deepEqual((await ask(t, { forwarding, filters: refusing })).ids, []);
  });

  const refusals: [string, Filter['onRequest']][] = [
    [
      'a refusal',
      () => {
        throw new Fault('policy_denied', 'client');
      },
    ],
    ['an answer of a filter', () => new Answer(204, new FieldBlock([['X-Own', '1']]), '')],
    ['an answer of a filter that has one', () => new Answer(200, new FieldBlock([['x-request-id', 'its own']]), 'x')],
  ];
  for (const [what, onRequest] of refusals) {
    it(`is in ${what}, once`, async (t) => {
      const { ids, record } = await ask(t, { filters: [{ name: 'test', onRequest }] });
      assert.deepEqual(ids, [record?.requestId]);
      assert.notEqual(ids[0], '');
    });
  }

  it('is in the answer to a call of gRPC that is refused, which has no body to say it', async (t) => {
    const onRequest = (): never => {
      throw new Fault('policy_denied', 'client');
    };
    const setup = await openFilterSetup(t, { filters: [{ name: 'test', onRequest }], http2: true });
    const session = http2.connect(`http://127.0.0.1:${setup.port}`);
    t.after(() => session.destroy());
    const call = { ':method': 'POST', ':path': '/', ':authority': 'a.test', 'content-type': 'application/grpc' };
    const stream = session.request({ ...call, te: 'trailers' });
    stream.end();
    const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders];
    assert.deepEqual([head['grpc-status'], head['x-request-id']], ['7', setup.records.items[0]?.requestId]);
  });

  it('is in answers over HTTP/2 likewise', async (t) => {
    const setup = await openFilterSetup(t, { filters: [], http2: true, backend: echoing });
    const session = http2.connect(`http://127.0.0.1:${setup.port}`);
    t.after(() => session.destroy());
    for (let count = 0; count < 3; count += 1) {
      const stream = session.request({ ':path': '/', ':authority': 'a.test', 'x-request-id': 'chosen' });
      const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders];
      stream.resume();
      await once(stream, 'end');
      assert.match(String(head['x-request-id']), new RegExp(`^[0-9a-f]{20}-${count}$`));
      assert.equal(head['x-request-id'], setup.records.items[count]?.requestId);
    }
  });
});

describe('requests of one client at a time', () => {
  it('are as many as the limit says, a place is free with the end of each, and others are not concerned', async (t) => {
    const held: (() => void)[] = [];
    const setup = await openFilterSetup(t, {
      filters: [],
      requestsPerClient: 2,
      forwarding: { trustedProxies: ['127.0.0.0/8'] },
      backend: { handle: (request, response) => void held.push(() => response.end(request.url)) },
    });
    const from = async (address: string, path = '/'): Promise<RawClient> => {
      const client = await RawClient.open(setup.port);
      t.after(() => client.socket.destroy());
      return client.send(`GET ${path} HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: ${address}\r\n\r\n`);
    };
    const first = await from('192.0.2.1', '/first');
    await from('192.0.2.1');
    while (held.length < 2) await new Promise(setImmediate);
    const third = await from('192.0.2.1');
    assert.match(await third.until('client_limit'), /^HTTP\/1\.1 429 /);
    const record = await setup.records.waitFor(() => true);
    assert.equal(record.detail, 'clientLimits.requests was reached: 2 of 192.0.2.1');
    // Others behind the same proxy; and the proxy itself, which names nobody, is no client.
    await from('192.0.2.2');
    for (let count = 0; count < 3; count += 1) await from('');
    while (held.length < 6) await new Promise(setImmediate);
    held.shift()?.();
    await first.until('/first');
    await from('192.0.2.1');
    while (held.length < 6) await new Promise(setImmediate);
    assert.equal(setup.records.items.filter(({ code }) => code === 'client_limit').length, 1);
    assert.equal(setup.inFlight(), 2);
    for (const answer of held) answer();
    await setup.records.waitFor(() => setup.records.length === 8);
    assert.equal(setup.inFlight(), 0);
  });

  it('are free again when a client goes away or is refused', async (t) => {
    const held: (() => void)[] = [];
    const setup = await openFilterSetup(t, {
      filters: [],
      requestsPerClient: 1,
      backend: { handle: (_, response) => void held.push(() => response.end()) },
    });
    for (let count = 1; count <= 3; count += 1) {
      const client = await RawClient.open(setup.port);
      client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
      while (held.length < count) await new Promise(setImmediate);
      client.socket.resetAndDestroy();
      await setup.records.waitFor(({ code }) => code === 'client_aborted', { from: count - 1 });
      assert.equal(setup.inFlight(), 0);
    }
    assert.ok(setup.records.items.every(({ code }) => code === 'client_aborted'));
  });
});
