import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import type { Clock } from '../base/clock.ts';
import { AccessLog } from './access-log.ts';
import { AccessLogFields } from './access-log-fields.ts';
import { checkLogTarget, LogFile } from './log-file.ts';
import { Counter } from './registry.ts';

/** A clock whose timers fire when the test says so. */
class HandClock implements Clock {
  #due: (() => void)[] = [];
  now = () => 0;
  monotonic = () => 0;
  after(_delayMs: number, act: () => void): () => void {
    this.#due.push(act);
    return () => (this.#due = this.#due.filter((one) => one !== act));
  }
  get pending(): number {
    return this.#due.length;
  }
  turn(): void {
    for (const act of this.#due.splice(0)) act();
  }
}

/** For scripts that run as processes of their own. */
const imports = `
  import { systemClock } from ${JSON.stringify(new URL('../base/clock.ts', import.meta.url).href)};
  import { LogFile } from ${JSON.stringify(new URL('log-file.ts', import.meta.url).href)};
  import { Counter } from ${JSON.stringify(new URL('registry.ts', import.meta.url).href)};
`;

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'countersign-access-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

test('Lines wait for their batch: a second, or 64 KiB', async (t) => {
  const path = join(folder(t), 'log');
  const clock = new HandClock();
  const file = new LogFile(path, clock, new Counter());
  file.write('one\n');
  file.write('two\n');
  assert.equal(clock.pending, 1);
  assert.equal(readFileSync(path, 'utf8'), '');
  clock.turn();
  await file.close();
  assert.equal(readFileSync(path, 'utf8'), 'one\ntwo\n');
});

test('Closing writes everything, in order', async (t) => {
  const path = join(folder(t), 'log');
  const dropped = new Counter();
  const file = new LogFile(path, new HandClock(), dropped);
  const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`);
  for (const line of lines) file.write(line);
  await file.close();
  assert.equal(readFileSync(path, 'utf8'), lines.join(''));
  file.write('late\n');
  assert.equal(dropped.value, 1);
});

test('At the exit of the process what is held is written at once', (t) => {
  const path = join(folder(t), 'log');
  const file = new LogFile(path, new HandClock(), new Counter());
  file.write('last words\n');
  file.flushSync();
  assert.equal(readFileSync(path, 'utf8'), 'last words\n');
});

test('A full disk costs lines, which are counted, and the log goes on trying', async () => {
  const dropped = new Counter();
  const clock = new HandClock();
  const file = new LogFile('/dev/full', clock, dropped);
  for (let i = 0; i < 5000; i++) file.write(`line ${i} ${'x'.repeat(40)}\n`);
  file.write('more\n');
  await file.close();
  assert.equal(dropped.value, 5001);
  const again = new LogFile('/dev/full', clock, dropped);
  again.write('one\n');
  again.flushSync();
  assert.equal(dropped.value, 5002);
});

test('After the file was moved away, reopen goes on in a new one and loses nothing', async (t) => {
  const path = join(folder(t), 'log');
  const dropped = new Counter();
  const file = new LogFile(path, new HandClock(), dropped);
  for (let i = 0; i < 3000; i++) file.write(`before ${i} ${'x'.repeat(40)}\n`);
  renameSync(path, `${path}.1`);
  assert.equal(file.reopen(), undefined);
  for (let i = 0; i < 10; i++) file.write('after\n');
  await file.close();
  const [old, fresh] = [readFileSync(`${path}.1`, 'utf8'), readFileSync(path, 'utf8')];
  assert.equal((old + fresh).match(/\n/g)?.length, 3010);
  assert.ok(fresh.endsWith('after\n'));
  assert.equal(dropped.value, 0);
});

test('A pipe that nobody empties holds 4 MiB at most, and lines arrive once it is read', async (t) => {
  const path = join(folder(t), 'pipe');
  assert.deepEqual(await once(spawn('mkfifo', [path]), 'exit'), [0, null]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const dropped = new Counter();
  const clock = new HandClock();
  const file = new LogFile(path, clock, dropped);
  const line = `${'x'.repeat(1023)}\n`;
  const written = 5 * 1024;
  for (let i = 0; i < written; i++) file.write(line);
  assert.ok(dropped.value > 900 && dropped.value < 1100, String(dropped.value));
  const buffer = Buffer.alloc(65_536);
  let received = 0;
  while (received < (written - dropped.value) * line.length) {
    try {
      received += readSync(reader, buffer);
    } catch {
      // Empty just now: let a write end, or the pause of a full pipe.
      await new Promise(setImmediate);
      clock.turn();
    }
  }
  await file.close();
  closeSync(reader);
});

test('A pipe without a reader is an error at the start, not a process that hangs', async (t) => {
  const path = join(folder(t), 'pipe');
  assert.deepEqual(await once(spawn('mkfifo', [path]), 'exit'), [0, null]);
  assert.throws(() => checkLogTarget(path), /ENXIO/);
});

test('A pipe that is full does not hold up the exit of the process', async (t) => {
  const path = join(folder(t), 'pipe');
  assert.deepEqual(await once(spawn('mkfifo', [path]), 'exit'), [0, null]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const script = `${imports}
    const dropped = new Counter();
    const file = new LogFile('stdout', systemClock, dropped);
    for (let i = 0; i < 3000; i++) file.write('x'.repeat(99) + '\\n');
    file.write('y\\n');
    file.flushSync();
    process.stderr.write(String(dropped.value), () => process.exit(0));`;
  const args = ['-c', 'exec "$0" --input-type=module -e "$1" > "$2"', process.execPath, script, path];
  const child = spawn('sh', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const stderr = text(child.stderr);
  assert.deepEqual(await once(child, 'exit'), [0, null]);
  assert.match(await stderr, /^2[0-9]{3}$/);
  closeSync(reader);
});

test('A reader that went away costs lines, not the process', async () => {
  const script = `${imports}
    const dropped = new Counter();
    const file = new LogFile('stdout', systemClock, dropped);
    process.stdin.once('data', async () => {
      for (let i = 0; i < 3000; i++) file.write('x'.repeat(99) + '\\n');
      await file.close();
      file.flushSync();
      process.stderr.write(String(dropped.value), () => process.exit(0));
    });
    process.stderr.write('');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
  child.stdout.destroy();
  const stderr = text(child.stderr);
  child.stdin.write('go');
  const [code] = (await once(child, 'exit')) as [number];
  assert.equal(code, 0, await stderr);
  assert.equal(await stderr, '3000');
});

test('Lines of two processes on one pipe never mix', async () => {
  const script = `${imports}
    const file = new LogFile('stdout', systemClock, new Counter());
    const name = process.argv[1];
    for (let i = 0; i < 1500; i++) file.write(name + i + ':' + name.repeat(1 + (i * 37) % 900) + '\\n');
    await file.close();`;
  const shell = '"$0" --input-type=module -e "$1" a & "$0" --input-type=module -e "$1" b; wait';
  // `cat` makes the shell's output a real pipe (Node's own is a socket pair).
  const child = spawn('sh', ['-c', `( ${shell} ) | cat`, process.execPath, script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = (await text(child.stdout)).split('\n').slice(0, -1);
  assert.equal(lines.length, 3000);
  for (const line of lines) assert.match(line, /^([ab])\d+:\1+$/);
  for (const name of ['a', 'b']) {
    const numbers = lines.filter((line) => line.startsWith(name)).map((line) => Number.parseInt(line.slice(1), 10));
    assert.deepEqual(
      numbers,
      Array.from({ length: 1500 }, (_, i) => i),
    );
  }
});

test('The sample rate decides which requests are logged', async (t) => {
  const path = join(folder(t), 'log');
  const draws = [0.1, 0.6, 0.4, 0.9];
  const log = new AccessLog({
    path,
    fields: new AccessLogFields(),
    sample: 0.5,
    clock: new HandClock(),
    dropped: new Counter(),
    random: () => draws.shift() ?? 1,
  });
  for (let i = 0; i < 4; i++) {
    log.write({
      time: Date.UTC(2026, 0, 2, 3, 4, 5, 6 + i),
      requestId: `id-${i}`,
      backendCertificate: '',
      client: '"remote":"::1"',
      method: 'GET',
      host: 'h',
      target: '/',
      version: 11,
      status: 200,
      grpcStatus: undefined,
      code: '',
      rule: '',
      detail: '',
      route: '',
      backend: '',
      durationMs: 1,
      receivedBytes: 0,
      sentBytes: 0,
    });
  }
  await log.close();
  const lines = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { requestId: string; time: string });
  assert.deepEqual(
    lines.map((line) => line.requestId),
    ['id-0', 'id-2'],
  );
  assert.equal(lines[1]?.time, '2026-01-02T03:04:05.008Z');
});
