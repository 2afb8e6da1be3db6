// The control process from its primary's side: what it is given, what it may ask, and that it comes back as long as it should.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { openTempDir, type TempDir } from '../../test/support/temp.ts';
import { eventually } from '../../test/support/wait-for.ts';
import { existsSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type Clock, systemClock } from '../base/clock.ts';
import { createServer, get } from '../base/node-http.ts';
import { CrlPublisher } from '../crl/publisher.ts';
import { FileSource } from '../loading/file-source.ts';
import { loadConfig } from '../config/load-config.ts';
import { loadGateway } from '../loading/load.ts';
import { createLogger } from '../telemetry/logger.ts';
import { ActiveConfig } from './active-config.ts';
import { ControlProcess } from './control-process.ts';
import { StatusReader } from './gateway-status.ts';

/** Writes down what it gets, asks what it is told to, and dies where there is a file `die`. */
const entry = `
import { appendFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
const dir = import.meta.dirname;
const note = (value) => appendFileSync(join(dir, 'events'), JSON.stringify(value) + '\\n');
process.on('message', (message) => {
  if (message.kind === 'ping') return process.send({ kind: 'pong' });
  note({ message, pid: process.pid });
  if (message.kind !== 'start') return;
  note({ variables: Object.keys(process.env) });
  if (existsSync(join(dir, 'die'))) { rmSync(join(dir, 'die')); process.exit(3); }
  const ask = (id, topic, asked) => process.send({ kind: 'ask', id, question: { topic, asked } });
  ask(1, 'view', { known: 0 });
  ask(2, 'view', { known: 1 });
  ask(3, 'status', null);
  ask(4, 'probe', { service: 'nobody', change: null });
  ask(5, 'match', { method: 'GET', url: 'https://a.test/x', headers: [] });
  ask(6, 'match', { method: 'GET', url: 'no url', headers: [] });
});
process.on('disconnect', () => process.exit(0));
`;

type Event = { readonly message?: Record<string, unknown>; readonly variables?: string[]; readonly pid?: number };

/** Serves requests, and says nothing before it gets SIGHUP. */
const silentEntry = `
import { renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http2';
import { Socket } from 'node:net';
import { join } from 'node:path';
createServer((request, response) => response.end('served')).emit('connection', new Socket({ fd: 4 }));
process.on('SIGHUP', () => process.send({ kind: 'pong' }));
process.on('message', ({ kind }) => {
  if (kind !== 'start') return;
  writeFileSync(join(import.meta.dirname, 'pid.new'), String(process.pid));
  renameSync(join(import.meta.dirname, 'pid.new'), join(import.meta.dirname, 'pid'));
});
process.on('disconnect', () => process.exit(0));
`;

async function open(
  t: TestContext,
  more: { readonly entry?: string; readonly clock?: Clock } = {},
): Promise<{ dir: TempDir; control: ControlProcess; events: () => Event[] }> {
  const dir = openTempDir('control-process');
  const file = dir.write(
    'gateway.yml',
    'version: 2\ngateway:\n  routes:\n    - {name: a, path: /, target: "http://b.test:1"}\n',
  );
  const { loaded } = await loadGateway(new FileSource(file), {
    env: {},
    strict: true,
    clock: systemClock,
    read: loadConfig,
  });
  assert.ok(loaded !== undefined);
  const active = new ActiveConfig(loaded, systemClock);
  const control = new ControlProcess({
    clock: more.clock ?? systemClock,
    log: createLogger({ level: 'off' }),
    store: { path: '/store.db' },
    entry: dir.write('entry.mjs', more.entry ?? entry),
    active,
    drift: { report: () => {} },
    status: new StatusReader({
      clock: systemClock,
      active,
      workers: { list: () => [] },
      reloader: { refused: undefined },
      drift: { list: [] },
      storeState: undefined,
      controlEnds: () => [],
      crls: new CrlPublisher({ clock: systemClock }),
    }),
    traffic: { read: async () => [] },
    failures: { connect: () => {}, taken: () => {} },
    workers: { list: () => [] },
    trust: { crls: new CrlPublisher({ clock: systemClock }), record: undefined, sources: undefined },
    reloader: { reload: async () => assert.fail('nobody reloads') },
    seen: async () => undefined,
    storeState: () => ({ up: true, revision: 0, digest: null, tried: 0, readAt: undefined }),
    onFiring: () => {},
    onEnd: () => {},
    planning: { file, strict: true, env: {}, store: { path: '/store.db' } },
  });
  dir.write('events', '');
  t.after(() => {
    control.stop();
    dir.remove();
  });
  const events = (): Event[] =>
    readFileSync(dir.file('events'), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Event);
  return { dir, control, events };
}

