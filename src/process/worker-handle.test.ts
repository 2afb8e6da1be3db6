import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTempDir } from '../../test/support/temp.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { WorkerHandle } from './worker-handle.ts';

/** More than a pipe holds. */
const total = 8 * 1024 * 1024;
const large = { kind: 'crlPiece', digest: 'x', total, offset: 0, piece: new Uint8Array(total) } as const;

test('a worker that reads nothing any more is ended, so that nobody waits for it again and again', async (t) => {
  using dir = openTempDir('worker-handle');
  const entry = dir.write('deaf.mjs', 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);');
  const due: (() => void)[] = [];
  const clock: Clock = {
    ...systemClock,
    after: (_, act) => {
      due.push(act);
      return () => {};
    },
  };
  const worker = new WorkerHandle(entry, 0, clock, {
    onIntermediate: () => {},
    onSpent: () => {},
    onSeen: () => {},
    onFailures: () => {},
    onSpans: () => {},
  });
  t.after(() => worker.kill());
  const sent = worker.sendPaced(large);
  for (const act of due.splice(0)) act();
  await sent;
  assert.equal((await worker.exited).signal, 'SIGKILL');
});

test('who waits for a message to be read hears of the end of a worker that is ended for another reason', async (t) => {
  using dir = openTempDir('worker-handle');
  const entry = dir.write('deaf.mjs', 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);');
  const clock: Clock = { ...systemClock, after: () => () => {} };
  const worker = new WorkerHandle(entry, 0, clock, {
    onIntermediate: () => {},
    onSpent: () => {},
    onSeen: () => {},
    onFailures: () => {},
    onSpans: () => {},
  });
  t.after(() => worker.kill());
  const sent = worker.sendPaced(large);
  worker.kill();
  await sent;
});

test('a worker has a small young generation, which an operator may make larger', async () => {
  using dir = openTempDir('worker-handle');
  // The last one counts.
  const program = "const last = process.execArgv.findLast((flag) => flag.startsWith('--max-semi-space-size='));";
  const entry = dir.write('flags.mjs', `${program}\nprocess.exit(Number(last?.split('=')[1] ?? 0));`);
  const news = {
    onIntermediate: () => {},
    onSpent: () => {},
    onSeen: () => {},
    onFailures: () => {},
    onSpans: () => {},
  };
  const given = [...process.execArgv];
  const run = async (): Promise<number | null> => (await new WorkerHandle(entry, 0, systemClock, news).exited).code;
  assert.equal(await run(), 4);
  try {
    process.execArgv.push('--max-semi-space-size=32');
    assert.equal(await run(), 32);
  } finally {
    process.execArgv.splice(0, process.execArgv.length, ...given);
  }
});
