import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFacts } from '../certs/facts-reader.ts';
import { verifyStrength } from './certificate-checks.ts';
import { mintCa } from '../certs/test-ca.ts';

test('a weak hash is no matter on a self-signed CA, and is one on what merely has the name of its CA', async () => {
  const subject = '/O=Lab Inc';
  // Without key identifiers the name alone says who issued it.
  const extensions = [{ oid: '2.5.29.35', value: undefined }];
  const ca = await mintCa({ subject, hash: 'sha1' });
  assert.equal(verifyStrength(readFacts(ca.der)), undefined);
  for (const name of [subject, '/O=LAB  INC']) {
    const leaf = await ca.issue({ kind: 'client', subject: name, hash: 'sha1', extensions });
    assert.equal(verifyStrength(readFacts(leaf.der))?.code, 'weak_key');
    const strong = await ca.issue({ kind: 'client', subject: name, extensions });
    assert.equal(verifyStrength(readFacts(strong.der)), undefined);
  }
});