const starts = (events: Event[]): Event[] => events.filter(({ message }) => message?.['kind'] === 'start');

describe('the control process', () => {
  it('gets the store and its address, no variable that may be a secret, and an answer to what it asks', async (t) => {
    process.env['CONTROL_TEST_SECRET'] = 'geheim';
    t.after(() => delete process.env['CONTROL_TEST_SECRET']);
    const { control, events } = await open(t);
    control.start('http://localhost:9901');
    const answers = (): Map<unknown, Record<string, unknown>> =>
      new Map(
        events().flatMap(({ message }): [unknown, Record<string, unknown>][] =>
          message === undefined || message['kind'] === 'start' ? [] : [[message['id'], message]],
        ),
      );
    await eventually(async () => Promise.resolve(answers().size === 6), { what: 'six answers' });
    const start = starts(events())[0]?.message?.['start'] as { store: object; url: string };
    assert.deepEqual([start.store, start.url], [{ path: '/store.db' }, 'http://localhost:9901']);
    const variables = events().find((event) => event.variables !== undefined)?.variables ?? [];
    assert.ok(variables.includes('PATH') && !variables.includes('CONTROL_TEST_SECRET'), variables.join());
    const answer = (id: number): unknown => answers().get(id)?.['answer'];
    assert.deepEqual((answer(1) as { routes: { id: string }[] }).routes[0]?.id, 'a');
    assert.equal(answer(2), null);
    assert.partialDeepStrictEqual(answer(3), { generation: 1, revision: 0, refused: null, workers: [] });
    assert.match(JSON.stringify(answers().get(4)?.['why']), /"code":"absent"/);
    assert.deepEqual((answer(5) as { route: { name: string; file: string } }).route.file, 'gateway.yml');
    assert.match(JSON.stringify(answers().get(6)?.['why']), /"code":"invalid"/);
  });

  it('gets no request while it has not been heard of for long, and gets the next once it is', async (t) => {
    let round = (): void => {};
    const clock: Clock = {
      ...systemClock,
      after: (ms, act) => {
        if (ms !== 1_000) return systemClock.after(ms, act);
        round = act;
        return () => {};
      },
    };
    const { dir, control } = await open(t, { entry: silentEntry, clock });
    control.start('http://localhost:9901');
    const server = createServer((request, response) => void control.answer(request, response)).listen(0, '127.0.0.1');
    t.after(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const status = async (): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        get({ host: '127.0.0.1', port, agent: false }, (answer) => resolve(answer.resume().statusCode)).on(
          'error',
          reject,
        );
      });
    await eventually(() => existsSync(dir.file('pid')), { what: 'the process' });
    assert.equal(await status(), 200);
    for (let rounds = 0; rounds < 4; rounds += 1) round();
    assert.equal(await status(), 503);
    process.kill(Number(readFileSync(dir.file('pid'), 'utf8')), 'SIGHUP');
    await eventually(async () => (await status()) === 200, { what: 'an answer, without another round' });
  });

  it('is started again where it ends, and not where it was told to', async (t) => {
    const { dir, control, events } = await open(t);
    dir.write('die', '');
    control.start('http://localhost:9901');
    await eventually(async () => Promise.resolve(starts(events()).length === 2), { what: 'the second one' });
    const pid = starts(events())[1]?.pid ?? 0;
    control.stop();
    await eventually(
      async () => {
        try {
          process.kill(pid, 0);
          return Promise.resolve(false);
        } catch {
          return Promise.resolve(true);
        }
      },
      { what: 'its end' },
    );
    assert.equal(starts(events()).length, 2);
  });
});
