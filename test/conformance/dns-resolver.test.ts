// The resolver against a name server over real sockets: what holds, what is renewed, what stays when a server fails.
import assert from 'node:assert/strict';
import type { LookupOptions } from 'node:dns';
import { once } from 'node:events';
import { createServer } from '../../src/base/node-http.ts';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { lookupBy } from '../../src/dns/lookup-function.ts';
import type { LookUpFailure } from '../../src/dns/answer.ts';
import { type Found, NameResolver, type ResolverSettings } from '../../src/dns/name-resolver.ts';
import { SystemFiles } from '../../src/dns/system-files.ts';
import { type AskSystem, SystemLookup } from '../../src/dns/system-lookup.ts';
import { type DnsServer, type Reply, startDns } from '../support/dns.ts';
import { fetchOcsp, type OcspFetched } from '../../src/ocsp/fetch.ts';
import { openTempDir } from '../support/temp.ts';
import { eventually, Feed, SAFETY_NET_MS } from '../support/wait-for.ts';
import { HandClock } from './upstream-setup.ts';
import { resolverSettings } from '../support/resolver-settings.ts';

type Told =
  | { readonly kind: 'looked-up'; readonly result: string }
  | { readonly kind: 'changed'; readonly addresses: readonly string[] }
  | { readonly kind: 'failed'; readonly failure: LookUpFailure; readonly kept: readonly string[] };

type Bench = {
  readonly dns: DnsServer;
  readonly clock: HandClock;
  readonly told: Feed<Told>;
  readonly resolver: NameResolver;
  readonly find: (name: string) => Promise<Found>;
};

async function open(
  t: TestContext,
  replies: Readonly<Record<string, Reply>>,
  settings: Partial<ResolverSettings> = {},
  files: { readonly hosts?: string; readonly resolvConf?: string } = {},
): Promise<Bench> {
  const dns = await startDns(replies);
  const clock = new HandClock();
  const told = new Feed<Told>('resolver');
  const dir = openTempDir('dns');
  const paths = {
    hosts: dir.write('hosts', files.hosts ?? ''),
    resolvConf: dir.write('resolv.conf', files.resolvConf ?? ''),
  };
  const resolver = new NameResolver({
    clock,
    random: () => 0,
    settings: { ...resolverSettings, servers: [dns.address], ...settings },
    files: new SystemFiles(clock, paths),
    events: {
      onLookUp: (result) => told.push({ kind: 'looked-up', result }),
      onAddresses: (_name, addresses) => told.push({ kind: 'changed', addresses }),
      onLookUpFailure: (_name, failure, kept) => told.push({ kind: 'failed', failure, kept }),
    },
  });
  t.after(async () => {
    resolver.close();
    dir.remove();
    await dns[Symbol.asyncDispose]();
  });
  const find = (name: string): Promise<Found> => new Promise((resolve) => void resolver.find(name, resolve));
  return { dns, clock, told, resolver, find };
}

const both = { addresses: ['192.0.2.1', '192.0.2.2', '2001:db8::1'], ttl: 30 };

test('a name has the addresses of both families, and is asked for again after its time to live only', async (t) => {
  const { dns, clock, find } = await open(t, { 'api.test': both });
  assert.deepEqual(await find('api.test'), { addresses: both.addresses });
  assert.equal(dns.questions.length, 2);
  clock.advance(29_000);
  assert.deepEqual(await find('api.test'), { addresses: both.addresses });
  assert.equal(dns.questions.length, 2);
  dns.set('api.test', { addresses: ['192.0.2.9'], ttl: 30 });
  clock.advance(2_000);
  assert.deepEqual(await find('api.test'), { addresses: ['192.0.2.9'] });
});

test('who asks for the same name at the same time shares one look-up', async (t) => {
  const { dns, find } = await open(t, { 'api.test': both });
  const found = await Promise.all(Array.from({ length: 50 }, () => find('api.test')));
  assert.ok(found.every((one) => 'addresses' in one && one.addresses.length === 3));
  assert.equal(dns.questions.length, 2);
});

