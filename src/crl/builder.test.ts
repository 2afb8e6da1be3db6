import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { openTempDir } from '../../test/support/temp.ts';
import { systemClock } from '../base/clock.ts';
import { CrlBuilder, type CrlResult } from './builder.ts';
import { CrlIndex } from './serial-index.ts';
import { encodePem } from '../asn1/der-writer.ts';
import { mintCa } from '../certs/test-ca.ts';

const ca = await mintCa({ cn: 'Built' });
const issuers = [ca.der];

function crlsOf(result: CrlResult) {
  assert.ok('crls' in result, 'refusal' in result ? result.refusal.message : '');
  return result.crls;
}

describe('CrlBuilder', () => {
  it('builds from bytes and files, several at once, in order', async (t) => {
    using dir = openTempDir('crl-builder');
    const builder = new CrlBuilder({ clock: systemClock });
    t.after(() => builder.close());
    const path = dir.write(
      'two.pem',
      encodePem('X509 CRL', ca.issueCrl({ number: 2 })) + encodePem('X509 CRL', ca.issueCrl({ number: 3 })),
    );
    const [one, two] = await Promise.all([
      builder.build({
        name: 'one',
        from: { bytes: new Uint8Array(ca.issueCrl({ revoked: [{ serial: '0a' }] })) },
        issuers,
      }),
      builder.build({ name: path, from: { path }, issuers }),
    ]);
    const [crl] = crlsOf(one);
    assert.equal(crl?.facts.source, 'one');
    assert.ok(new CrlIndex(crl?.index ?? new Uint8Array()).find('0a') !== undefined);
    assert.deepEqual(
      crlsOf(two).map(({ facts }) => facts.number),
      ['02', '03'],
    );
  });

  it('builds the same bytes with the same issuers once, under whatever name', async (t) => {
    const builder = new CrlBuilder({ clock: systemClock });
    t.after(() => builder.close());
    const der = ca.issueCrl();
    const bytes = () => new Uint8Array(der);
    const [first] = crlsOf(await builder.build({ name: 'a', from: { bytes: bytes() }, issuers }));
    const [second] = crlsOf(await builder.build({ name: 'b', from: { bytes: bytes() }, issuers }));
    assert.equal(first?.index, second?.index);
    assert.equal(second?.facts.source, 'b');
    const other = await builder.build({ name: 'c', from: { bytes: bytes() }, issuers: [(await mintCa()).der] });
    assert.ok('refusal' in other);
  });

  it('says why it refuses, and goes on with the next', async (t) => {
    const builder = new CrlBuilder({ clock: systemClock });
    t.after(() => builder.close());
    const [missing, garbage, good] = await Promise.all([
      builder.build({ name: 'x', from: { path: '/nowhere/x.crl' }, issuers }),
      builder.build({ name: 'y', from: { bytes: new Uint8Array([1, 2, 3]) }, issuers }),
      builder.build({ name: 'z', from: { bytes: new Uint8Array(ca.issueCrl()) }, issuers }),
    ]);
    assert.ok('refusal' in missing && missing.refusal.code === 'crl_unreadable');
    assert.ok('refusal' in garbage && garbage.refusal.code === 'crl_broken');
    assert.equal(crlsOf(good).length, 1);
  });

  it('refuses the one CRL at which its thread dies or hangs, and starts another thread for the next', async (t) => {
    using dir = openTempDir('crl-thread');
    const entry = pathToFileURL(
      dir.write(
        'thread.mjs',
        `import { parentPort } from 'node:worker_threads';
         parentPort.on('message', ({ id, name }) => {
           if (name === 'dies') process.exit(1);
           if (name === 'throws') throw new Error('no');
           while (name === 'hangs');
           parentPort.postMessage({ id, ok: true, crls: [] });
         });`,
      ),
    );
    let timeOut = (): void => {};
    const after = (_delayMs: number, act: () => void) => {
      timeOut = act;
      return () => {};
    };
    const builder = new CrlBuilder({ clock: { ...systemClock, after }, entry });
    t.after(() => builder.close());
    const from = { bytes: new Uint8Array(1) };
    const names = ['dies', 'good', 'throws', 'hangs', 'good'];
    const builds = names.map(async (name) => builder.build({ name, from: { bytes: from.bytes.slice() }, issuers }));
    // One after another: the next is the one that hangs.
    await Promise.all(builds.slice(0, 3));
    timeOut();
    const results = await Promise.all(builds);
    assert.deepEqual(
      results.map((result) => ('crls' in result ? 'built' : result.refusal.code)),
      ['crl_not_built', 'built', 'crl_not_built', 'crl_not_built', 'built'],
    );
  });
});
