// What is said of CAs before they refuse somebody: those that can vouch for nobody, and which of a bundle are anchors.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mintCa, type TestCa } from '../certs/test-ca.ts';
import { TrustBundle } from '../trust/trust-bundle.ts';
import { checkAnchors, type Peers } from './check-anchors.ts';
import { MaterialLoader } from './material-loader.ts';

const place = { file: 'gateway.yml', line: 1, col: 1 };
const ref = { path: '/x/ca.crt', place };
const newLoader = (): MaterialLoader =>
  new MaterialLoader({ readMaterial: async () => Promise.reject(new Error('nothing to read')) }, Date.now());

/** What is said of a bundle of these, as `severity code: message`. */
function told(cas: readonly TestCa[], peers: Peers, partialChain?: boolean, loader = newLoader()): string[] {
  const { bundle } = TrustBundle.parse(cas.map(({ certPem }) => certPem).join(''));
  assert.ok(bundle !== undefined);
  const from = loader.problems.length;
  checkAnchors('route r', peers, partialChain, [{ what: 'rootCAs', bundle, ref }], loader);
  return loader.problems.slice(from).map(({ severity, code, message }) => `${severity} ${code}: ${message}`);
}

const noIds = [
  { oid: '2.5.29.14', value: undefined },
  { oid: '2.5.29.35', value: undefined },
];
const usage = (hex: string) => [{ oid: '2.5.29.15', critical: true, value: Buffer.from(hex, 'hex') }];
const serverAuthOnly = [{ oid: '2.5.29.37', value: Buffer.from('300a06082b06010505070301', 'hex') }];

describe('a CA', async () => {
  const good = await mintCa({ cn: 'good' });

  it('that can vouch for nobody is a warning beside a good one, and an error where there is no other', async () => {
    for (const [ca, why] of [
      [await mintCa({ cn: 'bad', key: 'rsa-1024' }), /its key is RSA 1024, which is too short/],
      [await mintCa({ cn: 'bad', extensions: usage('03020780') }), /its key usage lacks keyCertSign/],
      [await mintCa({ cn: 'bad', extensions: usage('03020102') }), /its key usage lacks keyCertSign/],
      [await good.issueCa({ cn: 'bad', hash: 'sha1' }), /is signed by .*SHA-1/],
    ] as const)
      for (const peers of ['clients', 'servers'] as const) {
        const [line, ...more] = told([good, ca], peers);
        assert.match(line ?? '', /^warning useless_anchor: rootCAs: the CA "CN=bad" can vouch for nobody: /);
        assert.match(line ?? '', why);
        assert.deepEqual(more, []);
        if (ca.certPem !== ca.rootPem) continue;
        assert.match(told([ca], peers).join(), /^error useless_anchor/);
      }
  });

  it('that may issue for one side only counts there', async () => {
    const ca = await mintCa({ cn: 'one side', extensions: serverAuthOnly });
    assert.deepEqual(told([ca], 'servers'), []);
    assert.match(told([ca], 'clients').join(), /^error useless_anchor: .*its extended key usage lacks clientAuth$/);
    assert.match(told([good, ca], 'clients').join(), /^warning useless_anchor/);
  });

  it('of the name of another is a warning where no key identifier tells the two apart', async () => {
    const [one, two] = [await mintCa({ cn: 'twin', extensions: noIds }), await mintCa({ cn: 'twin' })];
    for (const cas of [
      [one, two],
      [two, one],
      [one, await mintCa({ cn: 'twin', extensions: noIds })],
    ])
      assert.match(
        told([good, ...cas], 'clients').join(),
        /^warning namesake_anchors: .*"CN=twin".* serial [0-9a-f]+ has no/,
      );
    assert.deepEqual(told([two, await mintCa({ cn: 'twin' })], 'clients'), []);
    assert.deepEqual(told([one, await mintCa({ cn: 'twin', extensions: noIds, keyPem: one.keyPem })], 'clients'), []);
  });

  it('that is good is not spoken of, nor a self-signed certificate that is no CA', async () => {
    const self = await mintCa({
      cn: 'self',
      extensions: [{ oid: '2.5.29.19', value: Buffer.from('3000', 'hex') }, ...usage('03020780')],
    });
    for (const peers of ['clients', 'servers'] as const)
      for (const cas of [[good], [good, await good.issueCa({ cn: 'below' })], [self], [self, good]])
        assert.deepEqual(told(cas, peers), []);
  });

  it('is spoken of once, however many places name it', async () => {
    const loader = newLoader();
    const cas = [good, await mintCa({ cn: 'bad', key: 'rsa-1024' })];
    const counts = ['clients', 'clients', 'servers', 'servers'] as const;
    assert.deepEqual(
      counts.map((peers) => told(cas, peers, undefined, loader).length),
      [1, 0, 1, 0],
    );
  });
});

it('an intermediate without a root is a warning until it is said to be an anchor, an error where that is denied', async () => {
  const root = await mintCa({ cn: 'root' });
  const below = await root.issueCa({ cn: 'below' });
  const self = await mintCa({ cn: 'self', extensions: [{ oid: '2.5.29.19', value: Buffer.from('3000', 'hex') }] });
  for (const cas of [[below], [below, self]]) {
    assert.match(told(cas, 'servers').join(), /^warning partial_chain: route r: rootCAs holds no root CA: its inter/);
    assert.deepEqual(told(cas, 'servers', true), []);
    assert.match(told(cas, 'servers', false).join(), /^error partial_chain: .*nobody could be trusted$/);
  }
  for (const asked of [undefined, true, false]) assert.deepEqual(told([below, root], 'servers', asked), []);
});