test('a time to live is kept within its bounds', async (t) => {
  const settings = { minTtlMs: 2_000, maxTtlMs: 10_000 };
  const { dns, clock, find } = await open(
    t,
    { 'brief.test': { ...both, ttl: 0 }, 'long.test': { ...both, ttl: 86_400 } },
    settings,
  );
  await Promise.all([find('brief.test'), find('long.test')]);
  clock.advance(1_900);
  await Promise.all([find('brief.test'), find('long.test')]);
  assert.equal(dns.questions.length, 4);
  clock.advance(200);
  await Promise.all([find('brief.test'), find('long.test')]);
  assert.equal(dns.questions.length, 6);
  clock.advance(8_000);
  await find('long.test');
  assert.equal(dns.questions.length, 8);
});

test('a name that does not exist is told so, and that holds for a while', async (t) => {
  const { dns, clock, find } = await open(t, {});
  for (let i = 0; i < 3; i += 1) {
    const found = await find('nobody.test');
    assert.equal('failure' in found && found.failure.code, 'not_found');
  }
  assert.equal(dns.questions.length, 2);
  dns.set('nobody.test', both);
  clock.advance(5_001);
  assert.deepEqual(await find('nobody.test'), { addresses: both.addresses });
});

test('a watched name is renewed in the background, and its watcher hears of other addresses only', async (t) => {
  const { dns, clock, told, resolver, find } = await open(t, { 'api.test': { addresses: ['192.0.2.1'], ttl: 10 } });
  let changes = 0;
  const unwatch = resolver.watch('api.test', () => (changes += 1));
  await find('api.test');
  const first = changes;
  clock.advance(10_000);
  await told.waitFor(() => told.length === 2);
  assert.equal(changes, first);
  dns.set('api.test', { addresses: ['192.0.2.2'], ttl: 10 });
  clock.advance(10_000);
  await told.waitFor(({ kind }) => kind === 'changed');
  assert.equal(changes, first + 1);
  assert.deepEqual(await find('api.test'), { addresses: ['192.0.2.2'] });
  unwatch();
  assert.deepEqual(clock.waits, []);
});

for (const [what, reply] of Object.entries({
  'a server that fails': { rcode: 'SERVFAIL' },
  'a server that refuses': { rcode: 'REFUSED' },
  'a name that is gone': { rcode: 'NXDOMAIN' },
  'an empty answer': { addresses: [] },
} satisfies Record<string, Reply>)) {
  test(`${what} leaves the last good addresses in use, says so, and is asked again`, async (t) => {
    const { dns, clock, told, resolver, find } = await open(t, { 'api.test': { addresses: ['192.0.2.1'], ttl: 10 } });
    let changes = 0;
    resolver.watch('api.test', () => (changes += 1));
    await find('api.test');
    const first = changes;
    assert.equal(resolver.stale, 0);
    dns.set('api.test', reply);
    clock.advance(10_000);
    const failed = await told.waitFor(({ kind }) => kind === 'failed');
    assert.deepEqual(failed.kind === 'failed' && failed.kept, ['192.0.2.1']);
    assert.deepEqual(await find('api.test'), { addresses: ['192.0.2.1'] });
    assert.equal(resolver.stale, 1);
    assert.equal(changes, first);
    dns.set('api.test', { addresses: ['192.0.2.2'], ttl: 10 });
    clock.advance(5_000);
    await told.waitFor(({ kind }) => kind === 'changed');
    assert.equal(resolver.stale, 0);
  });
}

test('a silent server ends in a timeout for its name, while another name is answered', async (t) => {
  const { dns, clock, find } = await open(t, { 'hung.test': { silent: true }, 'api.test': both });
  const hung = find('hung.test');
  await dns.questions.waitFor(({ name }) => name === 'hung.test');
  assert.deepEqual(await find('api.test'), { addresses: both.addresses });
  clock.advance(5_000);
  const found = await hung;
  assert.equal('failure' in found && found.failure.code, 'timeout');
});

