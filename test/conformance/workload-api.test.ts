// What the SPIFFE Workload API has besides the contract of sources: which SVID is taken, what an SVID has to be, what becomes of bundles
// that are taken back, and what an agent says that has nothing for us.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import grpc from '@grpc/grpc-js';
import fc from 'fast-check';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { type LeafOptions, mintCa, type TestCa } from '../../src/certs/test-ca.ts';
import type { SourceConfig, SpiffeSettings } from '../../src/config/source-config.ts';
import type { Delivery, SourceProblem } from '../../src/sources/source.ts';
import { readBundles, readSvids } from '../../src/sources/workload-messages.ts';
import { WorkloadApiSource } from '../../src/sources/workload-api.ts';
import { Feed } from '../support/wait-for.ts';
import { type AgentSvid, field, WorkloadApi } from '../support/workload-api.ts';

const place = { file: 'g.yml', line: 1, col: 1 };
const gateway = 'spiffe://example.org/gateway';

type Told = Delivery | SourceProblem;
type Setup = Partial<SpiffeSettings> & { readonly want?: SourceConfig['want'] };

async function open(
  t: TestContext,
  settings: Setup = {},
  env: Record<string, string> = {},
  clock: Clock = systemClock,
) {
  const agent = await new WorkloadApi().start();
  const { want = 'pair', ...more } = settings;
  const common = { kind: 'spiffe', want, label: 'edge (spiffe)', place, mayStartWithout: false } as const;
  const host = { clock, random: () => 0.5, env: { SPIFFE_ENDPOINT_SOCKET: agent.socket, ...env } };
  const source = new WorkloadApiSource({ ...common, socket: undefined, ...more }, host);
  const told = new Feed<Told>('what the source tells');
  source.open({ deliver: (delivery) => told.push(delivery), fail: (problem) => told.push(problem) });
  t.after(() => {
    source.close();
    agent[Symbol.dispose]();
  });
  return { agent, source, told };
}

const isDelivery = (told: Told): told is Delivery => !('code' in told);
const next = async (told: Feed<Told>, from = 0): Promise<Told> => told.waitFor(() => true, { from });

async function problem(told: Feed<Told>): Promise<SourceProblem> {
  const first = await next(told);
  assert.ok(!isDelivery(first), 'nothing should be delivered');
  return first;
}

async function svid(ca: TestCa, id = gateway, more: Partial<LeafOptions> = {}): Promise<AgentSvid> {
  const { chainPem, keyPem } = await ca.issue({ kind: 'both', cn: id.split('/').at(-1) ?? '', sans: [id], ...more });
  return { id, chain: chainPem, key: keyPem, bundle: ca.certPem };
}

const uriOf = (told: Told): string | undefined =>
  isDelivery(told) ? new X509Certificate(told.pair?.certPem ?? '').subjectAltName : undefined;

describe('the SVID that is taken', () => {
  it('is the first, the one of an ID, or the one of a hint', async (t) => {
    const ca = await mintCa();
    const all = [
      await svid(ca, 'spiffe://example.org/first'),
      { ...(await svid(ca, 'spiffe://example.org/second')), hint: 'internal' },
      { ...(await svid(ca, 'spiffe://example.org/third')), hint: 'external' },
    ];
    for (const [choice, taken] of [
      [{}, 'first'],
      [{ id: 'spiffe://example.org/second' }, 'second'],
      [{ hint: 'external' }, 'third'],
    ] as const) {
      const { agent, source, told } = await open(t, choice);
      agent.tell({ svids: all });
      source.renew();
      assert.equal(uriOf(await next(told)), `URI:spiffe://example.org/${taken}`);
    }
  });

  it('is none that was not asked for: the problem says what there is', async (t) => {
    const { agent, source, told } = await open(t, { id: 'spiffe://example.org/other' });
    agent.tell({ svids: [await svid(await mintCa())] });
    source.renew();
    const { code, message } = await problem(told);
    assert.equal(code, 'spiffe_no_identity');
    assert.ok(message.includes(gateway), message);
  });

  it('comes with its intermediates, from an intermediate CA', async (t) => {
    const root = await mintCa();
    const issuing = await root.issueCa({ cn: 'Issuing' });
    const { agent, source, told } = await open(t);
    agent.tell({ svids: [{ ...(await svid(issuing)), bundle: root.certPem }] });
    source.renew();
    const first = await next(told);
    assert.ok(isDelivery(first) && first.pair?.certPem.match(/BEGIN/g)?.length === 2);
  });

  const flaws: Readonly<Record<string, (ca: TestCa) => Promise<AgentSvid>>> = {
    'of a CA that its bundle does not hold': async (ca) => ({ ...(await svid(ca)), bundle: (await mintCa()).certPem }),
    'for another ID than it says': async (ca) => ({ ...(await svid(ca, 'spiffe://example.org/x')), id: gateway }),
    'with two URIs': async (ca) => svid(ca, gateway, { sans: [gateway, 'spiffe://example.org/other'] }),
    'without a URI': async (ca) => svid(ca, gateway, { sans: ['a.test'] }),
    'that is a CA itself': async (ca) => {
      const other = await ca.issueCa({ cn: 'x' });
      return { id: gateway, chain: other.certPem, key: other.keyPem, bundle: ca.certPem };
    },
    'without a bundle': async (ca) => ({ ...(await svid(ca)), bundle: '' }),
  };
  for (const [flaw, make] of Object.entries(flaws))
    it(`is none ${flaw}`, async (t) => {
      const { agent, source, told } = await open(t);
      agent.tell({ svids: [await make(await mintCa())] });
      source.renew();
      assert.match((await problem(told)).code, /^spiffe_(?:bad_svid|garbage)$/);
    });
});

