// What must not pass for "there are no CRLs": a server that says nothing new to a first question, a folder too full to look at.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from '../base/node-http.ts';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { openTempDir } from '../../test/support/temp.ts';
import { systemClock } from '../base/clock.ts';
import { CrlBuilder } from './builder.ts';
import { encodePem } from '../asn1/der-writer.ts';
import { mintCa } from '../certs/test-ca.ts';
import { CrlSourceReader } from './source-reader.ts';
import { makeSourceSpec } from './wanted.ts';

const place = { file: 'x', line: 1, col: 1 };

describe('a source of CRLs', () => {
  it('that answers 304 to a question without conditions has given nothing', async (t) => {
    const reader = new CrlSourceReader(new CrlBuilder({ clock: systemClock }));
    t.after(() => reader.close());
    const server = createServer((_, response) => response.writeHead(304).end()).listen(0, '127.0.0.1');
    t.after(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const spec = makeSourceSpec({ place, url: `http://127.0.0.1:${port}/x.crl` }, [], 'k');
    for (const before of [undefined, { etag: undefined, lastModified: undefined }]) {
      const reading = await reader.read(spec, before);
      assert.deepEqual([reading.unchanged, reading.failures[0]?.refusal.code], [undefined, 'crl_unreachable']);
    }
    assert.equal((await reader.read(spec, { etag: '"1"', lastModified: undefined })).unchanged, true);
  });

  it('that is a folder with more entries than are looked at is refused as a whole', async (t) => {
    using dir = openTempDir('crl-folder');
    const reader = new CrlSourceReader(new CrlBuilder({ clock: systemClock }));
    t.after(() => reader.close());
    const ca = await mintCa();
    dir.write('crls/ca.crl', encodePem('X509 CRL', ca.issueCrl()));
    const spec = makeSourceSpec({ place, path: dir.file('crls') }, [ca.der], 'k');
    for (let i = 1; i < 10_000; i++) writeFileSync(dir.file(`crls/${i}`), '');
    assert.equal((await reader.read(spec)).crls.length, 1);
    writeFileSync(dir.file('crls/10000'), '');
    const { crls, failures } = await reader.read(spec);
    assert.deepEqual([crls.length, failures[0]?.refusal.code], [0, 'crl_too_large']);
  });
});
