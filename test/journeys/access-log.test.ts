// The access log as a log collector finds it: one JSON object per line with who asked, on standard output or in a file that
// is rotated; a full disk costs lines, never a request.
import assert from 'node:assert/strict';
import { hash, X509Certificate } from 'node:crypto';
import { readFileSync, renameSync, statSync } from 'node:fs';
import { describe, it } from 'node:test';
import { curl } from '../support/curl.ts';
import { expectFlawless, openSetup, reloadBy, type Setup } from '../support/mtls-setup.ts';
import { eventually } from '../support/wait-for.ts';

type Entry = {
  readonly time: string;
  readonly requestId: string;
  readonly remote: string;
  readonly tls?: {
    version: string;
    resumed: boolean;
    cipher?: string;
    group?: string;
    serverName?: string;
    policy?: string;
  };
  readonly client?: {
    subject: string;
    sha256: string;
    uris: string[];
    issuer?: string;
    serial?: string;
    notAfter?: string;
  };
  readonly backendCertificate?: { sha256: string };
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly status: number;
  readonly code?: string;
  readonly route?: string;
  readonly backend?: string;
  readonly durationMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
};

async function get({ pki, gateway }: Setup, path: string, headers: Record<string, string> = {}): Promise<number> {
  const { cert, key } = pki.alice;
  const url = `https://localhost:${gateway.ports.webSecure}${path}`;
  return (await curl(url, { ca: pki.servers.file, cert, key, headers })).status;
}

function readEntries(file: string): Entry[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Entry);
}

describe('the access log', () => {
  it('says on standard output who asked for what, without the query', async () => {
    await using setup = await openSetup({ gateway: '  accessLog: {path: stdout}' });
    const { gateway } = setup;
    assert.equal(await get(setup, '/things?token=secret', { 'X-Request-Id': 'abc-1' }), 200);
    assert.equal(await get(setup, '/%2f'), 400);
    await gateway.stop();
    const entries = gateway.log.items.filter((line) => typeof line['path'] === 'string') as unknown as Entry[];
    assert.equal(entries.length, 2);
    const [good, bad] = entries as [Entry, Entry];
    assert.equal(good.client?.subject, 'CN=alice');
    assert.deepEqual(good.client.uris, ['spiffe://example.org/alice']);
    assert.match(good.client.sha256, /^[0-9a-f]{64}$/);
    assert.deepEqual(good.tls, { version: 'TLSv1.3', resumed: false });
    assert.deepEqual(
      [good.remote, good.method, good.path, good.status, good.route, good.bytesIn],
      ['127.0.0.1', 'GET', '/things', 200, 'all', 0],
    );
    assert.match(good.backend ?? '', /^localhost:\d+$/);
    assert.ok(good.bytesOut > 0 && good.durationMs >= 0 && Date.parse(good.time) > 0);
    assert.deepEqual([bad.status, bad.code, bad.route], [400, 'ambiguous_path', undefined]);
    assert.doesNotMatch(gateway.log.tail(1000), /secret/);
  });

  it('goes to a file, and after a rotation and SIGHUP to a new one, with no line lost or torn', async () => {
    await using setup = await openSetup({ workers: 2, gateway: '  accessLog: {path: access.log, fields: [all]}' });
    const { pki, gateway } = setup;
    const file = pki.dir.file('access.log');
    const load = setup.load();
    await load.waitForOk(20);
    await eventually(() => statSync(file).size > 0, { what: 'lines in the file' });
    renameSync(file, `${file}.1`);
    const { ok } = await reloadBy(gateway, () => gateway.reload());
    assert.ok(ok);
    await load.waitForOk(20);
    await eventually(() => statSync(file).size > 0, { what: 'lines in the new file' });
    await expectFlawless(load);
    await gateway.stop();
    const entries = [...readEntries(`${file}.1`), ...readEntries(file)];
    assert.equal(entries.length, load.count().ok);
    assert.equal(new Set(entries.map((entry) => entry.requestId)).size, entries.length);
    assert.ok(entries.every((entry) => entry.status === 200 && entry.client?.subject === 'CN=alice'));
    const [{ tls, client, backendCertificate } = {} as Entry] = entries;
    assert.deepEqual([tls?.serverName, tls?.policy], ['localhost', 'gateway']);
    assert.match(tls?.cipher ?? '', /^TLS_(?:AES|CHACHA20)_/);
    assert.match(tls?.group ?? '', /^(?:X25519|P-256)/);
    const { serialNumber, validTo } = new X509Certificate(pki.alice.certPem);
    assert.deepEqual(
      [client?.issuer, client?.serial, client?.notAfter],
      ['CN=clients CA,O=Countersign Test', serialNumber.toLowerCase(), new Date(validTo).toISOString()],
    );
    assert.equal(backendCertificate?.sha256, hash('sha256', pki.backend.der, 'hex'));
  });

  it('stays with its old file where the new one cannot be opened, and says so', async () => {
    await using setup = await openSetup({
      gateway: '  accessLog: {path: logs/access.log}',
      prepare: (pki) => void pki.dir.write('logs/keep', ''),
    });
    const { pki, gateway } = setup;
    renameSync(pki.dir.file('logs'), pki.dir.file('moved'));
    gateway.reload();
    const line = await gateway.waitForLog(({ msg }) => msg.includes('cannot be opened anew'));
    assert.match(JSON.stringify(line['err']), /ENOENT.*logs\/access\.log/);
    assert.equal(await get(setup, '/after'), 200);
    await gateway.stop();
    assert.deepEqual(
      readEntries(pki.dir.file('moved/access.log')).map((entry) => entry.path),
      ['/after'],
    );
  });

  it('on a full disk loses lines, which are counted, and no request', async () => {
    await using setup = await openSetup({ gateway: '  accessLog: {path: /dev/full}' });
    const load = setup.load();
    await load.waitForOk(50);
    const dropped = 'countersign_access_log_dropped_total';
    await eventually(async () => (await setup.metric(dropped)) >= 50, { what: 'the lost lines to be counted' });
    await load.waitForOk(50);
    await expectFlawless(load);
    assert.deepEqual(await setup.gateway.stop(), { code: 0, signal: null });
  });

  it('that cannot be opened keeps the gateway from starting, with the reason', async () => {
    await assert.rejects(openSetup({ gateway: '  accessLog: {path: nowhere/access.log}' }), /nowhere\/access\.log/);
  });
});
