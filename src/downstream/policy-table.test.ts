import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, test } from 'node:test';
import { mintCa } from '../certs/test-ca.ts';
import { TrustPolicy } from './trust-policy.ts';
import { PolicyTable } from './policy-table.ts';

const policies = new Map<string, TrustPolicy>();

before(async () => {
  const ca = await mintCa();
  const own = await ca.issue({ kind: 'server', sans: ['a.test'] });
  const secret = randomBytes(32);
  for (const name of ['gateway', 'partners', 'inner']) {
    policies.set(
      name,
      new TrustPolicy({
        name,
        minVersion: 'TLSv1.2',
        maxVersion: 'TLSv1.3',
        ciphers: [],
        curves: [],
        certificates: [{ certPem: own.chainPem, keyPem: own.keyPem, names: ['a.test'] }],
        clientAuth: undefined,
        resumption: { enabled: true, lifetimeS: 60, secret },
      }),
    );
  }
});

function policy(name: string): TrustPolicy {
  return policies.get(name) as TrustPolicy;
}

function open(defaultPolicy?: string): PolicyTable {
  return new PolicyTable({
    policies: [
      { policy: policy('partners'), hosts: ['partners.test', '*.b2b.test'] },
      { policy: policy('inner'), hosts: ['*.inner.b2b.test', 'one.b2b.test'] },
    ],
    gateway: policy('gateway'),
    knownHosts: ['www.test', '*.apps.test', 'partners.test', 'x.b2b.test', '*.sub.b2b.test', '{tenant}.bad', ''],
    defaultPolicy: defaultPolicy === undefined ? undefined : policy(defaultPolicy),
  });
}

test('a name belongs to the policy that names it, exact before wildcard, the longest wildcard first', () => {
  const table = open();
  for (const [name, wanted] of [
    ['partners.test', 'partners'],
    ['x.b2b.test', 'partners'],
    ['y.x.b2b.test', 'partners'],
    ['one.b2b.test', 'inner'],
    ['two.one.b2b.test', 'partners'],
    ['x.inner.b2b.test', 'inner'],
    ['www.test', 'gateway'],
    ['deep.x.apps.test', 'gateway'],
  ] as const) {
    assert.equal(table.find(name)?.name, wanted, name);
  }
});

test('a wildcard does not cover its own parent, and a suffix counts only at a label boundary', () => {
  const table = open();
  for (const name of ['b2b.test', 'xb2b.test', 'apps.test', 'test', 'evil-www.test', 'www.test.evil']) {
    assert.equal(table.find(name), undefined, name);
  }
});

test('server name and Host share one canonical look-up', () => {
  const table = open();
  for (const name of ['PARTNERS.test', 'partners.test.', 'PaRtNeRs.TeSt.']) {
    assert.equal(table.find(name)?.name, 'partners', name);
  }
});

test('a route or certificate of the gateway takes no host away from another policy', () => {
  const table = open();
  assert.equal(table.find('partners.test')?.name, 'partners');
  assert.equal(table.find('x.b2b.test')?.name, 'partners');
  assert.equal(table.find('x.sub.b2b.test')?.name, 'partners');
});

test('a wildcard of the gateway is not lost because another policy names one host below it', () => {
  const table = new PolicyTable({
    policies: [{ policy: policy('partners'), hosts: ['x.apps.test'] }],
    gateway: policy('gateway'),
    knownHosts: ['*.apps.test'],
    defaultPolicy: undefined,
  });
  assert.equal(table.find('x.apps.test')?.name, 'partners');
  assert.equal(table.find('y.apps.test')?.name, 'gateway');
});

test('absent, unknown, illegal names and addresses all get the default policy, or none', () => {
  for (const text of [
    'unknown.test',
    '192.0.2.1',
    '[2001:db8::1]',
    '2001:db8::1',
    '0x7f.1',
    'a..b',
    '*.b2b.test',
    '',
    'a\0',
  ]) {
    assert.equal(open().find(text), undefined, text);
    assert.equal(open('gateway').find(text)?.name, 'gateway', text);
  }
  assert.equal(open().find(undefined), undefined);
  assert.equal(open('gateway').find(undefined)?.name, 'gateway');
  assert.equal(open('gateway').find('2001:db8::1')?.name, 'gateway');
  assert.equal(open().find('192.0.2.1'), undefined);
});

test('a policy that claims what is no host is an error, because its hosts would fall to a laxer policy', () => {
  const options = { gateway: policy('gateway'), knownHosts: [], defaultPolicy: undefined };
  for (const host of ['', '*', '*.', 'a b', '10.0.0.1', 'a.*.test']) {
    assert.throws(
      () => new PolicyTable({ ...options, policies: [{ policy: policy('inner'), hosts: [host] }] }),
      /host/,
    );
  }
});
