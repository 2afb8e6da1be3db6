// Gateways that share one PostgreSQL: what stands there serves traffic on all of them, a change reaches all, and whatever becomes of the database
// is no matter of any request. They start without it from what they committed last, and what is not their store is never loaded.
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Store } from '../../src/store/store.ts';
import { curl } from '../support/curl.ts';
import { type Gateway, type LogLine, StartFailure, startGateway } from '../support/gateway.ts';
import { type Load, startLoad } from '../support/load.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';
import { openPki, type Pki } from '../support/pki.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { appendTo, openDatabaseStore, put, sealedChange } from '../support/stored-database.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { openTempDir, type TempDir } from '../support/temp.ts';
import { eventually } from '../support/wait-for.ts';

const longMs = 120_000;
const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;
let nginx: Nginx;
let postgres: Postgres;
let proxy: TcpProxy;
let store: Store;
let url: string;
/** One folder for each gateway. */
const dirs: TempDir[] = [];
const gateways: Gateway[] = [];
const loads: Load[] = [];

const yaml = (over = ''): string => `version: 2
gateway:
  store: {url: "${url}"${over}}
  monitoring: {enableMetrics: true}
  accessLog: {enabled: false}
  tls: {defaultPolicy: none}
`;

function openDir(): TempDir {
  const dir = openTempDir('fleet');
  dirs.push(dir);
  return dir;
}

const start = async (dir: TempDir, text = yaml()): Promise<Gateway> =>
  startGateway({ yaml: text, dir, entryPoints: ['webSecure', 'admin'] });

const trust = () => ({ ca: pki.servers.certPem, cert: pki.alice.chainPem, key: pki.alice.keyPem });

function startTraffic(gateway: Gateway): Load {
  const { webSecure: port } = gateway.ports;
  return startLoad({ port, path: '/orders', servername: 'localhost', connections: 2, pauseMs: 100, ...trust() });
}

const metric = async (gateway: Gateway, name: string): Promise<string | undefined> =>
  new RegExp(`^countersign_${name} (\\S+)$`, 'm').exec((await gateway.admin('/metrics')).body)?.[1];

/** The next line of each gateway's log after `act`. */
async function onAll(act: () => Promise<unknown> | void, fits: (line: LogLine) => boolean): Promise<LogLine[]> {
  const from = gateways.map(({ log }) => log.length);
  await act();
  return Promise.all(gateways.map((gateway, at) => gateway.waitForLog(fits, { from: from[at] ?? 0 })));
}

const isDown = ({ level, msg }: LogLine): boolean => level === 'error' && msg.startsWith('store: ');
const isBack = ({ msg }: LogLine): boolean => msg === 'store: can be read again';
const isReloaded = ({ msg }: LogLine): boolean => msg === 'configuration reloaded';

/** A question that needs the store. */
async function askApi({ ports }: Gateway): Promise<{ readonly status: number; readonly store: unknown }> {
  const answer = await fetch(`http://localhost:${ports.admin}/api/v1/overview`, {
    headers: { authorization: `Bearer ${'x'.repeat(43)}` },
  });
  const body = (await answer.json()) as { store?: unknown };
  return { status: answer.status, store: body.store };
}

const trafficGoesOn = async (): Promise<void> => {
  await Promise.all(loads.map((load) => load.waitForOk(10, longMs)));
};

async function restart(at: number): Promise<void> {
  await loads[at]?.stop();
  noteFailures(loads[at]);
  await gateways[at]?.stop();
  const gateway = stack.use(await start(dirs[at] as TempDir));
  gateways[at] = gateway;
  loads[at] = startTraffic(gateway);
}

const failures: string[] = [];
function noteFailures(load: Load | undefined): void {
  const { failed, reasons } = load?.count() ?? { failed: 0, reasons: new Map() };
  if (failed > 0) failures.push(JSON.stringify([...reasons]));
}

const change = async (address: string): Promise<number> =>
  appendTo(store, [
    put('services', 'orders', {
      address,
      tls: { mode: 'mtls', certificateId: 'gateway-client', caBundle: 'internal' },
    }),
  ]);

before(async () => {
  pki = stack.use(await openPki());
  nginx = stack.use(await startNginx({ tls: pki.backend, clientCa: pki.internal.file }));
  postgres = stack.use(await startPostgres({ tls: 'client' }));
  proxy = stack.use(await startTcpProxy(postgres.port));
  stack.defer(() => {
    for (const dir of dirs) dir.remove();
  });
  url = postgres.urlOf({ port: proxy.port });
});

