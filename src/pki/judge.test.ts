import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFacts } from './facts-reader.ts';
import { judgeStrength } from './judge.ts';
import { mintCa } from './test-ca.ts';

test('a weak hash is no matter on a self-signed CA, and is one on what merely has the name of its CA', async () => {
  const subject = '/O=Lab Inc';
  // Without key identifiers the name alone says who issued it.
  const extensions = [{ oid: '2.5.29.35', value: undefined }];
  const ca = await mintCa({ subject, hash: 'sha1' });
  assert.equal(judgeStrength(readFacts(ca.der)), undefined);
  for (const name of [subject, '/O=LAB  INC']) {
    const leaf = await ca.issue({ kind: 'client', subject: name, hash: 'sha1', extensions });
    assert.equal(judgeStrength(readFacts(leaf.der))?.code, 'weak_key');
    const strong = await ca.issue({ kind: 'client', subject: name, extensions });
    assert.equal(judgeStrength(readFacts(strong.der)), undefined);
  }
});
