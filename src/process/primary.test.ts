// The primary with workers that do as they are told by the name of the first route: real processes, which write down every
// message that they get.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { get } from '../base/node-http.ts';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { eventually } from '../../test/support/wait-for.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { loadConfig } from '../config/load-config.ts';
import { FileSource } from '../loading/file-source.ts';
import { loadGateway } from '../loading/load.ts';
import { createLogger } from '../telemetry/logger.ts';
import { type Listening, Primary } from './primary.ts';

const worker = `
import { appendFileSync, existsSync, mkdirSync, watchFile } from 'node:fs';
import { join } from 'node:path';
const dir = import.meta.dirname;
const note = (text) => appendFileSync(join(dir, 'events'), process.pid + ' ' + text + '\\n');
const say = (message) => process.send(message);
const first = (what) => { try { mkdirSync(join(dir, what)); return true; } catch { return false; } };
let ask = '';
process.on('message', (message) => {
  const { kind, generation } = message;
  if (kind === 'ping') return say({ kind: 'pong' });
  if (kind === 'piece') return void (ask = message.piece.routes[0]?.config?.name ?? ask);
  if (kind !== 'snapshot') note(kind + (generation === undefined ? '' : ' ' + generation));
  if (kind === 'prepare') {
    if (ask === 'one-cannot' && first('refused')) return say({ kind: 'failed', id: message.id, message: 'no such curve' });
    if (ask === 'one-dies' && first('died')) process.exit(3);
    if (ask === 'all-die' && generation === 2 && (first('died-1') || first('died-2'))) process.exit(3);
    if (ask === 'poison') process.exit(3);
    if (generation === 1 && existsSync(join(dir, 'hold-1'))) {
      return watchFile(join(dir, 'hold-1'), { interval: 20 }, (now) => {
        if (now.nlink === 0) say({ kind: 'prepared', id: message.id });
      });
    }
    if (ask === 'one-is-slow' && first('slow')) return;
    return say({ kind: 'prepared', id: message.id });
  }
  if (kind === 'commit' && ask === 'one-keeps' && first('kept')) return;
  if (kind === 'commit') return say({ kind: 'committed', generation });
  if (kind === 'listen' && message.proven) note('proven ' + message.proven);
  if (kind === 'listen' && ask === 'deaf') return say({ kind: 'listenFailed', message: 'no socket for me' });
  if (kind === 'listen') say({ kind: 'listening', runtime: 'x' });
  if (kind === 'listen' && ask === 'defect' && first('broke')) return say({ kind: 'leaving' });
  if (kind === 'drain' && ask === 'endless') return;
  if (kind === 'drain') process.exit(0);
  if (kind === 'snapshot') {
    if (existsSync(join(dir, 'die-when-asked'))) process.exit(4);
    const values = [{ labels: {}, value: 5 }];
    const metric = { name: 'countersign_requests_total', help: 'x', type: 'counter', aggregator: 'sum', values };
    say({ kind: 'snapshot', id: message.id, metrics: [metric] });
  }
});
process.on('disconnect', () => process.exit(0));
say({ kind: 'up' });
`;