describe('gateways on one database', () => {
  it('the first makes schema and key, another needs the key, and a wrong one is told from none', async () => {
    const first = openDir();
    gateways.push(stack.use(await start(first)));
    assert.ok(existsSync(first.file('countersign-store.key')));
    const second = openDir();
    await assert.rejects(start(second), (error: unknown) => {
      assert.ok(error instanceof StartFailure);
      assert.match(error.message, /opening key/);
      assert.doesNotMatch(error.message, new RegExp(postgres.password));
      return true;
    });
    assert.ok(!existsSync(second.file('countersign-store.key')), 'no other key is made');
    const other = openDir();
    await assert.rejects(start(other, yaml(', sealKey: other.key')), /opening key|sealed with/);
    copyFileSync(first.file('countersign-store.key'), second.file('countersign-store.key'));
    gateways.push(stack.use(await start(second)));
    dirs.pop();
    other.remove();
  });

  it('serve what stands there, with keys that were sealed, and follow each change', async () => {
    store = await openDatabaseStore(postgres.url);
    stack.defer(() => store.close());
    const certificates = [
      await sealedChange(store, 'edge', pki.downstream.chainPem, pki.downstream.keyPem),
      await sealedChange(store, 'gateway-client', pki.gateway.chainPem, pki.gateway.keyPem),
    ];
    const clientAuth = { caBundles: ['clients'], required: true };
    await onAll(
      async () =>
        appendTo(store, [
          ...certificates,
          put('caBundles', 'clients', { ca: pki.clients.certPem }),
          put('caBundles', 'internal', { ca: [pki.internal.certPem] }),
          put('services', 'orders', {
            address: `localhost:${nginx.port}`,
            tls: { mode: 'mtls', certificateId: 'gateway-client', caBundle: 'internal' },
          }),
          put('routes', 'orders', { path: '/orders', hosts: ['localhost'], service: 'orders' }),
          put('policies', 'edge', { hosts: ['localhost'], certificateIds: ['edge'], clientAuth }),
        ]),
      isReloaded,
    );
    for (const gateway of gateways) {
      const target = `https://localhost:${gateway.ports.webSecure}/orders`;
      const { ca, cert, key } = { ca: pki.servers.file, cert: pki.alice.cert, key: pki.alice.key };
      assert.equal((await curl(target, { ca, cert, key })).status, 200);
      assert.notEqual((await curl(target, { ca })).status, 200);
      loads.push(startTraffic(gateway));
    }
    await trafficGoesOn();
    await onAll(async () => change(`127.0.0.1:${nginx.port}`), isReloaded);
    await trafficGoesOn();
  });

  it('go on when it is killed, answer 503 meanwhile, and are back when it is', async () => {
    const lines = await onAll(() => postgres.kill(), isDown);
    for (const { code } of lines) assert.equal(code, 'unreachable');
    for (const gateway of gateways) {
      assert.deepEqual(await askApi(gateway), { status: 503, store: 'unreachable' });
      assert.equal(await metric(gateway, 'config_store_up'), '0');
    }
    await trafficGoesOn();
    await onAll(() => postgres.start(), isBack);
    for (const gateway of gateways)
      await eventually(async () => (await askApi(gateway)).status === 401, { what: 'the API' });
    await onAll(async () => change(`localhost:${nginx.port}`), isReloaded);
  });

  it('go on when it is stopped and says nothing, also one that starts then', async () => {
    const lines = await onAll(() => postgres.pause(), isDown);
    for (const { code } of lines) assert.ok(code === 'timed_out' || code === 'unreachable', String(code));
    for (const gateway of gateways) assert.equal((await askApi(gateway)).status, 503);
    await restart(1);
    await trafficGoesOn();
    assert.ok(gateways[1]?.log.items.some(isDown));
    await onAll(() => postgres.resume(), isBack);
    await onAll(async () => change(`127.0.0.1:${nginx.port}`), isReloaded);
    await trafficGoesOn();
  });

  it('go on when the network is cut, and when it swallows everything without a word', async () => {
    for (const fail of [() => proxy.cut(), () => proxy.swallow()]) {
      await onAll(fail, isDown);
      // Not by the network that fails: the change is there when they come back.
      const number = await change(`localhost:${nginx.port}`);
      await trafficGoesOn();
      await onAll(() => proxy.restore(), isReloaded);
      for (const gateway of gateways)
        await eventually(async () => (await metric(gateway, 'config_store_revision')) === String(number), {
          what: `revision ${number}`,
        });
      await change(`127.0.0.1:${nginx.port}`);
    }
  });

  it('never load a database that was emptied, nor the store that another gateway made in it', async () => {
    const kept = readFileSync(dirs[0]?.file('countersign-store.last-good') ?? '');
    const lines = await onAll(() => postgres.wipe(), isDown);
    for (const { code } of lines) assert.ok(['unreachable', 'not_found'].includes(String(code)), String(code));
    await restart(0);
    assert.ok(gateways[0]?.log.items.some((line) => isDown(line) && line['code'] === 'not_found'));
    assert.equal(await postgres.psql(`SELECT to_regnamespace('countersign') IS NULL`), 't', 'no empty store is made');
    for (const gateway of gateways)
      await eventually(async () => (await askApi(gateway)).store === 'not_found', { what: '503' });
    // Somebody who knows nothing of it.
    const stranger = openDir();
    await using _ = await start(stranger);
    await using other = await openDatabaseStore(postgres.url);
    await appendTo(other, [put('services', 'orders', { address: 'localhost:1', tls: { mode: 'off' } })]);
    // Told once, and perhaps before there was a revision in it.
    await Promise.all(
      gateways.map((gateway) => gateway.waitForLog((line) => isDown(line) && line['code'] === 'another_store')),
    );
    await trafficGoesOn();
    assert.deepEqual(readFileSync(dirs[0]?.file('countersign-store.last-good') ?? ''), kept);
  });

  it('have failed no request, and shown the password to nobody', async () => {
    for (const load of loads) {
      await load.stop();
      noteFailures(load);
    }
    assert.deepEqual(failures, []);
    const { password } = postgres;
    for (const { log } of gateways) assert.ok(!log.items.some((line) => JSON.stringify(line).includes(password)));
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      let command = '';
      try {
        command = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      } catch {
        // It has ended.
      }
      assert.ok(!command.includes(password), command);
    }
  });
});
