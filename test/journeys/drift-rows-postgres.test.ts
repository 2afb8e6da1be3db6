// Rows of a store in PostgreSQL that somebody changes with psql: found while gateways run, by each of them, with the row named; none
// loads it, and requests go on.
import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { it } from 'node:test';
import { curl } from '../support/curl.ts';
import { type Gateway, type LogLine, startGateway } from '../support/gateway.ts';
import { openPki } from '../support/pki.ts';
import { startPostgres } from '../support/postgres.ts';
import { appendTo, openDatabaseStore, put } from '../support/stored-database.ts';
import { openTempDir } from '../support/temp.ts';

const began = ({ msg, drift }: LogLine): boolean => drift === 'unauthorised' && msg.startsWith('drift: ');
const ended = ({ msg, drift }: LogLine): boolean => drift === 'unauthorised' && msg.startsWith('drift ended: ');

it('a row that is changed with psql is named by each gateway, loaded by none, and ends when it is put back', async () => {
  await using stack = new AsyncDisposableStack();
  const pki = stack.use(await openPki());
  const postgres = stack.use(await startPostgres());
  const gateways: Gateway[] = [];
  const dirs = ['one', 'two'].map((name) => ({ name, dir: stack.use(openTempDir(name)) }));
  for (const { name, dir } of dirs) {
    const yaml = `version: 2
gateway:
  name: ${name}
  store: {url: "${postgres.url}"}
  drift: {every: 1s, selfTest: {enabled: false}}
  certificates: [{id: edge, cert: ${pki.downstream.cert}, key: ${pki.downstream.key}}]
  tls: {defaultPolicy: none, certificateIds: [edge]}
`;
    if (gateways.length > 0)
      copyFileSync(dirs[0]?.dir.file('countersign-store.key') ?? '', dir.file('countersign-store.key'));
    gateways.push(stack.use(await startGateway({ yaml, dir, entryPoints: ['webSecure', 'admin'] })));
  }
  const store = await openDatabaseStore(postgres.url);
  stack.defer(async () => store.close());
  const reloaded = gateways.map(async (gateway) => gateway.waitForLog(({ msg }) => msg === 'configuration reloaded'));
  await appendTo(store, [
    put('caBundles', 'clients', { ca: pki.clients.certPem }),
    put('policies', 'edge', {
      hosts: ['localhost'],
      certificateIds: ['edge'],
      clientAuth: { caBundles: ['clients'], required: true },
    }),
  ]);
  await Promise.all(reloaded);
  // Whoever owns the database goes past its triggers.
  const change = async (from: string, to: string): Promise<string> =>
    postgres.psql(
      `SET session_replication_role = replica; UPDATE countersign.object SET body = replace(body, '${from}', '${to}')`,
    );
  await change('"required":true', '"required":null');
  for (const gateway of gateways) {
    const line = await gateway.waitForLog(began);
    assert.equal(line['code'], 'row_changed');
    assert.match(
      line.msg,
      /the store was changed by another way than its API: object .*: its text is not what its digest says/,
    );
  }
  const before = gateways.map(({ log }) => log.length);
  for (const [at, gateway] of gateways.entries()) {
    gateway.reload();
    const from = before[at] ?? 0;
    await gateway.waitForLog(({ msg }) => msg === 'configuration reloaded' || msg.startsWith('reload rejected'), {
      from,
    });
    const url = `https://localhost:${gateway.ports.webSecure}/`;
    const anonymous = await curl(url, { ca: pki.servers.file });
    assert.notEqual(anonymous.exitCode, 0, 'a certificate is required as before');
    const { status } = await curl(url, { ca: pki.servers.file, cert: pki.alice.cert, key: pki.alice.key });
    assert.equal(status, 404);
  }
  await change('"required":null', '"required":true');
  for (const gateway of gateways) await gateway.waitForLog(ended);
});
