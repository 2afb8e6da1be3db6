import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openTempDir } from '../../test/support/temp.ts';
import { systemClock } from '../base/clock.ts';
import { CrlSourceReader, type CrlReading, makeFeedSpec } from '../crl/source-reader.ts';
import { CrlBuilder } from '../crl/builder.ts';
import { CrlRejection } from '../crl/rejection.ts';
import { encodePem } from '../asn1/der-writer.ts';
import { mintCa } from '../certs/test-ca.ts';
import { createLogger } from '../telemetry/logger.ts';
import { CrlPublisher } from './crl-publisher.ts';

const place = { file: 'x', line: 1, col: 1 };
const log = createLogger({ level: 'off', format: 'json', file: undefined });

describe('a reload that changes the CAs of a policy', () => {
  it('keeps the CRLs in force that their keys have signed, whatever their source has now', async (t) => {
    using dir = openTempDir('crl-publisher');
    const loader = new CrlSourceReader(new CrlBuilder({ clock: systemClock }));
    const [ca, other] = [await mintCa({ cn: 'one' }), await mintCa({ cn: 'other' })];
    const publisher = new CrlPublisher({ clock: systemClock, log, loader, random: () => 0, onChange: () => {} });
    t.after(() => publisher.close());
    const path = dir.file('x.crl');
    const write = (number: number) => dir.replace('x.crl', encodePem('X509 CRL', ca.issueCrl({ number })));
    const adopt = async (key: string, issuers: readonly Uint8Array[], reading?: CrlReading) => {
      const spec = makeFeedSpec({ place, path }, issuers, key);
      const feeds = [{ spec, refreshMs: 1_000, reading: reading ?? (await loader.read(spec)) }];
      await publisher.adopt([{ key, feeds }]);
      return publisher
        .groups()
        .find((group) => group.key === key)
        ?.crls.map(({ facts }) => facts.number);
    };
    write(5);
    assert.deepEqual(await adopt('one', [ca.der]), ['05']);
    write(4);
    assert.deepEqual(await adopt('both', [ca.der, other.der]), ['05'], 'an older one is a replay');
    dir.replace('x.crl', 'garbage');
    const failed = { crls: [], failures: [{ source: path, refusal: new CrlRejection('crl_broken', '', '') }] };
    assert.deepEqual(await adopt('three', [other.der, ca.der], failed), ['05'], 'there is none');
    assert.deepEqual(await adopt('without', [other.der], failed), []);
  });
});
