import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { loadConfig } from '../config/load-config.ts';
import { FileSource } from '../loading/file-source.ts';
import { loadGateway } from '../loading/load.ts';
import { createLogger } from '../telemetry/logger.ts';
import { Primary } from './primary.ts';

it('a reload that fails in a way nobody thought of is rejected like any other, and the next one works', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'countersign-reload-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'gateway.yml');
  writeFileSync(file, "gateway: {routes: [{name: a, path: /, target: 'http://127.0.0.1:1'}]}\n");
  const load = async () =>
    loadGateway(new FileSource(file), { env: {}, strict: true, clock: systemClock, read: loadConfig });
  const { loaded } = await load();
  assert.ok(loaded);
  let broken = true;
  const logFile = join(dir, 'log');
  const primary = new Primary(loaded, {
    load: async () => {
      if (broken) throw new TypeError('a defect');
      return load();
    },
    clock: systemClock,
    log: createLogger({ level: 'info', format: 'json', file: logFile }),
    workerEntry: '',
    cores: 1,
  });
  await primary.reload('test');
  assert.match(readFileSync(logFile, 'utf8'), /reload rejected.*internal error: TypeError: a defect/);
  broken = false;
  await primary.reload('test');
  assert.match(readFileSync(logFile, 'utf8'), /configuration reloaded/);
});
