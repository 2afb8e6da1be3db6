import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFacts } from './facts-reader.ts';
import { commonNameCovers, coversHost, dnsNameMatches, explainNotCovered } from './host-coverage.ts';
import { mintCa } from './test-ca.ts';

const ca = await mintCa();

test('a name covers itself in any case, a wildcard exactly one left-most label', () => {
  for (const [pattern, host] of [
    ['a.test', 'a.test'],
    ['A.Test', 'a.tEST'],
    ['a.test', 'a.test.'],
    ['*.a.test', 'b.a.test'],
    ['*.A.TEST', 'b.a.test'],
    ['*.a.test', '_x.a.test'],
    ['xn--bcher-kva.test', 'xn--bcher-kva.test'],
  ] as const) {
    assert.ok(dnsNameMatches(pattern, host), `${pattern} ${host}`);
  }
});

test('wildcards elsewhere, partial, over several labels, over top-level names and A-labels cover nothing', () => {
  for (const [pattern, host] of [
    ['*', 'a.test'],
    ['*', 'a'],
    ['*.test', 'a.test'],
    ['*.com', 'example.com'],
    ['*.a.test', 'a.test'],
    ['*.a.test', 'c.b.a.test'],
    ['*.a.test', '.a.test'],
    ['a.*.test', 'a.b.test'],
    ['*.*.test', 'a.b.test'],
    ['w*.a.test', 'www.a.test'],
    ['*w.a.test', 'www.a.test'],
    ['**.a.test', 'b.a.test'],
    ['xn--*.a.test', 'xn--b.a.test'],
    ['*.a.test', 'xn--bcher-kva.a.test'],
    ['*.a.test.', 'b.a.test'],
    ['a.test.', 'a.test'],
    ['', ''],
    ['*.', 'a'],
    ['a.test', 'b.test'],
    ['*.a.test', '*.a.test'],
    ['127.0.0.1', '127.0.0.1'],
    ['a.test\u0000.evil', 'a.test'],
  ] as const) {
    assert.ok(!dnsNameMatches(pattern, host), `${pattern} ${host}`);
  }
});

test('only DNS SANs cover names and only IP SANs cover addresses', async () => {
  const facts = readFacts(
    (
      await ca.issue({
        kind: 'server',
        cn: 'cn.test',
        sans: ['a.test', '*.b.test', '10.0.0.1', '2001:db8::1', 'URI:uri.test', 'EMAIL:email.test', 'DNS:10.0.0.2'],
      })
    ).der,
  );
  for (const host of ['a.test', 'x.b.test', '10.0.0.1', '2001:DB8:0::1', '[2001:db8::1]'])
    assert.ok(coversHost(facts, host), host);
  for (const host of ['cn.test', 'uri.test', 'email.test', '10.0.0.2', '::1', 'b.test', '', '*.b.test']) {
    assert.ok(!coversHost(facts, host), host);
  }
});

test('the explanation lists the names, and says when only the common name would fit', async () => {
  const bare = readFacts((await ca.issue({ kind: 'server', cn: 'api.example.com' })).der);
  assert.match(explainNotCovered(bare, 'api.example.com'), /no DNS or IP name; its common name would fit, but/);
  const named = readFacts((await ca.issue({ kind: 'server', cn: 'x', sans: ['a.test', '10.0.0.1'] })).der);
  assert.equal(explainNotCovered(named, 'b.test'), 'it carries a.test, 10.0.0.1');
});

test('a common name covers a host where it is the only one and there is no DNS or IP name; never by itself', async () => {
  const facts = async (subject: string, ...sans: string[]) =>
    readFacts((await ca.issue({ kind: 'server', subject, sans })).der);
  for (const [subject, host] of [
    ['/O=x/CN=a.test', 'a.test'],
    ['/CN=*.a.test', 'b.a.test'],
    ['/CN=192.0.2.7', '192.0.2.7'],
  ] as const) {
    const leaf = await facts(subject);
    assert.ok(commonNameCovers(leaf, host), subject);
    assert.ok(!coversHost(leaf, host), subject);
  }
  assert.ok(commonNameCovers(await facts('/CN=a.test', 'spiffe://x/a'), 'a.test'), 'a URI is no name of a host');
  for (const [leaf, host] of [
    [await facts('/CN=a.test', 'b.test'), 'a.test'],
    [await facts('/CN=a.test', '192.0.2.7'), 'a.test'],
    [await facts('/CN=a.test/CN=b.test'), 'a.test'],
    [await facts('/CN=a.test'), 'b.test'],
    [await facts('/CN=*.test'), 'a.test'],
    [await facts('/OU=a.test'), 'a.test'],
    [await facts('/CN=192.0.2.70'), '192.0.2.7'],
  ] as const) {
    assert.ok(!commonNameCovers(leaf, host), leaf.subject);
  }
});
