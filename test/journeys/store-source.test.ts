// A configuration of a file and a store, as the gateway runs it: what stands in the store only serves traffic, changes under load,
// is refused where it is broken, and goes on being served when the store is gone.
import assert from 'node:assert/strict';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { connect } from 'node:tls';
import { LastGoodFile, lastGoodPath } from '../../src/loading/last-good.ts';
import { readOpener } from '../../src/loading/read-opener.ts';
import { curl, type CurlResult } from '../support/curl.ts';
import { type Gateway, type LogLine, startGateway } from '../support/gateway.ts';
import { startLoad } from '../support/load.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';
import { startProcess } from '../support/owned-process.ts';
import { openPki, type Pki } from '../support/pki.ts';
import { openTempDir } from '../support/temp.ts';
import { openWrittenStore, type WrittenStore } from '../support/stored-config.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;
let nginx: Nginx;
let written: WrittenStore;
let gateway: Gateway;

const yaml = `version: 2
gateway:
  store: {url: "sqlite:store.db"}
  monitoring: {enableMetrics: true}
  tls: {defaultPolicy: none}
`;
const start = async (): Promise<Gateway> => startGateway({ yaml, dir: pki.dir, entryPoints: ['webSecure', 'admin'] });

before(async () => {
  pki = stack.use(await openPki());
  nginx = stack.use(await startNginx({ tls: pki.backend, clientCa: pki.internal.file }));
  written = await openWrittenStore(pki.dir);
  stack.defer(() => written.close());
  written.putSealed('certificates', 'edge', { cert: pki.downstream.chainPem }, pki.downstream.keyPem);
  written.putSealed('certificates', 'gateway-client', { cert: pki.gateway.chainPem }, pki.gateway.keyPem);
  written.put('caBundles', 'clients', { ca: pki.clients.certPem });
  written.put('caBundles', 'internal', { ca: [pki.internal.certPem] });
  written.put('services', 'orders', orders('internal'));
  written.put('routes', 'orders', { path: '/orders', hosts: ['localhost'], service: 'orders' });
  const clientAuth = { caBundles: ['clients'], required: true };
  written.put('policies', 'edge', { hosts: ['localhost'], certificateIds: ['edge'], clientAuth });
  gateway = stack.use(await start());
});

function orders(caBundle: string): { address: string; tls: { mode: string; certificateId: string; caBundle: string } } {
  return { address: `localhost:${nginx.port}`, tls: { mode: 'mtls', certificateId: 'gateway-client', caBundle } };
}

const ask = (path: string, withCert = true): Promise<CurlResult> =>
  curl(`https://localhost:${gateway.ports.webSecure}${path}`, {
    ca: pki.servers.file,
    ...(withCert && { cert: pki.alice.cert, key: pki.alice.key }),
  });

const metric = async (name: string): Promise<string | undefined> =>
  new RegExp(`^countersign_${name} (\\S+)$`, 'm').exec((await gateway.admin('/metrics')).body)?.[1];

/** The next line of the log after `act`. */
async function logAfter(act: () => void, fits: (line: LogLine) => boolean): Promise<LogLine> {
  const from = gateway.log.length;
  act();
  return gateway.waitForLog(fits, { from });
}