/** The clock with long delays in the hands of the test. */
class PatientClock implements Clock {
  readonly #held = new Set<{ ms: number; act: () => void }>();
  now = (): number => systemClock.now();
  monotonic = (): number => systemClock.monotonic();
  after(ms: number, act: () => void): () => void {
    if (ms < 5000) return systemClock.after(ms, act);
    const held = { ms, act };
    this.#held.add(held);
    return () => this.#held.delete(held);
  }
  /** What was to happen after `ms` happens now. */
  pass(ms: number): void {
    for (const held of this.#held) if (held.ms === ms && this.#held.delete(held)) held.act();
  }
}

type Stage = {
  /** What a load waits for. */
  readonly gate: { opens?: Promise<void> };
  readonly primary: Primary;
  readonly clock: PatientClock;
  readonly dir: string;
  /** Names the first route, and so what the workers do. */
  write(route: string): void;
  /** `pid message`, in order. */
  events(): string[];
  /** Waits until the events or the log fit. */
  until(fits: () => boolean): Promise<void>;
  log(): string;
  page(listening: readonly Listening[], path: string): Promise<string>;
};

async function open(t: TestContext, route: string, workers = 2): Promise<Stage> {
  const dir = mkdtempSync(join(tmpdir(), 'countersign-primary-'));
  const file = join(dir, 'gateway.yml');
  const logFile = join(dir, 'log');
  const write = (name: string): void =>
    writeFileSync(
      file,
      `version: 2
gateway:
  workers: ${workers}
  entryPoints: {web: {address: "127.0.0.1:0"}, webSecure: {enabled: false}, admin: {address: "127.0.0.1:0"}}
  routes: [{name: ${name}, path: /, target: "http://127.0.0.1:1"}]
`,
    );
  write(route);
  writeFileSync(join(dir, 'worker.mjs'), worker);
  writeFileSync(join(dir, 'events'), '');
  const load = async () => {
    await gate.opens;
    return loadGateway(new FileSource(file), { env: {}, strict: true, clock: systemClock, read: loadConfig });
  };
  const gate: Stage['gate'] = {};
  const { loaded, problems } = await load();
  assert.ok(loaded !== undefined, JSON.stringify(problems));
  const clock = new PatientClock();
  const log = createLogger({ level: 'info', format: 'json', file: logFile });
  const primary = new Primary(loaded, { load, clock, log, workerEntry: join(dir, 'worker.mjs'), cores: 2 });
  t.after(() => {
    primary.stopNow();
    log.close();
    rmSync(dir, { recursive: true });
  });
  const read = (name: string): string => readFileSync(join(dir, name), 'utf8');
  return {
    gate,
    primary,
    clock,
    dir,
    write,
    events: () => read('events').trim().split('\n'),
    log: () => read('log'),
    async until(fits) {
      const changes = watch(dir);
      await new Promise<void>((resolve) => {
        const look = (): void => {
          if (fits()) resolve();
        };
        changes.on('change', look);
        look();
      });
      changes.close();
    },
    page: async (listening, path) => {
      const address = listening.find(({ entryPoint }) => entryPoint === 'admin')?.address ?? '';
      return new Promise((resolve, reject) => {
        const request = get(`http://${address}${path}`, { agent: false }, (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
          response.on('end', () => resolve(text));
        });
        request.on('error', reject);
      });
    },
  };
}

const count = (events: readonly string[], message: string): number =>
  events.filter((event) => event.endsWith(` ${message}`)).length;

describe('the primary', () => {
  it('starts workers one generation at a time: a reload that comes meanwhile waits', async (t) => {
    const stage = await open(t, 'plain');
    const started = stage.primary.start();
    const reloaded = stage.primary.reload('too early');
    await started;
    await reloaded;
    const events = stage.events();
    assert.equal(count(events, 'commit 2'), 2);
    assert.ok(
      events.findLastIndex((event) => event.endsWith(' listen')) <
        events.findIndex((event) => event.endsWith('prepare 2')),
    );
  });

  it('answers three hundred wishes for a reload, made while one runs, with one more', async (t) => {
    const stage = await open(t, 'plain');
    await stage.primary.start();
    const { promise, resolve } = Promise.withResolvers<void>();
    stage.gate.opens = promise;
    const first = stage.primary.reload('first');
    await new Promise(setImmediate);
    const wishes = Array.from({ length: 300 }, async (_, n) => stage.primary.reload(`wish ${n}`));
    resolve();
    await Promise.all([first, ...wishes]);
    assert.equal(stage.log().match(/configuration reloaded/g)?.length, 2);
    assert.deepEqual([count(stage.events(), 'commit 2'), count(stage.events(), 'commit 3')], [2, 2]);
  });

  it('rejects a reload as a whole where one worker cannot prepare it', async (t) => {
    const stage = await open(t, 'plain');
    const listening = await stage.primary.start();
    stage.write('one-cannot');
    await stage.primary.reload('test');
    await stage.until(() => count(stage.events(), 'abandon 2') === 2);
    assert.equal(count(stage.events(), 'commit 2'), 0);
    assert.match(stage.log(), /reload rejected: the last good configuration stays.*no such curve/);
    const metrics = await stage.page(listening, '/metrics');
    assert.match(metrics, /^countersign_config_generation 1$/m);
    assert.match(metrics, /^countersign_config_reload_failures_total 1$/m);
    assert.match(metrics, /^countersign_config_reload_failed 1$/m);

    stage.write('plain');
    await stage.primary.reload('test');
    assert.equal(count(stage.events(), 'commit 2'), 2);
    assert.match(await stage.page(listening, '/metrics'), /^countersign_config_reload_failed 0$/m);
  });

  it('does not take the death of a worker that prepares for a veto: its successor starts with the new rules', async (t) => {
    const stage = await open(t, 'plain');
    await stage.primary.start();
    stage.write('one-dies');
    await stage.primary.reload('test');
    await stage.until(() => count(stage.events(), 'commit 2') === 2 && count(stage.events(), 'listen') === 3);
    assert.match(stage.log(), /worker ended.*"code":3/);
    assert.match(stage.log(), /configuration reloaded/);
  });

  it('tries a reload again that nobody refused, only one did not answer in time', async (t) => {
    const stage = await open(t, 'plain');
    const listening = await stage.primary.start();
    stage.write('one-is-slow');
    const reloaded = stage.primary.reload('test');
    await stage.until(() => count(stage.events(), 'prepare 2') === 1);
    stage.clock.pass(30_000);
    await reloaded;
    assert.match(stage.log(), /reload rejected.*did not answer in time/);
    assert.match(await stage.page(listening, '/metrics'), /^countersign_config_reload_failed 1$/m);
    stage.clock.pass(5_000);
    await stage.until(() => /"msg":"configuration reloaded".*"reason":"tried again"/.test(stage.log()));
    assert.equal(count(stage.events(), 'commit 2'), 2);
    assert.match(await stage.page(listening, '/metrics'), /^countersign_config_reload_failed 0$/m);
  });

  it('does not try a reload again that a worker refused with a reason', async (t) => {
    const stage = await open(t, 'plain');
    await stage.primary.start();
    stage.write('one-cannot');
    await stage.primary.reload('test');
    stage.clock.pass(5_000);
    await stage.primary.stop();
    assert.equal(count(stage.events(), 'prepare 2'), 1);
    assert.doesNotMatch(stage.log(), /tried again/);
  });

  it('has a successor build the new rules where every worker ended over them, and serves by them', async (t) => {
    const stage = await open(t, 'plain');
    const listening = await stage.primary.start();
    stage.write('all-die');
    await stage.primary.reload('test');
    assert.match(stage.log(), /configuration reloaded/);
    await stage.until(() => count(stage.events(), 'listen') === 4);
    assert.equal(count(stage.events(), 'commit 2'), 2, 'every successor has the new rules');
    assert.match(await stage.page(listening, '/metrics'), /^countersign_config_generation 2$/m);
  });

  it('keeps the last good rules where every worker ends over the new ones, its successor too', async (t) => {
    const stage = await open(t, 'plain');
    const listening = await stage.primary.start();
    stage.write('poison');
    await stage.primary.reload('test');
    assert.match(stage.log(), /reload rejected.*ended \(exit code 3\)/);
    // A successor that came before the last of them had ended was asked too, and ended as well.
    await eventually(async () => (await stage.page(listening, '/readyz')).startsWith('2 of 2'), {
      what: 'successors under the old rules',
    });
    assert.equal(count(stage.events(), 'commit 2'), 0);
    assert.ok(count(stage.events(), 'commit 1') >= 4);
    assert.match(await stage.page(listening, '/metrics'), /^countersign_config_generation 1$/m);
  });

  it('ends a worker that does not take the new rules over, and starts another with them', async (t) => {
    const stage = await open(t, 'plain');
    await stage.primary.start();
    stage.write('one-keeps');
    const reloaded = stage.primary.reload('test');
    await stage.until(() => count(stage.events(), 'commit 2') === 2);
    assert.doesNotMatch(stage.log(), /configuration reloaded/, 'not while one serves by the old rules');
    stage.clock.pass(30_000);
    await reloaded;
    // The answer of the other may still have been on its way: then that one was ended too.
    await stage.until(() => count(stage.events(), 'commit 2') >= 3 && count(stage.events(), 'listen') >= 3);
    assert.match(stage.log(), /worker kept the old rules/);
  });

  it('replaces a worker that ends after a defect at once, and keeps it under the rules until it is gone', async (t) => {
    const stage = await open(t, 'defect', 1);
    const listening = await stage.primary.start();
    await stage.until(() => count(stage.events(), 'listen') === 2);
    assert.match(stage.log(), /another will take its place/);
    stage.write('plain');
    await stage.primary.reload('test');
    assert.equal(count(stage.events(), 'commit 2'), 2, 'both workers got the new rules');
    assert.match(await stage.page(listening, '/readyz'), /^1 of 1 workers ready/);
    await stage.primary.stop();
    assert.equal(count(stage.events(), 'drain'), 2);
    assert.equal(count(stage.events(), 'listen'), 2);
  });

  it('has a worker started again at once while a reload takes its time', async (t) => {
    const stage = await open(t, 'plain');
    await stage.primary.start();
    const { promise, resolve } = Promise.withResolvers<void>();
    stage.gate.opens = promise;
    const reloaded = stage.primary.reload('test');
    process.kill(Number(stage.events()[0]?.split(' ')[0]), 'SIGKILL');
    await stage.until(() => count(stage.events(), 'listen') === 3);
    resolve();
    await reloaded;
    assert.equal(count(stage.events(), 'commit 2'), 2);
  });

  it('lets no worker listen by rules that were replaced while it started', async (t) => {
    const stage = await open(t, 'plain');
    await stage.primary.start();
    const first = Number(stage.events()[0]?.split(' ')[0]);
    writeFileSync(join(stage.dir, 'hold-1'), '');
    process.kill(first, 'SIGKILL');
    await stage.until(() => count(stage.events(), 'prepare 1') === 3);
    await stage.primary.reload('test');
    assert.equal(count(stage.events(), 'commit 2'), 1, 'who is not there yet holds nobody up');
    rmSync(join(stage.dir, 'hold-1'));
    await stage.until(() => count(stage.events(), 'listen') === 3);
    const successor =
      stage
        .events()
        .findLast((event) => event.endsWith(' listen'))
        ?.split(' ')[0] ?? '';
    const told = stage.events().filter((event) => event.startsWith(`${successor} `));
    assert.deepEqual(
      told.map((event) => event.slice(successor.length + 1)).filter((what) => /prepare|commit|listen/.test(what)),
      ['prepare 1', 'commit 1', 'prepare 2', 'commit 2', 'listen'],
    );
  });

  it('tells a successor which runtime was proven, and the first one nothing', async (t) => {
    const stage = await open(t, 'plain', 1);
    await stage.primary.start();
    assert.equal(count(stage.events(), 'proven x'), 0);
    process.kill(Number(stage.events()[0]?.split(' ')[0]), 'SIGKILL');
    await stage.until(() => count(stage.events(), 'listen') === 2);
    await stage.until(() => count(stage.events(), 'proven x') === 1);
  });

  it('that cannot start says why and leaves no process behind', async (t) => {
    const stage = await open(t, 'deaf');
    await assert.rejects(stage.primary.start(), /no socket for me/);
    const pids = new Set(stage.events().map((event) => Number(event.split(' ')[0])));
    assert.ok(pids.size > 0);
    await stage.primary.stop();
    for (const pid of pids) await goneOf(pid);
    assert.doesNotMatch(stage.log(), /started again/);
  });

  it('counts a worker once that dies while it is asked for its numbers', async (t) => {
    const stage = await open(t, 'plain');
    const listening = await stage.primary.start();
    const total = async () => /^countersign_requests_total (\d+)$/m.exec(await stage.page(listening, '/metrics'))?.[1];
    assert.equal(await total(), '10');
    writeFileSync(join(stage.dir, 'die-when-asked'), '');
    assert.equal(await total(), '10');
    rmSync(join(stage.dir, 'die-when-asked'));
    await stage.until(() => count(stage.events(), 'listen') === 4);
    assert.equal(await total(), '20');
  });

  it('lets workers finish, and ends those that do not in time', async (t) => {
    const stage = await open(t, 'endless');
    await stage.primary.start();
    const stopped = stage.primary.stop();
    await stage.until(() => count(stage.events(), 'drain') === 2);
    // The drain time of the configuration, and two seconds for a worker that hangs.
    stage.clock.pass(12_000);
    await stopped;
    for (const event of stage.events()) await goneOf(Number(event.split(' ')[0]));
  });
});

/** Waits until a process is gone. */
async function goneOf(pid: number): Promise<void> {
  while (isAlive(pid)) await new Promise((resolve) => setImmediate(resolve));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
