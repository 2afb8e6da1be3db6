import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type { RequestHead } from '../http/exchange.ts';
import { FieldNames, Fields } from '../http/field.ts';
import { Forwarding } from './forwarding.ts';

const names = new FieldNames();

function head(authority: string, ...pairs: [string, string][]): RequestHead {
  const fields = new Fields();
  for (const [raw, value] of pairs) {
    const name = names.find(raw);
    assert.ok(name);
    fields.push(name, value);
  }
  return {
    method: 'GET',
    target: '/',
    authority,
    version: 11,
    fields,
    bodyLength: 0,
    upgrade: '',
    acceptsTrailers: false,
  };
}

const nobody = new Forwarding({ trustedProxies: [], ipHeaders: ['X-Forwarded-For'] }, randomUUID);
const proxied = new Forwarding(
  { trustedProxies: ['10.0.0.0/8', '2001:db8::/32', '192.0.2.7'], ipHeaders: ['X-Forwarded-For', 'X-Real-IP'] },
  randomUUID,
);

function sent(
  forwarding: Forwarding,
  request: RequestHead,
  remoteAddress: string,
  secure = true,
): Record<string, string> {
  const peer = { remoteAddress, secure };
  const id = forwarding.requestId(request, peer);
  const blocks = [forwarding.perConnection(peer), forwarding.perRequest(request, peer, id)];
  for (const block of blocks)
    assert.equal(block.text, block.pairs.map(([name, value]) => `${name}: ${value}\r\n`).join(''));
  const pairs = blocks.flatMap((block) => block.pairs);
  assert.equal(new Set(pairs.map(([name]) => name)).size, pairs.length, 'no field twice');
  return Object.fromEntries(pairs);
}

const forged: [string, string][] = [
  ['X-Forwarded-For', '1.2.3.4'],
  ['X-Forwarded-Proto', 'https'],
  ['X-Forwarded-Host', 'evil.test'],
  ['X-Real-IP', '1.2.3.4'],
  ['X-Request-Id', 'chosen'],
];

test('A client that is no trusted proxy cannot say anything about itself', () => {
  for (const forwarding of [nobody, proxied]) {
    const out = sent(forwarding, head('a.test:8443', ...forged), '203.0.113.9', false);
    assert.match(out['X-Request-Id'] ?? '', /^[0-9a-f]{20}-0$/);
    delete out['X-Request-Id'];
    assert.deepEqual(out, {
      'X-Forwarded-For': '203.0.113.9',
      'X-Forwarded-Proto': 'http',
      'X-Forwarded-Host': 'a.test:8443',
      'X-Real-IP': '203.0.113.9',
    });
  }
});

test('Behind a trusted proxy its address is appended and its word believed', () => {
  assert.deepEqual(sent(proxied, head('a.test', ...forged), '10.1.2.3', false), {
    'X-Forwarded-For': '1.2.3.4, 10.1.2.3',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': 'evil.test',
    'X-Real-IP': '1.2.3.4',
    'X-Request-Id': 'chosen',
  });
});

test('A trusted proxy that says nothing, or nonsense, changes nothing', () => {
  for (const pairs of [
    [],
    [
      ['X-Forwarded-Proto', 'gopher'],
      ['X-Forwarded-Host', 'a b'],
      ['X-Request-Id', 'x'.repeat(65)],
      ['X-Forwarded-For', 'unknown'],
    ],
  ]) {
    const out = sent(proxied, head('a.test', ...(pairs as [string, string][])), '10.1.2.3');
    assert.match(out['X-Request-Id'] ?? '', /^[0-9a-f]{20}-0$/);
    assert.equal(out['X-Forwarded-For'], '10.1.2.3');
    assert.equal(out['X-Forwarded-Proto'], 'https');
    assert.equal(out['X-Forwarded-Host'], 'a.test');
    assert.equal(out['X-Real-IP'], '10.1.2.3');
  }
});

test('Trust goes by address range, in both families and for IPv4 inside IPv6', () => {
  for (const address of ['10.255.0.1', '::ffff:10.0.0.1', '192.0.2.7', '2001:db8::9'])
    assert.ok(proxied.isTrustedProxy(address), address);
  for (const address of ['11.0.0.1', '::ffff:11.0.0.1', '192.0.2.8', '2001:db9::1', 'fe80::1%eth0', '', 'x'])
    assert.ok(!proxied.isTrustedProxy(address), address);
  assert.ok(!nobody.isTrustedProxy('10.0.0.1'));
});

