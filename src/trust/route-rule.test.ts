// A route's rule: whom it lets call, whom not, and what it says about it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RouteClientCertConfig, SanRuleConfig } from '../config/gateway-config.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { mintCa } from '../certs/test-ca.ts';
import { RouteRule } from './route-rule.ts';

const place = { file: 'gateway.yml', line: 1, col: 1 };
const ca = await mintCa();
const identity = async (...sans: string[]) => ({
  leaf: readFacts((await ca.issue({ kind: 'client', cn: 'spiffe://x/admin', sans })).der),
});
const [admin, user, nameless] = await Promise.all([
  identity('spiffe://x/admin'),
  identity('spiffe://x/user'),
  identity(),
]);

const spiffe = (id: string): SanRuleConfig => ({ kind: 'spiffe', id, place });
const rule = (config: Partial<RouteClientCertConfig>): RouteRule =>
  new RouteRule({ required: true, allow: undefined, place, ...config });

test('a required certificate keeps anonymous clients out and lets every authenticated one in', () => {
  assert.equal(rule({}).verify(undefined)?.rule, 'clientCert.required');
  for (const who of [admin, user, nameless]) assert.equal(rule({}).verify(who), undefined);
});

test('allow lets in whom any of its rules names, and nobody else', () => {
  const two = rule({ allow: [spiffe('spiffe://x/none'), spiffe('spiffe://x/admin')] });
  assert.equal(two.verify(admin), undefined);
  assert.equal(two.verify(user)?.rule, 'clientCert.allow: spiffe "spiffe://x/none", spiffe "spiffe://x/admin"');
  assert.match(two.verify(user)?.detail ?? '', /carries URI:spiffe:\/\/x\/user; the route allows spiffe/);
  assert.match(two.verify(nameless)?.detail ?? '', /carries no name \(SAN\)/);
  assert.equal(two.verify(undefined)?.rule, 'clientCert.required');
});

test('a rule over the subject says what the subject is', () => {
  const commonName = { kind: 'commonName', matcher: 'exact', ignoreCase: false, place } as const;
  assert.equal(rule({ allow: [{ ...commonName, value: 'spiffe://x/admin' }] }).verify(nameless), undefined);
  const denied = rule({ allow: [{ ...commonName, value: 'admin' }] }).verify(nameless);
  assert.equal(denied?.rule, 'clientCert.allow: commonName exact "admin"');
  assert.match(denied?.detail ?? '', /carries the subject "CN=spiffe:\/\/x\/admin", no name \(SAN\); the route allows/);
});

test('where no certificate is required, anonymous clients pass and those with a wrong one do not', () => {
  const optional = rule({ required: false, allow: [spiffe('spiffe://x/admin')] });
  assert.equal(optional.verify(undefined), undefined);
  assert.equal(optional.verify(admin), undefined);
  assert.match(optional.verify(user)?.rule ?? '', /^clientCert\.allow: /);
});

test('an empty list lets nobody in, and a pattern that is none makes no rule', () => {
  assert.notEqual(rule({ allow: [] }).verify(admin), undefined);
  const broken = {
    kind: 'san',
    type: 'URI',
    matcher: 'regex',
    value: '(',
    ignoreCase: false,
    oid: undefined,
    place,
  } as const;
  assert.throws(() => rule({ allow: [broken] }), SyntaxError);
});

test('the description says what is asked for', () => {
  assert.equal(rule({}).description, 'a client certificate');
  assert.equal(
    rule({ required: false, allow: [{ kind: 'trustDomain', domain: 'x', place }] }).description,
    'no client certificate, or one that carries trustDomain "x"',
  );
});
