import assert from 'node:assert/strict';
import { mkdtempSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { textLine } from './log-text.ts';
import { createLogger, type OpenLogger } from './logger.ts';

const now = () => Date.UTC(2026, 0, 2, 3, 4, 5, 6);

function open(t: TestContext, format: 'text' | 'json'): { log: OpenLogger; file: string; lines: () => string[] } {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-log-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'log');
  const log = createLogger({ level: 'info', format, file, now, base: { worker: 1 } });
  t.after(() => log.close());
  return { log, file, lines: () => readFileSync(file, 'utf8').split('\n').slice(0, -1) };
}

const hostile = 'CN=a\n{"level":"error"}\r\u001b[31m\u202e\u0000"\\';

test('JSON lines carry level, time, base, bindings and fields', (t) => {
  const { log, lines } = open(t, 'json');
  log.child({ policy: 'p' }).warn({ code: 'expired' }, 'refused');
  log.debug('not at this level');
  assert.deepEqual(
    lines().map((line) => JSON.parse(line) as unknown),
    [{ level: 'warn', time: '2026-01-02T03:04:05.006Z', worker: 1, policy: 'p', code: 'expired', msg: 'refused' }],
  );
});

test('the message stands before the fields, also beside an error', (t) => {
  const { log, lines } = open(t, 'json');
  log.warn({ code: 'expired' }, 'refused');
  log.error({ code: 'internal', err: new Error('inner') }, 'outer');
  const [first = '', second = ''] = lines();
  assert.match(first, /^\{"level":"warn","time":"[^"]+","worker":1,"msg":"refused","code":"expired"\}$/);
  assert.match(second, /^\{"level":"error","time":"[^"]+","worker":1,"msg":"outer","code":"internal","err":\{/);
  assert.equal(second.match(/"msg":/g)?.length, 1);
});

for (const format of ['json', 'text'] as const) {
  test(`A hostile subject stays within its line and its field (${format})`, (t) => {
    const { log, lines } = open(t, format);
    log.error({ subject: hostile, [hostile]: 1, err: new Error(hostile) }, hostile);
    const [first = '', ...more] = lines();
    assert.ok(more.every((line) => line.startsWith('    at ')));
    assert.equal(format === 'json' ? more.length : 0, 0);
    assert.doesNotMatch(first, /[\x00-\x1f\x7f-\x9f\u202e\u2028]/);
    if (format === 'json') assert.equal((JSON.parse(first) as { subject: string }).subject, hostile);
  });
}

test('A person sees time, level, message and fields on one line', () => {
  const record = {
    level: 'info',
    time: 'T',
    msg: 'worker ready',
    pid: 7,
    file: '/a/b',
    why: 'two words',
    list: [1, 'x'],
  };
  assert.equal(
    textLine(JSON.stringify(record), false),
    'T INFO  worker ready pid=7 file=/a/b why="two words" list=[1,"x"]\n',
  );
  assert.match(textLine(JSON.stringify(record), true), /\u001b\[32mINFO \u001b\[0m/);
});

test('An error shows its class, message, code and stack', () => {
  const err = { type: 'TypeError', message: 'no', stack: 'TypeError: no\n    at f (file.ts:1:2)', code: 'E1' };
  const text = textLine(JSON.stringify({ level: 'error', time: 'T', msg: 'm', err }), false);
  assert.equal(text, 'T ERROR m err="TypeError: no" err.code=E1\n    at f (file.ts:1:2)\n');
});

test('A full disk costs the line, is counted, and throws nothing', () => {
  const log = createLogger({ level: 'info', format: 'json', fd: openSync('/dev/full', 'w') });
  log.info('one');
  log.info('two');
  assert.equal(log.droppedLines(), 2);
});

test('After the file was moved away, reopen goes on in a new one', (t) => {
  const { log, file, lines } = open(t, 'json');
  log.info('before');
  renameSync(file, `${file}.1`);
  log.info('still before');
  assert.equal(log.reopen(), undefined);
  log.info('after');
  assert.equal(lines().length, 1);
  assert.equal(readFileSync(`${file}.1`, 'utf8').split('\n').length, 3);
});

test('Where the file cannot be opened anew, the old one stays in use', (t) => {
  const { log, file, lines } = open(t, 'json');
  const folder = dirname(file);
  renameSync(folder, `${folder}.moved`);
  assert.match(String(log.reopen()), /ENOENT/);
  log.info('still');
  renameSync(`${folder}.moved`, folder);
  assert.equal(lines().length, 1);
});

test('off is silent', (t) => {
  const { lines } = open(t, 'json');
  createLogger({ level: 'off', format: 'json', fd: 2 }).error('unheard');
  assert.deepEqual(lines(), []);
});
