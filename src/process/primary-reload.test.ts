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
import { reloadAnswer } from './reload-answer.ts';

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
  const failed = await primary.reload('test');
  assert.deepEqual(failed, {
    ok: false,
    generation: 1,
    why: 'internal error: TypeError: a defect',
    blame: 'defect',
    problems: [],
  });
  assert.equal(reloadAnswer(failed, 5).status, 500);
  assert.match(readFileSync(logFile, 'utf8'), /reload rejected.*internal error: TypeError: a defect/);
  broken = false;
  await primary.reload('test');
  assert.match(readFileSync(logFile, 'utf8'), /configuration reloaded/);
});

it('who asked for a reload is told what changed in who may enter, or all that is wrong, each with its place', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'countersign-reload-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'gateway.yml');
  const write = (routes: string): void => writeFileSync(file, `gateway:\n  routes: [${routes}]\n`);
  const route = (name: string): string => `{name: ${name}, path: /${name}, target: 'http://127.0.0.1:1'}`;
  write(route('a'));
  const load = async () =>
    loadGateway(new FileSource(file), { env: {}, strict: true, clock: systemClock, read: loadConfig });
  const { loaded } = await load();
  assert.ok(loaded);
  const log = createLogger({ level: 'error', format: 'json', file: join(dir, 'log') });
  const primary = new Primary(loaded, { load, clock: systemClock, log, workerEntry: '', cores: 1 });

  write(`${route('a')}, ${route('b')}`);
  const { status, body } = reloadAnswer(await primary.reload('test'), 5);
  assert.equal(status, 200);
  const { opened, ...rest } = body as { opened: readonly string[] };
  assert.match(opened.join('\n'), /^\/b on localhost, other hosts: nobody .*→ anyone/);
  assert.partialDeepStrictEqual(rest, { status: 'ok', generation: 2, routes: 2, durationMs: 5 });

  write(`{name: a, path: a?b, target: 'http://127.0.0.1:1'}`);
  const refused = reloadAnswer(await primary.reload('test'), 5);
  assert.equal(refused.status, 422);
  assert.partialDeepStrictEqual(refused.body, {
    status: 'error',
    error: 'the configuration has errors',
    generation: 2,
    problems: [{ severity: 'error', code: 'bad_path', file, line: 2, col: 28 }],
  });
  primary.stopNow();
  assert.equal(reloadAnswer(await primary.reload('test'), 5).status, 503, 'it is stopping');
});
