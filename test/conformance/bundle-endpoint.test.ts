// What a SPIFFE bundle endpoint has besides the contract of sources: who answers for it, what its document says, and that it never goes
// back.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { systemClock } from '../../src/base/clock.ts';
import { type Issued, mintCa, type TestCa } from '../../src/certs/test-ca.ts';
import type { SourceConfig, SpiffeBundleSettings } from '../../src/config/source-config.ts';
import { makeBundleEndpoint } from '../../src/sources/bundle-endpoint.ts';
import { readBundleDocument } from '../../src/sources/bundle-document.ts';
import type { Delivery, SourceProblem } from '../../src/sources/source.ts';
import { bundleDocument, BundleEndpoint } from '../support/bundle-endpoint.ts';
import { Feed } from '../support/wait-for.ts';

const endpointId = 'spiffe://partner.test/bundle-endpoint';
const place = { file: 'g.yml', line: 1, col: 1 };
type Told = Delivery | SourceProblem;

async function open(t: TestContext, tls: Issued, settings: Omit<SpiffeBundleSettings, 'kind' | 'url' | 'trustDomain'>) {
  const endpoint = await new BundleEndpoint(tls).start();
  const common = { want: 'anchors', label: 'partner (spiffeBundle)', place, mayStartWithout: false } as const;
  const config: SourceConfig & SpiffeBundleSettings = {
    ...common,
    kind: 'spiffeBundle',
    url: endpoint.url,
    trustDomain: 'partner.test',
    ...settings,
  };
  const source = makeBundleEndpoint(config, { clock: systemClock, random: () => 0.5, env: {} });
  const told = new Feed<Told>('what the source tells');
  source.open({ deliver: (delivery) => told.push(delivery), fail: (problem) => told.push(problem) });
  t.after(async () => {
    source.close();
    await endpoint.stop();
  });
  const ask = async (answer?: string | number): Promise<Told> => {
    if (answer !== undefined) endpoint.answer = answer;
    const from = told.length;
    source.renew();
    return told.waitFor(() => true, { from });
  };
  return { endpoint, ask };
}

const codeOf = (told: Told): string => ('code' in told ? told.code : 'delivered');
const anchorsOf = (told: Told): string | undefined => ('code' in told ? told.message : told.anchorsPem);

async function web(t: TestContext) {
  const ca = await mintCa({ cn: 'Web' });
  const tls = await ca.issue({ kind: 'server', sans: ['localhost'] });
  return open(t, tls, { profile: 'https_web', ca: { pem: ca.certPem } });
}

describe('a bundle endpoint of the web', () => {
  it('gives the CAs of use x509-svid, and says when it wants to be asked again', async (t) => {
    const { ask } = await web(t);
    const [one, two] = [await mintCa(), await mintCa()];
    const before = Date.now();
    const told = await ask(bundleDocument([one.certPem, two.certPem], { spiffe_sequence: 7 }));
    assert.ok(!('code' in told), codeOf(told));
    assert.equal(told.anchorsPem, one.certPem + two.certPem);
    assert.ok((told.renewAt ?? 0) >= before + 60_000 && (told.renewAt ?? 0) <= Date.now() + 60_000);
  });

  it('is refused with the certificate of another host, or of another CA', async (t) => {
    const ca = await mintCa();
    const document = bundleDocument([ca.certPem]);
    for (const tls of [
      await ca.issue({ kind: 'server', sans: ['elsewhere.test'] }),
      await (await mintCa()).issue({ kind: 'server', sans: ['localhost'] }),
    ]) {
      const { ask } = await open(t, tls, { profile: 'https_web', ca: { pem: ca.certPem } });
      assert.equal(codeOf(await ask(document)), 'spiffe_endpoint');
    }
  });

  it('never goes back: an older sequence, or none after one, is refused', async (t) => {
    const { ask } = await web(t);
    const [old, young] = [await mintCa(), await mintCa()];
    const at = (ca: TestCa, sequence?: string): string =>
      bundleDocument([ca.certPem]).replace(/\}$/, sequence === undefined ? '}' : `,"spiffe_sequence":${sequence}}`);
    // Beyond what a double can tell apart.
    assert.equal(codeOf(await ask(at(young, '9007199254740993'))), 'delivered');
    assert.equal(codeOf(await ask(at(old, '9007199254740992'))), 'spiffe_sequence');
    assert.equal(codeOf(await ask(at(old))), 'spiffe_sequence');
    assert.equal(anchorsOf(await ask(at(young, '9007199254740993'))), young.certPem);
    assert.equal(anchorsOf(await ask(at(old, '9007199254740994'))), old.certPem);
  });

  it('that serves no CA is a problem at first, and later takes all trust back', async (t) => {
    const { ask } = await web(t);
    const ca = await mintCa();
    assert.equal(codeOf(await ask(bundleDocument([]))), 'spiffe_no_bundle');
    assert.equal(codeOf(await ask(bundleDocument([ca.certPem]))), 'delivered');
    const gone = await ask(bundleDocument([]));
    assert.equal(codeOf(gone), 'delivered');
    assert.notEqual(anchorsOf(gone), ca.certPem);
  });

  it('says why where there is nothing to be had', async (t) => {
    const { ask, endpoint } = await web(t);
    for (const [answer, code] of [
      [404, 'spiffe_endpoint'],
      ['no JSON', 'spiffe_garbage'],
      ['{}', 'spiffe_garbage'],
      ['{"keys":[{"kty":"EC","use":"x509-svid"}]}', 'spiffe_garbage'],
      [
        '{"keys":[{"kty":"EC","use":"x509-svid","x5c":["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v"]}]}',
        'spiffe_bad_bundle',
      ],
      [`{"keys":[],"x":"${'x'.repeat(2 ** 21)}"}`, 'spiffe_endpoint'],
    ] as const)
      assert.equal(codeOf(await ask(answer)), code, String(answer).slice(0, 60));
    await endpoint.stop();
    assert.equal(codeOf(await ask()), 'spiffe_endpoint');
  });
});