test('a server that is silent about one family holds up the other for a moment, and takes nothing away', async (t) => {
  const { dns, clock, told, resolver, find } = await open(t, { 'api.test': { ...both, ttl: 10, silent: 'AAAA' } });
  const first = find('api.test');
  await dns.questions.waitFor(({ type }) => type === 'AAAA');
  // The wait for the other family begins when the first is there.
  await eventually(() => clock.waits.includes(250), { what: 'the wait for the other family' });
  clock.advance(250);
  assert.deepEqual(await first, { addresses: ['192.0.2.1', '192.0.2.2'] });
  assert.equal(resolver.stale, 0);
  resolver.watch('api.test', () => undefined);
  dns.set('api.test', { ...both, ttl: 10 });
  clock.advance(10_000);
  await told.waitFor(({ kind }) => kind === 'changed');
  const { length } = told;
  dns.set('api.test', { ...both, ttl: 10, silent: 'AAAA' });
  clock.advance(10_000);
  await eventually(() => clock.waits.includes(250), { what: 'the wait for the other family' });
  clock.advance(250);
  await told.waitFor(({ kind }) => kind === 'failed', { from: length });
  assert.deepEqual(await find('api.test'), { addresses: both.addresses });
});

test('a truncated answer is asked for again over TCP', async (t) => {
  const addresses = Array.from({ length: 60 }, (_, at) => `192.0.2.${at + 1}`);
  const { dns, find } = await open(t, { 'many.test': { addresses, ttl: 30, truncated: true } });
  const found = await find('many.test');
  assert.equal('addresses' in found && found.addresses.length, 60);
  assert.ok(dns.questions.items.some(({ over }) => over === 'tcp'));
});

test('of an answer without end 64 addresses are used', async (t) => {
  const addresses = Array.from({ length: 200 }, (_, at) => `192.0.2.${at + 1}`);
  const { find } = await open(t, { 'many.test': { addresses, ttl: 30, truncated: true } });
  const found = await find('many.test');
  assert.equal('addresses' in found && found.addresses.length, 64);
});

test('the hosts file, localhost, the search list and IP addresses work as everywhere', async (t) => {
  const files = {
    hosts: '192.0.2.50 legacy legacy.lab\n',
    resolvConf: 'search shop.svc.test svc.test\noptions ndots:5\n',
  };
  const { dns, find } = await open(t, { 'api.shop.svc.test': both, 'out.example': both }, {}, files);
  assert.deepEqual(await find('legacy'), { addresses: ['192.0.2.50'] });
  assert.deepEqual(await find('localhost'), { addresses: ['127.0.0.1', '::1'] });
  assert.deepEqual(await find('192.0.2.77'), { addresses: ['192.0.2.77'] });
  const never = await find('nobody.invalid');
  assert.equal('failure' in never && never.failure.code, 'not_found');
  assert.equal(dns.questions.length, 0);
  assert.deepEqual(await find('api'), { addresses: both.addresses });
  assert.deepEqual(await find('out.example'), { addresses: both.addresses });
  const asked = new Set(dns.questions.items.map(({ name }) => name));
  assert.deepEqual(
    [...asked],
    ['api.shop.svc.test', 'out.example.shop.svc.test', 'out.example.svc.test', 'out.example'],
  );
});

/** A resolver that knows its servers from resolv.conf only. Nobody listens there, so that the system is asked next. */
function openSystem(t: TestContext, ask: AskSystem, clock = new HandClock()): NameResolver {
  const dir = openTempDir('dns');
  const paths = { hosts: dir.write('hosts', ''), resolvConf: dir.write('resolv.conf', 'nameserver 127.0.0.9\n') };
  const resolver = new NameResolver({
    settings: resolverSettings,
    clock,
    random: () => 0,
    files: new SystemFiles(clock, paths),
    system: new SystemLookup(ask),
    events: { onLookUp: () => undefined, onAddresses: () => undefined, onLookUpFailure: () => undefined },
  });
  t.after(() => {
    resolver.close();
    dir.remove();
  });
  return resolver;
}