async function servedSerial(): Promise<string> {
  return new Promise((resolve, reject) => {
    const { cert, key } = { cert: pki.alice.chainPem, key: pki.alice.keyPem };
    const options = { port: gateway.ports.webSecure, servername: 'localhost', ca: pki.servers.certPem, cert, key };
    const socket = connect({ host: '127.0.0.1', ...options }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

describe('what stands in the store only', () => {
  it('serves mutual TLS on both sides, with keys that were sealed', async () => {
    assert.equal((await ask('/orders')).status, 200);
    const { subject, verify } = await nginx.waitForAccess(({ uri }) => uri === '/orders');
    assert.deepEqual([verify, subject], ['SUCCESS', 'CN=gateway']);
    assert.notEqual((await ask('/orders', false)).status, 200);
    assert.equal(await metric('config_store_up'), '1');
  });

  it('is replaced under load by the next revision without a failed request', async () => {
    const trust = { ca: pki.servers.certPem, cert: pki.alice.chainPem, key: pki.alice.keyPem };
    const next = await pki.servers.issue({ kind: 'server', cn: 'localhost', sans: ['DNS:localhost'] });
    const client = await pki.internal.issue({ kind: 'client', cn: 'next gateway', sans: [] });
    const earlier = await servedSerial();
    const load = startLoad({
      port: gateway.ports.webSecure,
      path: '/orders',
      servername: 'localhost',
      connections: 4,
      ...trust,
    });
    await load.waitForOk(20);
    await logAfter(
      () =>
        written.append([
          {
            kind: 'certificates',
            id: 'edge',
            put: { cert: next.chainPem, key: written.sealFor('certificates', 'edge', next.keyPem) },
          },
          {
            kind: 'certificates',
            id: 'gateway-client',
            put: { cert: client.chainPem, key: written.sealFor('certificates', 'gateway-client', client.keyPem) },
          },
        ]),
      ({ msg }) => msg === 'configuration reloaded',
    );
    await load.waitForOk(20);
    const { failed, reasons } = await load.stop();
    assert.equal(failed, 0, JSON.stringify([...reasons]));
    assert.notEqual(await servedSerial(), earlier);
    assert.equal((await ask('/orders?next')).status, 200);
    assert.equal((await nginx.waitForAccess(({ uri }) => uri === '/orders?next')).subject, 'CN=next gateway');
  });

  it('stays as it was where the next revision is broken, whose object is named', async () => {
    const from = gateway.log.length;
    await logAfter(
      () => written.put('services', 'orders', orders('gone')),
      ({ msg }) => msg.startsWith('reload rejected'),
    );
    const line = await gateway.waitForLog(({ code }) => code === 'unknown_reference', { from });
    assert.equal(line['at'], 'store revision 9, service orders, /tls/caBundle');
    assert.equal((await ask('/orders')).status, 200);
    assert.deepEqual([await metric('config_store_revision'), await metric('config_reload_failed')], ['8', '1']);
    await logAfter(
      () => written.put('services', 'orders', orders('internal')),
      ({ msg }) => msg === 'configuration reloaded',
    );
  });

  it('goes on being served while the store is gone, with an alarm until it is back', async () => {
    const away = `${written.path}.away`;
    const line = await logAfter(
      () => renameSync(written.path, away),
      ({ msg }) => msg.startsWith('store: '),
    );
    assert.deepEqual([line['level'], line['code'], line['revision']], ['error', 'replaced', 10]);
    assert.equal((await ask('/orders')).status, 200);
    assert.equal(await metric('config_store_up'), '0');
    // What changes in the file meanwhile counts.
    await logAfter(
      () => gateway.reload(),
      ({ msg }) => msg === 'configuration reloaded',
    );
    assert.equal((await ask('/orders')).status, 200);
    await logAfter(
      () => renameSync(away, written.path),
      ({ msg }) => msg === 'store: can be read again',
    );
    assert.equal(await metric('config_store_up'), '1');
  });

  it('is not what somebody wrote into the store by hand', async () => {
    await written.close();
    const db = new DatabaseSync(written.path);
    for (const { name } of db.prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'").all() as {
      name: string;
    }[])
      db.exec(`DROP TRIGGER "${name}"`);
    db.exec(`UPDATE object SET body = replace(body, '"required":true', '"required":false')`);
    db.close();
    const line = await logAfter(
      () => gateway.reload(),
      ({ msg }) => msg.startsWith('store: '),
    );
    assert.deepEqual([line['level'], line['code']], ['error', 'altered']);
    assert.notEqual((await ask('/orders', false)).status, 200);
  });

  it('is started from as it was last in force where the store is altered, or gone', async () => {
    await gateway.stop();
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${written.path}${suffix}`, { force: true });
    gateway = stack.use(await start());
    assert.ok(gateway.log.items.some(({ level, code }) => level === 'error' && code === 'not_found'));
    assert.equal((await ask('/orders')).status, 200);
    assert.notEqual((await ask('/orders', false)).status, 200);
    assert.equal(existsSync(written.path), false, 'no empty store is put in its place');
    const key = pki.gateway.keyPem.split('\n')[1] ?? '';
    assert.ok(!gateway.log.items.some((line) => JSON.stringify(line).includes(key)));
  });
});

describe('the last good revision', () => {
  it('is a whole one after the process that writes it was killed, whenever that was', async () => {
    const dir = openTempDir('last-good');
    stack.defer(() => dir.remove());
    const store = await openWrittenStore(dir);
    store.put('caBundles', 'large', { ca: pki.internal.certPem.repeat(400) });
    await store.close();
    const child = fileURLToPath(new URL('../support/last-good-writer.ts', import.meta.url));
    const opener = readOpener({ path: store.path });
    assert.ok(opener !== undefined);
    for (let round = 0; round < 3; round++) {
      const writer = await startProcess(process.execPath, [child, store.path], { name: 'writer', env: {} });
      await writer.lines.waitFor(({ text }) => text === 'written');
      // It writes without a pause: any moment is in the middle.
      await writer.stop('SIGKILL');
      assert.equal(new LastGoodFile(lastGoodPath(store.path)).read(opener)?.revision?.number, 1);
    }
  });
});
