import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { openTempDir, type TempDir } from '../../test/support/temp.ts';
import { openingKeyPath, parseOpeningKeys, readOpeningKeys, writeOpeningKeys } from './opening-key.ts';
import { makeSealKey, publicPart } from './seal.ts';
import { StoreProblem } from './store-problem.ts';

const refusedAs =
  (code: StoreProblem['code']) =>
  (error: unknown): boolean =>
    error instanceof StoreProblem &&
    error.code === code &&
    !/MC4C|PRIVATE/.test(`${error.message}${String(error.cause)}`);

function tempDir(t: TestContext): TempDir {
  const dir = openTempDir('opening-key');
  t.after(() => dir.remove());
  return dir;
}

describe('the file with the opening key', () => {
  it('is written for its user only, and read back', (t) => {
    const path = openingKeyPath(tempDir(t).file('store.db'));
    assert.equal(readOpeningKeys(path), undefined);
    const keys = [makeSealKey(), makeSealKey()];
    writeOpeningKeys(path, keys, true);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(readOpeningKeys(path)?.map(publicPart), keys.map(publicPart));
  });

  it('is not written over by a first start, and is replaced as a whole by a rotation', (t) => {
    const dir = tempDir(t);
    const path = dir.file('key');
    const [first, second] = [makeSealKey(), makeSealKey()];
    writeOpeningKeys(path, [first], true);
    assert.throws(() => writeOpeningKeys(path, [second], true), refusedAs('seal_key_refused'));
    assert.deepEqual(readOpeningKeys(path)?.map(publicPart), [publicPart(first)]);
    dir.write('key.new', 'left over by a process that was killed');
    writeOpeningKeys(path, [second, first], false);
    assert.deepEqual(readOpeningKeys(path)?.map(publicPart), [second, first].map(publicPart));
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  it('is refused where others could read it or replace it', (t) => {
    const dir = tempDir(t);
    const path = dir.file('key');
    writeOpeningKeys(path, [makeSealKey()], true);
    chmodSync(path, 0o640);
    assert.throws(() => readOpeningKeys(path), refusedAs('seal_key_refused'));
    chmodSync(path, 0o600);
    symlinkSync(path, dir.file('link'));
    assert.throws(() => readOpeningKeys(dir.file('link')), refusedAs('seal_key_refused'));
    chmodSync(dir.path, 0o777);
    assert.throws(() => readOpeningKeys(path), refusedAs('seal_key_refused'));
    assert.throws(() => writeOpeningKeys(path, [makeSealKey()], false), refusedAs('seal_key_refused'));
  });

  it('holds X25519 keys in PEM and nothing else, and is never shown', (t) => {
    const dir = tempDir(t);
    const path = dir.file('key');
    writeOpeningKeys(path, [makeSealKey()], true);
    const pem = readFileSync(path, 'latin1');
    assert.equal(parseOpeningKeys(`\n${pem}\n${pem}`).length, 2);
    const ed25519 = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' });
    for (const text of ['', 'x', pem.slice(0, 60), pem.replace(/[a-z]/, '!'), ed25519, pem + ed25519]) {
      assert.throws(() => parseOpeningKeys(text), refusedAs('seal_key_wrong'));
    }
  });
});