describe('the bundle of a trust domain', () => {
  it('is that of our own or of a federated one, whichever is asked for', async (t) => {
    const [own, other] = [await mintCa({ cn: 'Own' }), await mintCa({ cn: 'Other' })];
    for (const [trustDomain, ca] of [
      ['example.org', own],
      ['partner.test', other],
    ] as const) {
      const { agent, source, told } = await open(t, { want: 'anchors', trustDomain });
      agent.tell({ bundles: { 'example.org': own.certPem, 'partner.test': other.certPem } });
      source.renew();
      assert.deepEqual(await next(told), { anchorsPem: ca.certPem });
    }
  });

  it('is told again whenever it changes, and trusts nobody once it is taken back', async (t) => {
    const [own, first, second] = [await mintCa(), await mintCa(), await mintCa()];
    const { agent, source, told } = await open(t, { want: 'anchors', trustDomain: 'partner.test' });
    const bundles = { 'example.org': own.certPem };
    agent.tell({ bundles: { ...bundles, 'partner.test': first.certPem } });
    source.renew();
    assert.deepEqual(await next(told), { anchorsPem: first.certPem });
    agent.tell({ bundles: { ...bundles, 'partner.test': first.certPem + second.certPem } });
    assert.deepEqual(await next(told, 1), { anchorsPem: first.certPem + second.certPem });
    agent.tell({ bundles });
    const gone = await next(told, 2);
    assert.ok(isDelivery(gone));
    const [nobody] = [new X509Certificate(gone.anchorsPem ?? '')];
    for (const ca of [own, first, second]) assert.notEqual(nobody.raw, new X509Certificate(ca.certPem).raw);
    assert.match(nobody.subject, /nobody/);
    agent.tell({ bundles: { ...bundles, 'partner.test': second.certPem } });
    assert.deepEqual(await next(told, 3), { anchorsPem: second.certPem });
  });

  it('is a problem where there never was one, and where the agent sends none at all', async (t) => {
    const { agent, source, told } = await open(t, { want: 'anchors', trustDomain: 'partner.test' });
    agent.tell({ bundles: { 'example.org': (await mintCa()).certPem } });
    source.renew();
    const { code, message } = await problem(told);
    assert.equal(code, 'spiffe_no_bundle');
    assert.ok(message.includes('spiffe://example.org'), message);
  });

  it('is not taken while the agent sends CRLs that would be passed over', async (t) => {
    const { agent, source, told } = await open(t, { want: 'anchors', trustDomain: 'example.org' });
    agent.tellRaw(field(1, Buffer.from('a CRL')));
    source.renew();
    assert.equal((await problem(told)).code, 'spiffe_crls');
  });
});

describe('an agent', () => {
  it('is asked with the header of the standard', async (t) => {
    const { agent, source } = await open(t);
    source.renew();
    assert.equal(await agent.opened.waitFor(() => true), 'FetchX509SVID');
  });

  it('that refuses us is told of with its words and with what to do', async (t) => {
    const { agent, source, told } = await open(t);
    agent.refuse(grpc.status.PERMISSION_DENIED);
    source.renew();
    const { code, message, hint } = await problem(told);
    assert.equal(code, 'spiffe_no_identity');
    assert.match(message, /no identity issued/);
    assert.match(hint, /spire-server entry create/);
  });

  it('that is not there is told of with what to look at', async (t) => {
    const { agent, source, told } = await open(t);
    agent.kill();
    source.renew();
    assert.equal((await problem(told)).code, 'spiffe_unreachable');
  });

  it('that says nothing is not waited for without an end', async (t) => {
    const due: (() => void)[] = [];
    const clock: Clock = { ...systemClock, after: (_delay, act) => (due.push(act), () => {}) };
    const { agent, source, told } = await open(t, {}, {}, clock);
    agent.fallSilent();
    source.renew();
    await agent.opened.waitFor(() => true);
    assert.equal(due.length, 1);
    due[0]?.();
    assert.equal((await problem(told)).code, 'spiffe_silent');
  });

  it('has a socket that somebody names', async (t) => {
    for (const value of ['', 'http://x/', 'unix:relative.sock', 'tcp://agent:8081']) {
      const { source, told } = await open(t, {}, { SPIFFE_ENDPOINT_SOCKET: value });
      source.renew();
      assert.equal((await problem(told)).code, 'spiffe_no_socket', value);
    }
  });

  it('hears from us once more when it is asked again, and one stream is left', async (t) => {
    const { agent, source, told } = await open(t);
    agent.tell({ svids: [await svid(await mintCa())] });
    source.renew();
    await next(told);
    source.renew();
    await next(told, 1);
    assert.equal(agent.opened.length, 2);
  });
});

describe('messages of any bytes', () => {
  it('are read, or refused as what they are', () => {
    const nested = fc.letrec<{ node: Uint8Array }>((tie) => ({
      node: fc.oneof(
        { depthSize: 'small' },
        fc.uint8Array({ maxLength: 40 }),
        fc
          .tuple(fc.integer({ min: 1, max: 6 }), tie('node'), tie('node'))
          .map(([number, a, b]) => Buffer.concat([field(number, Buffer.from(a)), field(2, Buffer.from(b))])),
      ),
    })).node;
    for (const read of [readSvids, readBundles])
      fc.assert(
        fc.property(nested, (bytes) => {
          try {
            read(Buffer.from(bytes));
          } catch (error) {
            assert.ok(error instanceof RangeError, String(error));
          }
        }),
        { numRuns: 3000 },
      );
  });
});