describe('a bundle endpoint with a SPIFFE ID', () => {
  async function spiffe(t: TestContext, id = endpointId) {
    const first = await mintCa({ cn: 'First' });
    const svid = (ca: TestCa): Promise<Issued> => ca.issue({ kind: 'both', cn: 'endpoint', sans: [id] });
    const settings = { profile: 'https_spiffe', endpointId, bootstrap: { pem: first.certPem } } as const;
    return { first, svid, ...(await open(t, await svid(first), settings)) };
  }

  it('is who it says, whatever its host is, and its own bundle verifies it from then on', async (t) => {
    const { ask, endpoint, first, svid } = await spiffe(t);
    const second = await mintCa({ cn: 'Second' });
    assert.equal(anchorsOf(await ask(bundleDocument([first.certPem, second.certPem]))), first.certPem + second.certPem);
    // The first CA is taken back, and the endpoint has an SVID of the second.
    endpoint.use(await svid(second));
    assert.equal(anchorsOf(await ask(bundleDocument([second.certPem]))), second.certPem);
    endpoint.use(await svid(first));
    assert.equal(codeOf(await ask()), 'spiffe_endpoint');
  });

  it('is refused with another ID of the same trust domain', async (t) => {
    const { ask, first } = await spiffe(t, 'spiffe://partner.test/somebody');
    const told = await ask(bundleDocument([first.certPem]));
    assert.equal(codeOf(told), 'spiffe_endpoint');
    assert.match(anchorsOf(told) ?? '', /spiffe:\/\/partner.test\/somebody/);
  });

  it('is refused with the right ID of another CA', async (t) => {
    const { ask, endpoint, svid, first } = await spiffe(t);
    endpoint.use(await svid(await mintCa()));
    assert.equal(codeOf(await ask(bundleDocument([first.certPem]))), 'spiffe_endpoint');
  });
});

describe('documents of any kind', () => {
  it('are read, or refused as what they are', () => {
    const key = fc.record(
      { use: fc.constantFrom('x509-svid', 'jwt-svid', 1), x5c: fc.anything() },
      { requiredKeys: [] },
    );
    const document = fc.record(
      {
        keys: fc.oneof(fc.array(key), fc.anything()),
        spiffe_sequence: fc.anything(),
        spiffe_refresh_hint: fc.anything(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          document.map((one) => JSON.stringify(one)),
          fc.json(),
          fc.string(),
        ),
        (text) => {
          try {
            const { refreshMs = 10_000 } = readBundleDocument(text);
            assert.ok(refreshMs >= 10_000 && refreshMs <= 86_400_000);
          } catch (error) {
            assert.ok(error instanceof RangeError, String(error));
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
