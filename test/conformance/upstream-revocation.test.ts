// Revoked backends: refused at the handshake and on resumed sessions, and cut off from connections that are open when it
// becomes known. Real TLS servers, TLS 1.2 and 1.3.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { buildCrls } from '../../src/crl/build.ts';
import type { CrlSettings, IndexedCrl } from '../../src/crl/crl-set.ts';
import { readFacts } from '../../src/certs/facts-reader.ts';
import type { ProxiedAddresses } from '../../src/proxy-protocol/header.ts';
import { readProxyHeader } from '../../src/proxy-protocol/reader.ts';
import { type Issued, mintCa, type TestCa } from '../../src/certs/test-ca.ts';
import { Cluster } from '../../src/upstream/cluster.ts';
import type { Pools } from '../../src/upstream/pools.ts';
import { eventually, Feed } from '../support/wait-for.ts';
import {
  backendConfig,
  closePools,
  clusterOptions,
  faultOf,
  makeDependencies,
  material,
  openPools,
  TestCall,
  type TestDependencies,
} from './upstream-setup.ts';

after(closePools);

const deny: CrlSettings = { onMissing: 'deny', onStale: 'deny', scope: 'leaf' };
let ca: TestCa;
let middle: TestCa;
let leaf: Issued;
let below: Issued;

before(async () => {
  ca = await mintCa({ cn: 'Backends' });
  middle = await ca.issueCa({ cn: 'Middle' });
  [leaf, below] = await Promise.all([
    ca.issue({ kind: 'server', sans: ['localhost'] }),
    middle.issue({ kind: 'server', sans: ['localhost'] }),
  ]);
});

/** The newest CRL of a CA, with whom it lists. */
function crl(
  of: TestCa,
  revoked: readonly Issued[] = [],
  times: { nextUpdate?: number; thisUpdate?: number } = {},
): IndexedCrl {
  const serials = revoked.map(({ der }) => ({ serial: readFacts(der).serial }));
  const bytes = of.issueCrl({ revoked: serials, ...times });
  const [built] = buildCrls({ name: 'test.crl', from: { bytes }, issuers: [ca.der, middle.der], known: [] });
  assert.ok(built !== undefined && 'facts' in built);
  return built;
}

type Stage = {
  readonly port: number;
  readonly setup: TestDependencies;
  readonly pools: Pools;
  /** Sockets of requests that wait for an answer. */
  readonly asked: Feed<tls.TLSSocket>;
  /** `client`: its port, where the backend is told by a PROXY header. */
  call(path?: string, fresh?: boolean, client?: number): TestCall;
  [Symbol.dispose](): void;
};

