// Generations of one worker's gateway: what a generation that could not be built leaves behind, which is nothing.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from '../base/node-http.ts';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { Gateway } from './gateway.ts';
import { loadConfig } from '../config/load-config.ts';
import { FileSource } from '../loading/file-source.ts';
import { loadGateway } from '../loading/load.ts';
import type { LoadedConfig } from '../loading/loaded.ts';

it('a generation that cannot be built probes no backends', async (t) => {
  const probes: string[] = [];
  let onProbe: (path: string) => void = () => {};
  const backend = createServer((request, response) => {
    probes.push(request.url ?? '');
    response.end();
    onProbe(request.url ?? '');
  });
  backend.listen(0, '127.0.0.1');
  await once(backend, 'listening');
  t.after(() => backend.close());
  const probed = async (path: string): Promise<void> =>
    new Promise((resolve) => {
      onProbe = (seen) => {
        if (seen === path) resolve();
      };
    });
  const dir = mkdtempSync(join(tmpdir(), 'countersign-gateway-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const { port } = backend.address() as AddressInfo;
  const load = async (path: string): Promise<LoadedConfig> => {
    const file = join(dir, 'gateway.yml');
    const check = `healthCheck: {path: ${path}, interval: 1h}`;
    writeFileSync(
      file,
      `gateway:\n  accessLog: {enabled: false}\n  log: {filePath: ${join(dir, 'log')}}\n  routes:\n` +
        `    - {name: plain, path: /, target: 'http://127.0.0.1:${port}', ${check}}\n` +
        `    - {name: secure, path: /s, target: 'https://127.0.0.1:${port}'}\n`,
    );
    const { loaded, problems } = await loadGateway(new FileSource(file), {
      env: {},
      strict: true,
      clock: systemClock,
      read: loadConfig,
    });
    assert.ok(loaded, JSON.stringify(problems));
    return loaded;
  };
  const gateway = new Gateway({ clock: systemClock, reusePort: false, onIntermediate: () => {} });
  t.after(async () => gateway.drain());
  const seed = { secret: Buffer.alloc(32, 1), epoch: 0, movesOn: false };
  const first = probed('/one');
  await gateway.prepare(1, await load('/one'), seed);
  gateway.commit(1);
  await first;

  const broken = await load('/two');
  const [plain, secure] = broken.routes;
  assert.ok(plain && secure);
  const routes = [plain, { ...secure, tls: { ...secure.tls, rootCAs: 'no certificate' } }];
  await assert.rejects(gateway.prepare(2, { ...broken, routes }, seed));

  const third = probed('/three');
  await gateway.prepare(3, await load('/three'), seed);
  gateway.commit(3);
  await third;
  assert.deepEqual(probes, ['/one', '/three']);
});
