import assert from 'node:assert/strict';
import { test } from 'node:test';
import { derTag } from '../asn1/der.ts';
import { encodeDer, encodeName } from '../asn1/der-writer.ts';
import { clientAuth } from '../certs/extended-key-usage.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { type CaOptions, type LeafOptions, mintCa } from '../certs/test-ca.ts';
import { explainPath } from './path-diagnosis.ts';

const text = (tag: number, value: string): Buffer => encodeDer(tag, Buffer.from(value));
const subtree = (base: Buffer): Buffer => encodeDer(derTag.sequence, base);

function constrained(permitted: readonly Buffer[], excluded: readonly Buffer[] = []): CaOptions {
  const part = (tag: number, bases: readonly Buffer[]): Buffer =>
    bases.length === 0 ? Buffer.alloc(0) : encodeDer(tag, Buffer.concat(bases.map(subtree)));
  const value = encodeDer(derTag.sequence, Buffer.concat([part(0xa0, permitted), part(0xa1, excluded)]));
  return { subject: '/O=Ours/CN=Limited', extensions: [{ oid: '2.5.29.30', critical: true, value }] };
}

/** What is said of a leaf that an anchor with these options issued; '' where nothing is. */
async function said(ca: CaOptions, leaf: Partial<LeafOptions>): Promise<string> {
  const root = await mintCa(ca);
  const issued = readFacts((await root.issue({ kind: 'client', cn: 'x', ...leaf })).der);
  const found = explainPath({ chain: [issued], anchor: readFacts(root.der) }, clientAuth);
  return found === undefined ? '' : `${found.code} ${found.detail}`;
}

const corp = text(0x82, 'corp.test');
const net10 = encodeDer(0x87, Buffer.from([10, 0, 0, 0, 255, 0, 0, 0]));
const ours = encodeDer(0xa4, encodeName([[['O', 'Ours']]]));

test('a name that the CA may not certify is named, with what it may', async () => {
  const cases: [CaOptions, string[], RegExp][] = [
    [
      constrained([corp]),
      ['a.corp.test', 'a.evil.test'],
      /may not certify DNS:a\.evil\.test: .* for DNS:corp\.test only$/,
    ],
    [constrained([], [corp]), ['a.corp.test'], /may not certify DNS:a\.corp\.test: .* not for DNS:corp\.test$/],
    [constrained([text(0x82, '.corp.test')]), ['DNS:corp.test'], /DNS:corp\.test: .* for DNS:\.corp\.test only$/],
    [constrained([text(0x81, 'corp.test')]), ['a@x.corp.test'], /EMAIL:a@x\.corp\.test/],
    [constrained([text(0x81, 'a@corp.test')]), ['b@corp.test'], /EMAIL:b@corp\.test/],
    [constrained([text(0x86, '.corp.test')]), ['https://corp.test/x'], /URI:https:\/\/corp\.test\/x/],
    [constrained([net10]), ['11.0.0.1'], /IP:11\.0\.0\.1: .* for IP:10\.0\.0\.0\/255\.0\.0\.0 only$/],
    [constrained([ours]), [], /may not certify CN=x: .* for directory name "O=Ours" only$/],
  ];
  for (const [ca, sans, wanted] of cases) {
    const found = await said(ca, { sans });
    assert.match(found, /^name_mismatch "CN=x": its CA "CN=Limited,O=Ours"/);
    assert.match(found, wanted);
  }
});

test('nothing is said where the names are those that the CA may certify', async () => {
  const cases: [CaOptions, Partial<LeafOptions>][] = [
    [constrained([corp]), { sans: ['corp.test', 'A.Corp.test', 'spiffe://any.test/x'] }],
    [constrained([], [corp]), { sans: ['xcorp.test'] }],
    [constrained([text(0x81, '.corp.test')]), { sans: ['a@x.corp.test'] }],
    [constrained([text(0x86, 'corp.test')]), { sans: ['https://u@corp.test:8443/x'] }],
    [constrained([net10]), { sans: ['10.1.2.3'] }],
    [constrained([ours]), { subject: '/O=Ours/CN=x' }],
    [{}, { sans: ['any.test'] }],
  ];
  for (const [ca, leaf] of cases) assert.equal(await said(ca, leaf), '');
});

test('constraints that cannot be read, critical extensions and weak keys are told as such, with whose they are', async () => {
  const broken = { oid: '2.5.29.30', critical: true, value: Buffer.from('3000', 'hex') };
  const strange = { oid: '1.2.3.4', critical: true, value: Buffer.from('0500', 'hex') };
  const mute = { oid: '2.5.29.15', critical: true, value: Buffer.from('03020102', 'hex') };
  const name = { subject: '/CN=Odd' };
  assert.match(
    await said({ ...name, extensions: [broken] }, {}),
    /^malformed_cert .*name constraints of its CA "CN=Odd" cannot/,
  );
  assert.match(
    await said({ ...name, extensions: [strange] }, {}),
    /^malformed_cert .*its CA "CN=Odd" has the critical .*1\.2\.3\.4/,
  );
  assert.match(
    await said(name, { extensions: [strange] }),
    /^malformed_cert "CN=x" has the critical extension 1\.2\.3\.4/,
  );
  assert.match(
    await said({ ...name, extensions: [mute] }, {}),
    /^untrusted_issuer .*"CN=Odd" may not sign certificates/,
  );
  assert.match(await said({ ...name, key: 'rsa-1024' }, {}), /^weak_key "CN=x": its CA "CN=Odd": .*RSA 1024/);
  assert.match(await said(name, { key: 'rsa-1024' }), /^weak_key "CN=x": the key is RSA of 1024 bits/);
});