/** A server that answers `/` at once and anything else when it is told to. */
async function open(
  shown: Issued,
  crls: readonly IndexedCrl[],
  options: { settings?: CrlSettings; maxVersion?: 'TLSv1.2' | 'TLSv1.3'; proxyProtocol?: 1 | 2 } = {},
): Promise<Stage> {
  const { settings = deny, maxVersion = 'TLSv1.3', proxyProtocol } = options;
  const asked = new Feed<tls.TLSSocket>('requests');
  const server = tls.createServer({ cert: shown.chainPem, key: shown.keyPem, ALPNProtocols: ['http/1.1'] });
  const sockets = new Set<tls.TLSSocket>();
  server.on('secureConnection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (data: Buffer) => {
      if (data.toString().startsWith('GET / ')) answer(socket);
      else asked.push(socket);
    });
  });
  const listener = proxyProtocol === undefined ? server : net.createServer((raw) => withoutHeader(raw, server));
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const setup = makeDependencies();
  const pools = openPools(setup);
  const trust = material(ca.certPem, { maxVersion, crl: { key: 'crls', settings, crls } });
  const config = backendConfig(`https://localhost:${port}`);
  const { backends } = new Cluster(clusterOptions([config], trust, { settings: { proxyProtocol } }), pools);
  const [backend] = backends;
  assert.ok(backend);
  return {
    port,
    setup,
    pools,
    asked,
    call: (path = '/', fresh = false, client?: number) =>
      new TestCall(backend, { path, fresh, ...(client === undefined ? {} : { proxied: proxiedOf(client) }) }),
    [Symbol.dispose]: () => {
      pools.close();
      listener.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Hands a connection to TLS behind its PROXY header, which comes in one piece here. */
function withoutHeader(raw: net.Socket, server: tls.Server): void {
  raw.on('error', () => {});
  raw.once('data', (bytes: Buffer) => {
    const header = readProxyHeader(bytes);
    assert.ok(header.kind === 'header');
    raw.pause();
    raw.unshift(bytes.subarray(header.length));
    server.emit('connection', raw);
  });
}

function proxiedOf(port: number): ProxiedAddresses {
  return { source: { address: '192.0.2.7', port }, destination: { address: '192.0.2.1', port: 443 } };
}

function answer(socket: tls.TLSSocket): void {
  socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
}

const countsOf = ({ pools }: Stage) => pools.list()[0]?.counts;

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  describe(`a backend over ${maxVersion}`, () => {
    test('that the CRL of its CA does not list passes, on a resumed session too', async () => {
      using stage = await open(leaf, [crl(ca)], { maxVersion });
      assert.equal((await stage.call().answer).status, 200);
      assert.equal((await stage.call('/', true).answer).status, 200);
      const verdicts = stage.setup.feed.items.flatMap((event) => (event.kind === 'connected' ? [event.verdict] : []));
      assert.deepEqual(
        verdicts.map((verdict) => [verdict?.code, verdict?.resumed, verdict?.anchor?.subject]),
        [
          ['ok', false, 'CN=Backends'],
          ['ok', true, 'CN=Backends'],
        ],
      );
    });

    test('that is revoked sees no request', async () => {
      using stage = await open(leaf, [crl(ca, [leaf])], { maxVersion });
      const fault = await faultOf(stage.call('/secret'));
      assert.deepEqual([fault.code, fault.source, fault.status, fault.unsent], ['revoked', 'backend', 502, true]);
      assert.match(fault.detail ?? '', /revoked on .*test\.crl/);
      assert.equal(stage.asked.length, 0);
    });

    test('that is revoked later loses its idle connections at once, and its session is worth nothing', async () => {
      using stage = await open(leaf, [crl(ca)], { maxVersion });
      assert.equal((await stage.call().answer).status, 200);
      // TLS 1.3 sends its session after the handshake.
      await eventually(() => (stage.pools.list()[0]?.counts.idle ?? 0) === 1, { what: 'an idle connection' });
      stage.pools.replaceCrls('other crls', [crl(ca, [leaf])]);
      assert.deepEqual([countsOf(stage)?.open, countsOf(stage)?.idle], [1, 1], 'these are not its CRLs');
      stage.pools.replaceCrls('crls', [crl(ca, [leaf])]);
      assert.deepEqual([countsOf(stage)?.open, countsOf(stage)?.idle], [0, 0]);
      const distrusted = stage.setup.feed.items.find(({ kind }) => kind === 'distrusted');
      assert.ok(distrusted?.kind === 'distrusted' && distrusted.why.code === 'revoked');
      assert.equal((await faultOf(stage.call())).code, 'revoked');
      stage.pools.replaceCrls('crls', [crl(ca)]);
      assert.equal((await stage.call().answer).status, 200, 'and passes again once it is not');
    });

    test('that is told of its clients and is revoked later loses the connections of all of them, and their session', async () => {
      using stage = await open(leaf, [crl(ca)], { maxVersion, proxyProtocol: 2 });
      for (const client of [1001, 1002]) {
        assert.equal((await stage.call('/', false, client).answer).status, 200);
        await eventually(() => countsOf(stage)?.idle === client - 1000, { what: 'an idle connection' });
      }
      const verdicts = stage.setup.feed.items.flatMap((event) => (event.kind === 'connected' ? [event.verdict] : []));
      assert.deepEqual(
        verdicts.map((verdict) => verdict?.resumed),
        [false, true],
        'clients have connections of their own, and one TLS session',
      );
      stage.pools.replaceCrls('crls', [crl(ca, [leaf])]);
      assert.deepEqual([countsOf(stage)?.open, countsOf(stage)?.idle], [0, 0]);
      assert.equal((await faultOf(stage.call('/', false, 1001))).code, 'revoked');
    });

    test('may end the answer that it is at, and gets no other request', async () => {
      using stage = await open(leaf, [crl(ca)], { maxVersion });
      const slow = stage.call('/slow');
      const socket = await stage.asked.waitFor(() => true);
      stage.pools.replaceCrls('crls', [crl(ca, [leaf])]);
      answer(socket);
      assert.equal((await slow.answer).status, 200);
      assert.deepEqual([countsOf(stage)?.open, countsOf(stage)?.idle], [0, 0]);
    });

    test('is cut off where its answer takes longer, with the reason', async () => {
      using stage = await open(leaf, [crl(ca)], { maxVersion });
      const slow = stage.call('/slow');
      const socket = await stage.asked.waitFor(() => true);
      const closed = once(socket, 'close');
      stage.pools.replaceCrls('crls', [crl(ca, [leaf])]);
      const fault = await faultOf(slow);
      assert.deepEqual([fault.code, fault.unsent], ['revoked', false], 'it may have been processed: never sent twice');
      await closed;
    });

    test('is cut off from a call that outlived a reload as well', async () => {
      using stage = await open(leaf, [crl(ca)], { maxVersion });
      const slow = stage.call('/slow');
      await stage.asked.waitFor(() => true);
      stage.pools.close();
      assert.equal(stage.setup.draining.size, 1);
      // The generation that is active now has pools of its own.
      openPools(stage.setup).replaceCrls('crls', [crl(ca, [leaf])]);
      assert.equal((await faultOf(slow)).code, 'revoked');
      assert.equal(stage.setup.draining.size, 0);
    });

    test('falls with a CA above it, where the whole chain counts, resumed or not', async () => {
      const settings: CrlSettings = { ...deny, scope: 'chain' };
      const good = [crl(ca), crl(middle)];
      const bad = [crl(ca, [middle]), crl(middle)];
      using stage = await open(below, good, { maxVersion, settings });
      assert.equal((await stage.call().answer).status, 200);
      stage.pools.replaceCrls('crls', bad);
      const fault = await faultOf(stage.call());
      assert.equal(fault.code, 'revoked');
      assert.match(fault.detail ?? '', /a CA above it/);
      using leafOnly = await open(below, bad, { maxVersion });
      assert.equal((await leafOnly.call().answer).status, 200);
    });
  });
}

describe('what is not known of a backend', () => {
  test('is refused or let pass as it is written: without a CRL, and with one that is out of date', async () => {
    const hourMs = 3_600_000;
    const stale = crl(ca, [], { thisUpdate: Date.now() - 2 * hourMs, nextUpdate: Date.now() - hourMs });
    for (const [crls, settings, code] of [
      [[], deny, 'revocation_unknown'],
      [[crl(middle)], deny, 'revocation_unknown'],
      [[stale], deny, 'crl_stale'],
      [[], { ...deny, onMissing: 'allow' }, undefined],
      [[stale], { ...deny, onStale: 'allow' }, undefined],
    ] as const) {
      using stage = await open(leaf, crls, { settings });
      if (code === undefined) assert.equal((await stage.call().answer).status, 200);
      else assert.equal((await faultOf(stage.call())).code, code);
    }
  });
});
