import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HashSource } from '../config/gateway-config.ts';
import type { CertificateFacts, San } from '../certs/facts.ts';
import { FieldNames, Fields } from '../http/field.ts';
import type { Identity } from '../trust/verdict.ts';
import { compileHashKey } from './hash-key.ts';
import { hashText } from './text-hash.ts';

const names = new FieldNames();

function fieldsOf(pairs: readonly (readonly [string, string])[]): Fields {
  const fields = new Fields();
  for (const [raw, value] of pairs) {
    const name = names.find(raw);
    assert.ok(name !== undefined);
    fields.push(name, value);
  }
  return fields;
}

function identity(facts: Partial<CertificateFacts> & { readonly sans?: readonly San[] }): Identity {
  const leaf = { sans: [], subjectKey: '', issuerKey: 'ca', sha256: 'aa', ...facts } as unknown as CertificateFacts;
  return { leaf, chain: [leaf], chainKnown: true, anchor: undefined };
}

const request = { fields: new Fields(), target: '/', remoteAddress: '192.0.2.7', identity: undefined };
const source = (name: HashSource['source'], of = ''): HashSource => ({ source: name, name: of });

test('the first thing that a request has decides', () => {
  const key = compileHashKey([source('header', 'X-Tenant'), source('cookie', 'session'), source('address')]);
  const fields = fieldsOf([
    ['x-tenant', 'blue'],
    ['Cookie', 'a=1; session=s1'],
  ]);
  assert.equal(key({ ...request, fields }), hashText('blue'));
  assert.equal(key({ ...request, fields: fieldsOf([['Cookie', 'a=1; session=s1']]) }), hashText('s1'));
  assert.equal(key({ ...request, fields: fieldsOf([['X-Tenant', '']]) }), hashText('192.0.2.7'));
  assert.equal(key(request), hashText('192.0.2.7'));
});

test('a request that has none of them has no key', () => {
  assert.equal(compileHashKey([source('certificate'), source('header', 'X-Tenant')])(request), undefined);
});

test('a certificate is known by its URI, else by who its issuer says it is: a renewal moves nobody', () => {
  const key = compileHashKey([source('certificate')]);
  const of = (facts: Parameters<typeof identity>[0]) => key({ ...request, identity: identity(facts) });
  const uri: San = { type: 'URI', value: 'spiffe://example.org/a' };
  assert.equal(of({ sans: [uri], sha256: '01' }), of({ sans: [uri], sha256: '02', subjectKey: 'cn=a' }));
  assert.equal(of({ subjectKey: 'cn=a', sha256: '01' }), of({ subjectKey: 'cn=a', sha256: '02' }));
  assert.notEqual(of({ subjectKey: 'cn=a' }), of({ subjectKey: 'cn=a', issuerKey: 'other' }));
  assert.notEqual(of({ sha256: '01' }), of({ sha256: '02' }));
});
