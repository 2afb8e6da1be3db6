// Rounds are made by hand, and what a process does is told: a real stopped process is in test/journeys/hung-worker.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { describe, it } from 'node:test';
import { eventually } from '../../test/support/wait-for.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { findProcessActivity, type ProcessActivity } from './process-activity.ts';
import { Watchdog, type Watched } from './watchdog.ts';

class Worker implements Watched {
  pid = 1;
  gone = false;
  heard = 0;
  building = false;
  unresponsive = false;
  asked = 0;
  /** Answers whenever it is asked. */
  alive = true;
  ping(): void {
    this.asked++;
    if (this.alive) this.heard++;
  }
}

/** One worker under watch; `round` is a second of the primary, in which the worker uses `cpuMs`. */
function watchOne() {
  const worker = new Worker();
  const ended: string[] = [];
  let due: (() => void) | undefined;
  let activity: ProcessActivity | undefined = { busy: false, cpuMs: 0 };
  const clock: Clock = {
    ...systemClock,
    after: (_, act) => {
      due = act;
      return () => {};
    },
  };
  const options = { clock, workers: () => [worker], activity: () => activity };
  new Watchdog({ ...options, onHung: (_, why) => ended.push(why) }).start();
  return {
    worker,
    ended,
    round: (busy = false, cpuMs = 0): void => {
      activity = { busy, cpuMs: (activity?.cpuMs ?? 0) + cpuMs };
      due?.();
    },
    roundUnknown: (): void => {
      activity = undefined;
      due?.();
    },
  };
}

function times(count: number, act: () => void): void {
  for (let n = 0; n < count; n++) act();
}

describe('the watchdog', () => {
  it('asks again and again, and leaves whoever answers alone, however idle', () => {
    const { worker, ended, round } = watchOne();
    times(500, round);
    assert.deepEqual([worker.asked, worker.unresponsive, ended], [500, false, []]);
  });

  it('ends a worker that stands still, after a few rounds, and asks it but once', () => {
    const { worker, ended, round } = watchOne();
    round();
    worker.alive = false;
    times(5, round);
    assert.deepEqual(ended, []);
    const asked = worker.asked;
    times(1, round);
    assert.deepEqual(ended, ['stood still for 5 s']);
    assert.equal(worker.asked, asked);
  });

  it('says before that that it has not answered lately, and takes it back at the first answer', () => {
    const { worker, ended, round } = watchOne();
    round();
    worker.alive = false;
    // The first answers what was asked while it still did.
    times(3, round);
    assert.equal(worker.unresponsive, false);
    round();
    assert.equal(worker.unresponsive, true);
    worker.heard++;
    round();
    assert.equal(worker.unresponsive, false);
    times(4, round);
    assert.deepEqual(ended, [], 'the count begins anew');
  });

  it('leaves a worker alone that is busy in one long turn, or waits for a core that others have', () => {
    const { worker, ended, round } = watchOne();
    worker.alive = false;
    // Runs on half a core.
    times(39, () => round(true, 500));
    assert.deepEqual(ended, []);
    worker.heard++;
    // Gets next to nothing, and what it gets falls between the looks.
    times(100, () => round(true, 0));
    worker.heard++;
    times(100, () => round(false, 10));
    assert.deepEqual(ended, []);
  });

  it('ends one that never comes out of its turn, by the CPU time that it used', () => {
    const { worker, ended, round } = watchOne();
    worker.alive = false;
    times(60, () => round(true, 1000));
    assert.deepEqual(ended.slice(0, 1), ['used 20 s of CPU without a pause']);
  });

  it('gives more to one that builds a generation, as it was told, but not for ever', () => {
    const { worker, ended, round } = watchOne();
    worker.alive = false;
    worker.building = true;
    times(120, () => round(true, 1000));
    assert.deepEqual(ended, []);
    times(1, () => round(true, 1000));
    assert.deepEqual(ended, ['was silent for 120 s']);
  });

  it('takes more time where the system does not say what a process does', () => {
    const { worker, ended, roundUnknown } = watchOne();
    worker.alive = false;
    times(30, roundUnknown);
    assert.deepEqual(ended, []);
    roundUnknown();
    assert.deepEqual(ended, ['was silent for 30 s']);
  });
});

describe('what a process does', () => {
  it('is known of ourselves: we run', () => {
    const activity = findProcessActivity(process.pid);
    if (process.platform === 'linux') assert.ok(activity?.busy === true && activity.cpuMs > 0);
    else assert.equal(activity, undefined);
  });

  it('is not known of a process that is not there', () => {
    assert.equal(findProcessActivity(2 ** 30), undefined);
  });
});

it('a process that runs is busy, and one that was stopped is not', async (t) => {
  const child = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  const pid = child.pid ?? 0;
  const busyAs = async (busy: boolean) =>
    eventually(() => findProcessActivity(pid)?.busy === busy, { what: busy ? 'it to run' : 'it to stand still' });
  await busyAs(true);
  child.kill('SIGSTOP');
  await busyAs(false);
});
