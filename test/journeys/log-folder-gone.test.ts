// The folder of the logs goes away while the gateway runs: that costs lines, which are counted, and never a worker.
import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { get } from '../../src/base/node-http.ts';
import { describe, it } from 'node:test';
import { startGateway, StartFailure } from '../support/gateway.ts';
import { sumOf } from '../support/mtls-setup.ts';
import { openTempDir } from '../support/temp.ts';
import { eventually } from '../support/wait-for.ts';

const yaml = `version: 2
gateway:
  workers: 1
  entryPoints: {webSecure: {enabled: false}}
  log: {filePath: logs/gateway.log, format: json}
  accessLog: {path: logs/access.log}
  routes: [{name: all, path: /, target: "http://127.0.0.1:9", maintenance: {enabled: true, statusCode: 503, message: closed}}]
`;

async function statusOf(port: number): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const request = get({ host: '127.0.0.1', port, path: '/', agent: false }, (response) => {
    response.resume();
    resolve(response.statusCode);
  });
  request.on('error', () => resolve(undefined));
  return promise;
}

describe('a folder of logs', () => {
  it('that goes away does not keep a worker from taking the place of one that died', async () => {
    using dir = openTempDir('logs');
    dir.write('logs/gateway.log', '');
    await using gateway = await startGateway({ yaml, dir, entryPoints: ['web', 'admin'] });
    assert.equal(await statusOf(gateway.ports.web), 503);
    const [, pid] = /"msg":"worker ready".*?"pid":(\d+)/.exec(readFileSync(dir.file('logs/gateway.log'), 'utf8')) ?? [];
    rmSync(dir.file('logs'), { recursive: true });
    process.kill(Number(pid), 'SIGKILL');
    await gateway.waitForLog((line) => line.msg.startsWith('the log file cannot be written'));
    await gateway.waitForLog((line) => line.msg.startsWith('the access log cannot be opened'));
    await eventually(async () => (await statusOf(gateway.ports.web)) === 503, { what: 'the successor to serve' });
    assert.deepEqual(await gateway.admin('/readyz'), { status: 200, body: '1 of 1 workers ready\n' });
    assert.ok(sumOf((await gateway.admin('/metrics')).body, 'countersign_access_log_dropped_total') >= 1);
  });

  it('that is not there at the start is an error', async () => {
    using dir = openTempDir('logs');
    await assert.rejects(startGateway({ yaml, dir, entryPoints: ['web'] }), StartFailure);
    dir.write('logs/gateway.log', '');
    const elsewhere = yaml.replace('logs/access.log', 'none/access.log');
    await assert.rejects(startGateway({ yaml: elsewhere, dir, entryPoints: ['web'] }), StartFailure);
  });
});
