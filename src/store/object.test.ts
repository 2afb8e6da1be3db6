import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import type { JsonObject } from './canonical-json.ts';
import { digestOf } from './digest.ts';
import { maxObjectBytes, maxObjectDepth } from './limits.ts';
import { checkObjectName, prepareObject } from './object.ts';
import { StoreProblem } from './store-problem.ts';

const name = { kind: 'certificates', id: 'a' };
const refused = (error: unknown): boolean => error instanceof StoreProblem && error.code === 'object_refused';

describe('a document that is to be stored', () => {
  it('has the same digest however it is written', () => {
    const [one, other] = [prepareObject(name, { a: 1, b: [2] }), prepareObject(name, { b: [2], a: 1 })];
    assert.equal(one.digest, other.digest);
    assert.equal(one.text, '{"a":1,"b":[2]}');
  });

  it('says which sealed keys it refers to', () => {
    const [one, other] = [digestOf('sealed', '1'), digestOf('sealed', '2')];
    const body = { key: { sealed: one }, more: [{ key: { sealed: other } }, { key: { sealed: one } }] };
    assert.deepEqual(prepareObject(name, body).sealed, [one, other]);
    assert.throws(() => prepareObject(name, { key: { sealed: 'x' } }), refused);
    assert.deepEqual(prepareObject(name, { sealed: 'of a service', name: 'x' }).sealed, []);
  });

  it('is refused with a private key anywhere in it, as PEM or as base64 of PEM, and never shown', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pems = [
      privateKey.export({ format: 'pem', type: 'pkcs8' }),
      privateKey.export({ format: 'pem', type: 'sec1' }),
      privateKey.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' }),
    ].map(String);
    for (const pem of pems) {
      for (const text of [pem, `#\n${pem}`, base64(pem), base64(` ${pem}`), base64(`  ${pem}`), lines(base64(pem))]) {
        assert.throws(
          () => prepareObject(name, { deep: [{ key: text }] }),
          (error) => refused(error) && !(error as Error).message.includes(text.slice(30, 60)),
        );
      }
    }
    const open = publicKey.export({ format: 'pem', type: 'spki' });
    for (const text of [open, base64(open), '-----BEGIN CERTIFICATE-----']) prepareObject(name, { cert: text });
  });

  it('has bounds in size and depth', () => {
    prepareObject(name, { a: 'x'.repeat(maxObjectBytes - 8) });
    assert.throws(() => prepareObject(name, { a: 'x'.repeat(maxObjectBytes) }), refused);
    let deep: JsonObject = {};
    for (let level = 0; level < maxObjectDepth; level += 1) deep = { deep };
    prepareObject(name, deep);
    assert.throws(() => prepareObject(name, { deep }), StoreProblem);
    assert.throws(() => prepareObject(name, [] as unknown as JsonObject), refused);
  });

  it('has a name that a person can read, in any language', () => {
    for (const id of ['a', 'Aufträge / größer', '注文', '.', 'x'.repeat(200)])
      checkObjectName({ kind: 'services', id });
    for (const id of ['', 'a\0b', 'a\nb', '\u2028', '\ud800', '\u009b1m', 'x'.repeat(201)]) {
      assert.throws(() => checkObjectName({ kind: 'services', id }), StoreProblem, JSON.stringify(id));
    }
  });
});

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const lines = (text: string): string => text.replace(/.{64}/g, '$&\n');
