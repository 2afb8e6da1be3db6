import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { digestOf } from './digest.ts';
import { maxSecretBytes } from './limits.ts';
import { makeSealKey, Opener, publicPart, seal } from './seal.ts';
import type { SealedBlob } from './sealed.ts';
import { StoreProblem } from './store-problem.ts';

const key = makeSealKey();
const opener = new Opener([key]);
const name = { kind: 'certificates', id: 'gateway-client' };
const secret = Buffer.from('what nobody else may know');

const refusedAs =
  (code: StoreProblem['code']) =>
  (error: unknown): boolean =>
    error instanceof StoreProblem && error.code === code && !error.message.includes('nobody');

describe('a sealed secret', () => {
  it('is opened for the object that it was sealed for', () => {
    const blob = seal(publicPart(key), name, secret);
    assert.deepEqual(opener.open(blob), secret);
    assert.equal(Buffer.from(blob.bytes).includes(secret), false);
  });

  it('has a digest that says nothing of it: the same secret has another each time', () => {
    assert.notEqual(seal(publicPart(key), name, secret).digest, seal(publicPart(key), name, secret).digest);
  });

  it('is not opened for another object, under another digest, in another format', () => {
    const blob = seal(publicPart(key), name, secret);
    const others: SealedBlob[] = [
      { ...blob, id: 'other' },
      { ...blob, kind: 'services' },
      // One text, cut elsewhere.
      { ...blob, kind: 'certificatesg', id: 'ateway-client' },
      { ...blob, digest: digestOf('sealed', 'x') },
      { ...blob, bytes: Buffer.concat([Buffer.from([2]), blob.bytes.subarray(1)]) },
      { ...blob, bytes: blob.bytes.subarray(0, -1) },
      { ...blob, bytes: Buffer.alloc(0) },
    ];
    for (const other of others) assert.throws(() => opener.open(other), refusedAs('unsealable'));
  });

  it('is not opened with a key that it was not sealed with', () => {
    const stranger = makeSealKey();
    const blob = seal(publicPart(key), name, secret);
    assert.throws(() => new Opener([stranger]).open(blob), refusedAs('seal_key_wrong'));
    const relabelled = { ...blob, sealKey: publicPart(stranger).id };
    assert.throws(() => new Opener([stranger]).open(relabelled), refusedAs('unsealable'));
  });

  it('cannot be replaced by one that somebody else sealed with the public key, which everybody may have', () => {
    const blob = seal(publicPart(key), name, secret);
    const forged = seal(publicPart(key), name, Buffer.from('my own'));
    assert.throws(() => opener.open({ ...forged, digest: blob.digest }), refusedAs('unsealable'));
  });

  it('keeps its digest when it is sealed anew, and the old key does not open it any more', () => {
    const next = makeSealKey();
    const blob = seal(publicPart(key), name, secret);
    const again = opener.reseal(blob, publicPart(next));
    assert.equal(again.digest, blob.digest);
    assert.deepEqual(new Opener([next]).open(again), secret);
    assert.throws(() => opener.open(again), refusedAs('seal_key_wrong'));
    assert.deepEqual(new Opener([next, key]).open(blob), secret);
  });

  it('has a bound', () => {
    const most = seal(publicPart(key), name, Buffer.alloc(maxSecretBytes));
    assert.equal(opener.open(most).length, maxSecretBytes);
    assert.throws(() => seal(publicPart(key), name, Buffer.alloc(maxSecretBytes + 1)), refusedAs('invalid'));
  });

  it('is not sealed with a public key that is not what its id says, or none', () => {
    const { id, publicKey } = publicPart(key);
    const other = publicPart(makeSealKey());
    for (const wrong of [
      { id, publicKey: other.publicKey },
      { id, publicKey: 'AA==' },
      { id: other.id, publicKey },
    ]) {
      assert.throws(() => seal(wrong, name, secret), refusedAs('seal_key_wrong'));
    }
  });

  it('is opened with X25519 keys only', () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    assert.throws(() => new Opener([privateKey]), refusedAs('seal_key_wrong'));
  });
});

describe('what the holder of the opening key seals for itself', () => {
  const own = Buffer.from('what this gateway committed');

  it('is opened for the same purpose, also after the key has another in front of it', () => {
    const sealed = opener.sealOwn('last good', own);
    assert.equal(sealed.includes(own), false);
    assert.deepEqual(new Opener([makeSealKey(), key]).openOwn('last good', sealed), own);
  });

  it('is not opened with another key, for another purpose, or changed', () => {
    const sealed = opener.sealOwn('last good', own);
    const changed = Buffer.from(sealed);
    changed[40] = (changed[40] ?? 0) ^ 1;
    assert.throws(() => new Opener([makeSealKey()]).openOwn('last good', sealed), refusedAs('unsealable'));
    assert.throws(() => opener.openOwn('another', sealed), refusedAs('unsealable'));
    assert.throws(() => opener.openOwn('last good', changed), refusedAs('unsealable'));
    assert.throws(() => opener.openOwn('last good', sealed.subarray(0, 20)), refusedAs('unsealable'));
  });
});
