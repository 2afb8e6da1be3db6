import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type Clock, systemClock } from './clock.ts';
import { Watch } from './file-watch.ts';

/** Short waits are over at once; the slow poll is in the hands of the test. */
class QuickClock implements Clock {
  #poll: (() => void) | undefined;
  now = (): number => systemClock.now();
  monotonic = (): number => systemClock.monotonic();
  after(delayMs: number, act: () => void): () => void {
    if (delayMs < 1000) return systemClock.after(1, act);
    this.#poll = act;
    return () => (this.#poll = undefined);
  }
  /** True where a poll was due. */
  poll(): boolean {
    const due = this.#poll;
    this.#poll = undefined;
    due?.();
    return due !== undefined;
  }
}

type Stage = {
  readonly file: (name: string) => string;
  readonly clock: QuickClock;
  readonly watch: Watch;
  /** Makes a change, and resolves when it was seen. */
  readonly seen: (change: () => void) => Promise<void>;
  /** How often a change was reported. */
  readonly calls: () => number;
};

async function open(t: TestContext, paths: readonly string[], prepare?: (file: Stage['file']) => void): Promise<Stage> {
  const dir = mkdtempSync(join(tmpdir(), 'countersign-watch-'));
  const file = (name: string): string => join(dir, name);
  writeFileSync(file('a'), 'first');
  prepare?.(file);
  const clock = new QuickClock();
  let calls = 0;
  let onCall = (): void => {};
  const absolute = paths.map(file);
  const watch = new Watch(clock, async () => {
    calls++;
    // What a reload does: read the files, then say which ones they were.
    await watch.set(absolute);
    onCall();
  });
  await watch.set(absolute);
  // The fs.watch handles are not to keep the process alive in production; here something has to.
  const alive = setInterval(() => {}, 1000);
  t.after(() => {
    clearInterval(alive);
    watch.close();
    rmSync(dir, { recursive: true });
  });
  return {
    file,
    clock,
    watch,
    calls: () => calls,
    seen: async (change) =>
      new Promise((resolve) => {
        onCall = resolve;
        change();
      }),
  };
}

describe('a watch', () => {
  it('sees a file that is written in place, renamed into place, removed, and there again', async (t) => {
    const { seen, file } = await open(t, ['a']);
    await seen(() => writeFileSync(file('a'), 'second'));
    await seen(() => {
      writeFileSync(file('b'), 'second');
      renameSync(file('b'), file('a'));
    });
    await seen(() => rmSync(file('a')));
    await seen(() => writeFileSync(file('a'), 'third'));
  });

  it('sees the symlink swap of Kubernetes, again and again', async (t) => {
    const { seen, file } = await open(t, ['tls.key'], (at) => {
      mkdirSync(at('..1'));
      writeFileSync(at('..1/tls.key'), '1');
      symlinkSync('..1', at('..data'));
      symlinkSync('..data/tls.key', at('tls.key'));
    });
    for (const version of ['2', '3']) {
      await seen(() => {
        mkdirSync(file(`..${version}`));
        writeFileSync(file(`..${version}/tls.key`), version);
        symlinkSync(`..${version}`, file('..tmp'));
        renameSync(file('..tmp'), file('..data'));
      });
    }
  });

  it('sees files that come into a folder, change in it, and go', async (t) => {
    const { seen, file } = await open(t, ['extra'], (at) => mkdirSync(at('extra')));
    await seen(() => writeFileSync(file('extra/x.yml'), '1'));
    await seen(() => writeFileSync(file('extra/x.yml'), '22'));
    await seen(() => rmSync(file('extra/x.yml')));
  });

  it('finds by its poll what nobody tells, such as a folder that was not there', async (t) => {
    const { seen, file, clock } = await open(t, ['later/on/a']);
    let polling: NodeJS.Timeout | undefined;
    await seen(() => {
      mkdirSync(file('later/on'), { recursive: true });
      writeFileSync(file('later/on/a'), '1');
      polling = setInterval(() => clock.poll(), 1);
    });
    clearInterval(polling);
  });

  it('reports nothing where other files of the folder change, however busy they are, and is not put off by them', async (t) => {
    const { seen, file, calls } = await open(t, ['a']);
    let lines = 0;
    const busy = setInterval(() => {
      appendFileSync(file('access.log'), 'line\n');
      lines++;
    }, 0);
    await seen(() => writeFileSync(file('a'), 'second'));
    await seen(() => writeFileSync(file('a'), 'third'));
    clearInterval(busy);
    assert.ok(lines > 0);
    assert.equal(calls(), 2);
  });

  it('sees a change that comes while the files are being read', async (t) => {
    const { seen, file, watch } = await open(t, ['a']);
    await watch.mark();
    await seen(() => {
      // The load has read `first`; before it says so, the file is another.
      writeFileSync(file('a'), 'second');
      void watch.set([file('a')]);
    });
  });

  it('sees a change between the look that found another one and the load for it', async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'countersign-watch-'));
    const file = join(dir, 'a');
    writeFileSync(file, 'first');
    let calls = 0;
    const { promise, resolve: onSecond } = Promise.withResolvers<void>();
    const watch: Watch = new Watch(new QuickClock(), async () => {
      calls++;
      if (calls === 1) writeFileSync(file, 'the third, read by nobody yet');
      // The load has the look that found `second` for its mark: no other one is needed.
      await watch.mark();
      await watch.set([file]);
      if (calls === 2) onSecond();
    });
    const alive = setInterval(() => {}, 1000);
    t.after(() => {
      clearInterval(alive);
      watch.close();
      rmSync(dir, { recursive: true });
    });
    await watch.set([file]);
    writeFileSync(file, 'second');
    await promise;
  });

  it('polls less often where a look at all files takes long', async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'countersign-watch-'));
    let ms = 0;
    const waits: number[] = [];
    const { promise: looked, resolve: onLooked } = Promise.withResolvers<void>();
    const clock: Clock = {
      now: () => 0,
      monotonic: () => (ms += 4_000),
      after: (delayMs, act) => {
        waits.push(delayMs);
        if (delayMs < 1000) setImmediate(act);
        else if (waits.length > 2) onLooked();
        return () => {};
      },
    };
    const watch = new Watch(clock, async () => {});
    const alive = setInterval(() => {}, 1000);
    t.after(() => {
      clearInterval(alive);
      watch.close();
      rmSync(dir, { recursive: true });
    });
    await watch.set([join(dir, 'a')]);
    await looked;
    // Armed before the first look; then a look that took four seconds.
    assert.deepEqual(waits, [10_000, 250, 200_000]);
  });

  it('looks at very many files at once where one of them changed, and in its own time where another did', async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'countersign-watch-'));
    writeFileSync(join(dir, 'a'), 'first');
    let ms = 0;
    /** Of the looks that are due, in milliseconds from the last event on. */
    const waits: number[] = [];
    let onWait = (): void => {};
    let look = (): void => {};
    const clock: Clock = {
      now: () => 0,
      monotonic: () => ms,
      after: (delayMs, act) => {
        waits.push(delayMs);
        look = act;
        onWait();
        return () => {};
      },
    };
    const watch = new Watch(clock, async () => {});
    const alive = setInterval(() => {}, 1000);
    t.after(() => {
      clearInterval(alive);
      watch.close();
      rmSync(dir, { recursive: true });
    });
    const waited = async (act: () => void, forMs: number): Promise<void> =>
      new Promise((resolve) => {
        onWait = () => waits.at(-1) === forMs && resolve();
        act();
      });
    await watch.set([join(dir, 'a')]);
    // A look that takes four seconds; then the poll is due after 200.
    await waited(() => {
      look();
      ms += 4_000;
    }, 200_000);
    await waited(() => writeFileSync(join(dir, 'access.log'), 'line'), 200_000);
    await waited(() => writeFileSync(join(dir, 'a'), 'second'), 250);
  });

  it('is silent once it is closed', async (t) => {
    const { watch, file, clock, calls } = await open(t, ['a']);
    watch.close();
    writeFileSync(file('a'), 'second');
    assert.equal(clock.poll(), false);
    await watch.set([file('a')]);
    assert.deepEqual([clock.poll(), calls()], [false, 0]);
  });
});
