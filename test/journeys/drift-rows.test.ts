// Rows of the store that somebody changes behind the API, with the database's own shell: found while the gateway runs, with the row named,
// and never loaded.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { curl } from '../support/curl.ts';
import { type Gateway, type LogLine, startGateway } from '../support/gateway.ts';
import { expectFlawless, sumOf } from '../support/mtls-setup.ts';
import { startLoad } from '../support/load.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';
import { openPki, type Pki } from '../support/pki.ts';
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
  drift: {every: 1s, selfTest: {enabled: false}}
  tls: {defaultPolicy: none}
`;
const began = ({ msg, drift }: LogLine): boolean => drift === 'unauthorised' && msg.startsWith('drift: ');
const ended = ({ msg, drift }: LogLine): boolean => drift === 'unauthorised' && msg.startsWith('drift ended: ');

before(async () => {
  pki = stack.use(await openPki());
  nginx = stack.use(await startNginx({ tls: pki.backend, clientCa: pki.internal.file }));
  written = await openWrittenStore(pki.dir);
  stack.defer(() => written.close());
  written.putSealed('certificates', 'edge', { cert: pki.downstream.chainPem }, pki.downstream.keyPem);
  written.putSealed('certificates', 'gateway-client', { cert: pki.gateway.chainPem }, pki.gateway.keyPem);
  written.put('caBundles', 'clients', { ca: pki.clients.certPem });
  written.put('caBundles', 'internal', { ca: [pki.internal.certPem] });
  const tls = { mode: 'mtls', certificateId: 'gateway-client', caBundle: 'internal' };
  written.put('services', 'orders', { address: `localhost:${nginx.port}`, tls });
  written.put('routes', 'orders', { path: '/orders', hosts: ['localhost'], service: 'orders' });
  const clientAuth = { caBundles: ['clients'], required: true };
  written.put('policies', 'edge', { hosts: ['localhost'], certificateIds: ['edge'], clientAuth });
  gateway = stack.use(await startGateway({ yaml, dir: pki.dir, entryPoints: ['webSecure', 'admin'] }));
});

/** Another connection, by the program that people have for that. */
const shell = (sql: string): string =>
  execFileSync('sqlite3', ['-cmd', '.timeout 20000', written.path, sql], { encoding: 'utf8' });

const drifts = async (): Promise<number> =>
  sumOf((await gateway.admin('/metrics')).body, 'countersign_config_drift', 'kind="unauthorised"');

describe('a row that is changed behind the API', () => {
  it('is named, is not loaded, and the gateway goes on; it ends where the row is put back', async () => {
    const load = startLoad({
      port: gateway.ports.webSecure,
      path: '/orders',
      servername: 'localhost',
      connections: 2,
      pauseMs: 20,
      ca: pki.servers.certPem,
      cert: pki.alice.chainPem,
      key: pki.alice.keyPem,
    });
    await load.waitForOk(5);
    assert.equal(await drifts(), 0);
    const triggers = shell("SELECT name || ':' || sql || ';' FROM sqlite_master WHERE type = 'trigger'");
    const names = [...triggers.matchAll(/^(\w+):CREATE TRIGGER/gm)].map(([, name]) => name);
    const sqls = [...triggers.matchAll(/CREATE TRIGGER[^]*?END;/g)].map(([sql]) => sql);
    // Whoever can write to the file can take its guards away first.
    const change = (from: string, to: string): string =>
      shell(
        `BEGIN; ${names.map((name) => `DROP TRIGGER ${name};`).join(' ')}
         UPDATE object SET body = replace(body, '${from}', '${to}') WHERE body LIKE '%${from}%';
         ${sqls.join('\n')} COMMIT;`,
      );
    change('"required":true', '"required":null');
    const line = await gateway.waitForLog(began);
    assert.equal(line['code'], 'row_changed');
    assert.match(line.msg, /object [0-9a-f]{64}: its text is not what its digest says/);
    assert.equal(await drifts(), 1);
    await load.waitForOk(5);
    const anonymous = await curl(`https://localhost:${gateway.ports.webSecure}/orders`, { ca: pki.servers.file });
    assert.notEqual(anonymous.status, 200, 'what was written there is not what is served');
    const from = gateway.log.length;
    gateway.reload();
    await gateway.waitForLog(({ msg }) => msg === 'configuration reloaded' || msg.startsWith('reload rejected'), {
      from,
    });
    assert.notEqual(
      (await curl(`https://localhost:${gateway.ports.webSecure}/orders`, { ca: pki.servers.file })).status,
      200,
      'nor after a reload',
    );
    change('"required":null', '"required":true');
    await gateway.waitForLog(ended);
    await expectFlawless(load);
  });
});