const chains: readonly [value: string, client: string][] = [
  ['1.2.3.4', '1.2.3.4'],
  ['6.6.6.6, 1.2.3.4', '1.2.3.4'],
  ['6.6.6.6, 1.2.3.4, 10.9.9.9', '1.2.3.4'],
  ['10.8.8.8, 10.9.9.9', '10.8.8.8'],
  ['1.2.3.4, rubbish', '10.1.2.3'],
  ['1.2.3.4, rubbish, 10.9.9.9', '10.1.2.3'],
  ['[2001:db9::1]', '2001:db9::1'],
  ['::ffff:1.2.3.4', '1.2.3.4'],
];

for (const [value, client] of chains) {
  test(`Behind 10.1.2.3, X-Forwarded-For: ${value} means client ${client}`, () => {
    const peer = { remoteAddress: '10.1.2.3', secure: true };
    assert.equal(proxied.clientAddress(head('a.test', ['X-Forwarded-For', value]), peer), client);
    assert.equal(nobody.clientAddress(head('a.test', ['X-Forwarded-For', value]), peer), '10.1.2.3');
  });
}

test('Ids differ within and between connections, and each is short', () => {
  const ids = new Set<string>();
  for (let i = 0; i < 3; i++) {
    const peer = { remoteAddress: '203.0.113.9', secure: true };
    for (let k = 0; k < 50; k++) ids.add(nobody.requestId(head('a.test'), peer));
  }
  assert.equal(ids.size, 150);
  for (const id of ids) assert.match(id, /^[0-9a-f]{20}-[0-9a-z]{1,19}$/);
});

test('The host follows the request, and what is no host is left out', () => {
  const peer = { remoteAddress: '203.0.113.9', secure: true };
  const hosts = ['a.test', 'b.test', '', 'b.test', 'a"b', 'a.test'].map(
    (host) => nobody.perRequest(head(host), peer, 'id').pairs.find(([name]) => name === 'X-Forwarded-Host')?.[1],
  );
  assert.deepEqual(hosts, ['a.test', 'b.test', undefined, 'b.test', undefined, 'a.test']);
});

test('A list without end is cut at its far end', () => {
  const list = Array.from({ length: 100 }, (_, i) => `1.1.1.${i}`).join(',');
  const out = sent(proxied, head('a.test', ['X-Forwarded-For', list]), '10.1.2.3')['X-Forwarded-For']?.split(', ');
  assert.equal(out?.length, 33);
  assert.deepEqual(out?.slice(-2), ['1.1.1.99', '10.1.2.3']);
});

test('An id of its own is kept from whom the rules believe, where it is short and plain', () => {
  const identity = {};
  const verified = { remoteAddress: '203.0.113.9', secure: true, identity };
  const anonymous = { remoteAddress: '203.0.113.9', secure: true, identity: undefined };
  const proxy = { remoteAddress: '10.1.2.3', secure: true };
  const proxies = { trustedProxies: ['10.0.0.0/8'], ipHeaders: [] };
  const kept = (keepFrom: 'proxies' | 'verified' | 'everybody'): string[] => {
    const rules = new Forwarding(proxies, randomUUID, { keepFrom, respond: true });
    const asked = head('a.test', ['X-Request-ID', 'abc/1=2']);
    const known = { proxy, verified, anonymous };
    return Object.entries(known).flatMap(([who, peer]) => (rules.requestId(asked, peer) === 'abc/1=2' ? [who] : []));
  };
  assert.deepEqual(kept('proxies'), ['proxy']);
  assert.deepEqual(kept('verified'), ['proxy', 'verified']);
  assert.deepEqual(kept('everybody'), ['proxy', 'verified', 'anonymous']);
  const everybody = new Forwarding(proxies, randomUUID, { keepFrom: 'everybody', respond: true });
  for (const bad of ['', 'x'.repeat(65), 'a b', 'a"b', 'a,b', 'a\u00e9', 'a<script>', 'a\tb', '{"a":1}'])
    assert.match(everybody.requestId(head('a.test', ['x-request-id', bad]), anonymous), /^[0-9a-f]{20}-/, bad);
});