test('what only the system knows is found there, one look-up at a time', async (t) => {
  const asked = new Feed<string>('asked of the system');
  const answers: (() => void)[] = [];
  const clock = new HandClock();
  const ask: AskSystem = (name, _options, done) => {
    asked.push(name);
    answers.push(() => done(null, [{ address: '192.0.2.1', family: 4 }]));
  };
  const resolver = openSystem(t, ask, clock);
  const find = (name: string): Promise<Found> => new Promise((resolve) => void resolver.find(name, resolve));
  const [first, second] = [find('printer.local'), find('scanner.local')];
  await asked.waitFor(() => true);
  // One that never comes back holds one thread; who waits behind it is told in time.
  clock.advance(5_000);
  for (const found of await Promise.all([first, second])) assert.ok('failure' in found);
  assert.equal(asked.length, 1);
  clock.advance(5_000);
  const third = find('camera.local');
  answers[0]?.();
  await asked.waitFor((name) => name === 'camera.local');
  answers[1]?.();
  assert.deepEqual(await third, { addresses: ['192.0.2.1'] });
  assert.equal(asked.length, 2);
});

test('where servers are configured the system is not asked', async (t) => {
  const resolver = openSystem(t, () => assert.fail('the system was asked'));
  await using dns = await startDns();
  resolver.configure({ ...resolverSettings, servers: [dns.address] });
  const found = await new Promise<Found>((resolve) => void resolver.find('printer.local', resolve));
  assert.equal('failure' in found && found.failure.code, 'not_found');
});

test('clients of Node find addresses by the resolver', async (t) => {
  const { dns, resolver } = await open(t, { 'api.test': both });
  const lookup = lookupBy(() => resolver);
  const ask = (name: string, options: LookupOptions) =>
    new Promise((resolve) => lookup(name, options, (error, found) => resolve(error?.code ?? found)));
  assert.deepEqual(await ask('API.test', { all: true }), [
    { address: '192.0.2.1', family: 4 },
    { address: '192.0.2.2', family: 4 },
    { address: '2001:db8::1', family: 6 },
  ]);
  assert.equal(await ask('api.test', {}), '192.0.2.1');
  assert.equal(await ask('api.test', { family: 6 }), '2001:db8::1');
  assert.equal(await ask('nobody.test', { all: true }), 'ENOTFOUND');
  dns.set('four.test', { addresses: ['192.0.2.1'], ttl: 30 });
  assert.equal(await ask('four.test', { family: 6 }), 'ENODATA');
});

test('the name of an OCSP responder is looked up without the system', async (t) => {
  const { dns, resolver } = await open(t, { 'ocsp.test': { addresses: ['127.0.0.1'], ttl: 30 } });
  const responder = createServer((request, response) => response.end(request.headers.host)).listen(0, '127.0.0.1');
  await once(responder, 'listening');
  t.after(() => responder.close());
  const { port } = responder.address() as AddressInfo;
  const lookup = lookupBy(() => resolver);
  const fetched = await new Promise<OcspFetched>((resolve) => {
    const url = new URL(`http://ocsp.test:${port}/`);
    fetchOcsp({ url, request: Buffer.from('?'), timeoutMs: SAFETY_NET_MS, clock: systemClock, lookup }, resolve);
  });
  assert.equal(fetched.ok && fetched.body.toString(), `ocsp.test:${port}`);
  assert.ok(dns.questions.items.every(({ name }) => name === 'ocsp.test'));
});

test('other servers are asked as soon as they are configured', async (t) => {
  const { told, resolver, find } = await open(t, { 'api.test': { addresses: ['192.0.2.1'], ttl: 86_400 } });
  resolver.watch('api.test', () => undefined);
  await find('api.test');
  await using other = await startDns({ 'api.test': { addresses: ['192.0.2.2'], ttl: 30 } });
  resolver.configure({ ...resolverSettings, servers: [other.address] });
  await told.waitFor(({ kind }) => kind === 'changed');
  assert.deepEqual(await find('api.test'), { addresses: ['192.0.2.2'] });
});

test('names that nobody watches are not kept without end', async (t) => {
  const { resolver, find } = await open(t, { 'api.test': both });
  resolver.watch('api.test', () => undefined);
  await find('api.test');
  for (let at = 0; at < 1_200; at += 1) await find(`n${at}.invalid`);
  assert.ok(resolver.size <= 1_002, `${resolver.size} names are kept`);
  // What is watched stays, however long ago it came.
  assert.deepEqual(await find('api.test'), { addresses: both.addresses });
});
