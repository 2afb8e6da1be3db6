// accessPolicy and rateLimit as a configuration makes them, in the whole flow: which clients pass, which do not, what they are told.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { parseConfig } from '../../src/config/parse-config.ts';
import { compileFilters } from '../../src/filters/compile-filters.ts';
import { RateCounters } from '../../src/filters/rate-counters.ts';
import { filterDependencies, openFilterSetup } from './filter-setup.ts';
import { HandClock, RawClient } from './http1-harness.ts';

/** A client of a gateway with this middleware on a route that serves everything. */
async function open(t: TestContext, type: string, rule: string, paths = '') {
  const file = `
gateway:
  routes: [{name: a, path: /, target: "http://127.0.0.1:1", middlewares: [m]}]
middlewares: [{name: m, type: ${type}, rule: ${rule}${paths}}]
`;
  const { config, problems } = parseConfig({ file: 'a.yml', text: file, extra: [], env: {}, strict: true });
  assert.ok(config, JSON.stringify(problems));
  const [route] = config.routes;
  assert.ok(route);
  const clock = new HandClock();
  const filters = compileFilters(route, [], filterDependencies({ rates: new RateCounters(clock, () => 0.5) }));
  const setup = await openFilterSetup(t, { filters });
  const get = async (path: string, more = ''): Promise<string> => {
    const client = await RawClient.open(setup.port);
    client.send(`GET ${path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n${more}\r\n`);
    return client.all();
  };
  return { ...setup, get, clock };
}

const statusOf = (answer: string): number => Number(answer.slice(9, 12));

describe('accessPolicy', () => {
  for (const [title, rule, status] of [
    ['lets an address of its list pass', '{action: ALLOW, sourceRanges: [127.0.0.1]}', 200],
    ['lets an address of a range pass', '{action: allow, sourceRanges: ["::1/128", 127.0.0.0-127.0.0.9]}', 200],
    ['refuses every other', '{action: ALLOW, sourceRanges: [10.0.0.0/8, 127.0.0.2-127.1.0.0]}', 403],
    ['that denies refuses those of its list', '{action: DENY, sourceRanges: [127.0.0.0/8]}', 403],
    ['that denies lets every other pass', '{action: DENY, sourceRanges: [10.0.0.0/8]}', 200],
  ] as const)
    it(title, async (t) => {
      const { get, records } = await open(t, 'accessPolicy', rule);
      assert.equal(statusOf(await get('/')), status);
      assert.equal(records.items[0]?.code, status === 200 ? '' : 'address_denied');
    });

  it('believes nobody who names another address', async (t) => {
    const { get } = await open(t, 'accessPolicy', '{action: DENY, sourceRanges: [127.0.0.1]}');
    assert.equal(
      statusOf(await get('/', 'X-Forwarded-For: 10.0.0.1\r\nX-Real-IP: 10.0.0.1\r\nForwarded: for=10.0.0.1\r\n')),
      403,
    );
  });
});

describe('rateLimit', () => {
  const threeAndTwo = '{unit: minute, requestsPerUnit: 3, burst: 2}';

  it('answers with 429, Retry-After and what the limit is, and takes it back with time', async (t) => {
    const { get, clock, records } = await open(t, 'rateLimit', threeAndTwo);
    for (let i = 0; i < 5; i++) assert.equal(statusOf(await get('/')), 200);
    const refused = await get('/');
    assert.equal(statusOf(refused), 429);
    assert.match(refused, /\r\nRetry-After: 20\r\n/);
    assert.match(refused, /\r\nRateLimit-Policy: "m";q=5;w=100\r\n/);
    assert.match(refused, /\r\nRateLimit: "m";r=0;t=100\r\n/);
    assert.match(refused, /"code":"rate_limited"/);
    clock.turn(20_000);
    assert.equal(statusOf(await get('/')), 200);
    assert.equal(statusOf(await get('/')), 429);
    assert.deepEqual(
      records.items.slice(5).map(({ code }) => code),
      ['rate_limited', '', 'rate_limited'],
    );
  });

  it('tells every client what is left where it is asked to', async (t) => {
    const { get } = await open(t, 'rateLimit', '{unit: minute, requestsPerUnit: 3, headers: always}');
    assert.match(await get('/'), /\r\nRateLimit: "m";r=2;t=20\r\n/);
    assert.match(await get('/'), /\r\nRateLimit: "m";r=1;t=40\r\n/);
  });

  it('tells it with answers of the gateway too, once each', async (t) => {
    const { get, backend } = await open(t, 'rateLimit', '{unit: minute, requestsPerUnit: 1, headers: always}');
    await backend.stop();
    assert.match(await get('/'), /^HTTP\/1.1 502 .*\r\nRateLimit: "m";r=0;t=60\r\n/s);
    const refused = await get('/');
    assert.match(refused, /^HTTP\/1.1 429 /);
    assert.equal(refused.match(/^RateLimit: /gm)?.length, 1);
  });

  it('tells clients apart by a header or a cookie, and those without by address', async (t) => {
    const { get } = await open(
      t,
      'rateLimit',
      '{unit: hour, requestsPerUnit: 1, keyStrategy: {source: header, name: X-Key}}',
    );
    for (const key of ['a', 'b', 'c'.repeat(5000)]) {
      assert.equal(statusOf(await get('/', `X-Key: ${key}\r\n`)), 200);
      assert.equal(statusOf(await get('/', `x-key: ${key}\r\n`)), 429);
    }
    for (const none of ['', 'X-Key:\r\n']) assert.equal(statusOf(await get('/', none)), none === '' ? 200 : 429);
    const by = await open(t, 'rateLimit', '{unit: hour, requestsPerUnit: 1, keyStrategy: {source: cookie, name: sid}}');
    assert.equal(statusOf(await by.get('/', 'Cookie: x=1; sid=1\r\n')), 200);
    assert.equal(statusOf(await by.get('/', 'Cookie: sid=1; sid=2\r\n')), 429);
    assert.equal(statusOf(await by.get('/', 'Cookie: sid=2\r\n')), 200);
    assert.equal(statusOf(await by.get('/', 'Cookie: x=1\r\nCookie: SID=3; sid=2\r\n')), 429);
  });

  it('counts the requests that its paths mean and no others, in whatever spelling', async (t) => {
    const { get } = await open(t, 'rateLimit', '{unit: hour, requestsPerUnit: 1}', ', paths: [/login]');
    assert.equal(statusOf(await get('/login')), 200);
    for (const path of ['/login', '/LOGIN', '//login', '/%6Cogin', '/x/../login', '/login;a=b', '/login/'])
      assert.equal(statusOf(await get(path)), 429, path);
    assert.equal(statusOf(await get('/other')), 200);
  });

  it('bans who does not stop, and nobody for ever', async (t) => {
    const { get, clock } = await open(t, 'rateLimit', '{requestsPerUnit: 1, banAfter: 2, banDuration: 1m}');
    const statuses: number[] = [];
    for (let i = 0; i < 5; i++) statuses.push(statusOf(await get('/')));
    assert.deepEqual(statuses, [200, 429, 429, 403, 403]);
    clock.turn(60_000);
    assert.equal(statusOf(await get('/')), 200);
  });
});
