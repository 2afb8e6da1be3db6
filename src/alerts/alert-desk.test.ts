// Several gateways on one store, turn by turn: one of them tells, another goes on after it; what was told is told once, also over restarts and
// while the store is away.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { HandClock } from '../../test/conformance/http1-harness.ts';
import { openTempDir } from '../../test/support/temp.ts';
import { openSqliteStore } from '../sqlite/sqlite-store.ts';
import { makeStoreOnce } from '../loading/open-store-source.ts';
import type { Store } from '../store/store.ts';
import { createLogger } from '../telemetry/logger.ts';
import { AlertDesk, roundMs } from './alert-desk.ts';
import { type AlertMessage, messageSchema } from './message.ts';
import type { Need } from './need.ts';
import type { Attempt, ReceiverView } from './receiver.ts';
import { leaseMs } from './lease.ts';

const receiver: ReceiverView = {
  name: 'pager',
  target: 'https://pager.test',
  format: 'json',
  on: null,
  severity: 'due',
  timeoutMs: 1_000,
  repeatMs: 3_600_000,
  signed: true,
  certificateId: null,
};

function need(id: string, over: Partial<Need> = {}): Need {
  const words = { sentence: `${id} is down`, consequence: 'nothing works', help: 'mend it' };
  return { id, severity: 'failing', kind: 'service', code: 'refused', ...words, since: 0, object: null, ...over };
}

type Stage = {
  readonly clock: HandClock;
  readonly store: Store;
  /** What was sent, by whom. */
  readonly sent: (AlertMessage & { readonly by: string })[];
  /** Of attempts from now on. */
  answers: Partial<Attempt>;
  /** The store can be reached. */
  isThere: boolean;
  open(gateway: string): Gateway;
  /** Rounds of these gateways, one after the other, for so long. */
  turn(ms: number, ...gateways: readonly Gateway[]): Promise<void>;
};

type Gateway = { readonly desk: AlertDesk; needs: readonly Need[] };

async function openStage(t: TestContext): Promise<Stage> {
  const dir = openTempDir('alerts');
  const clock = new HandClock();
  const path = dir.file('store.db');
  await makeStoreOnce({ path }, clock);
  const store = await openSqliteStore({ path, access: 'write', clock });
  t.after(async () => {
    await store.close();
    dir.remove();
  });
  let runs = 0;
  const stage: Stage = {
    clock,
    store,
    sent: [],
    answers: {},
    isThere: true,
    open(name) {
      const gateway: Gateway = {
        needs: [],
        desk: new AlertDesk({
          gateway: name,
          clock,
          log: createLogger({ level: 'off' }),
          random: () => 0.5,
          run: `run${++runs}`,
          look: async () => gateway.needs,
          receivers: async () => [receiver],
          deliver: async (to, { id, body }) => {
            const message = messageSchema.parse(JSON.parse(body));
            assert.deepEqual([message.receiver, message.id], [to, id]);
            stage.sent.push({ ...message, by: name });
            return { at: clock.now(), ms: 1, ok: true, status: 204, code: 'ok', why: '', ...stage.answers };
          },
          records: () => (stage.isThere ? store.records : undefined),
        }),
      };
      return gateway;
    },
    async turn(ms, ...gateways) {
      for (let past = 0; past < ms; past += roundMs) {
        for (const { desk } of gateways) {
          await desk.round();
          await desk.settled();
        }
        clock.turn(roundMs);
      }
    },
  };
  return stage;
}

const alertsOf = ({ sent }: Stage): string[] =>
  sent.flatMap(({ by, alerts }) =>
    alerts.map(({ state, id, gateways }) => `${by}: ${state} ${id} ${gateways.join('+')}`),
  );

describe('one gateway', () => {
  it('tells what begins together in one message, its end in one, and a reminder while it lasts', async (t) => {
    const stage = await openStage(t);
    const one = stage.open('one');
    one.needs = Array.from({ length: 60 }, (_, i) => need(`service:s${i}`));
    await stage.turn(60_000, one);
    const [first] = stage.sent;
    assert.equal(stage.sent.length, 1);
    assert.deepEqual([first?.counts.firing, first?.alerts.length, first?.more], [60, 50, 10]);
    await stage.turn(3_600_000, one);
    assert.equal(stage.sent.length, 2);
    assert.deepEqual(stage.sent[1]?.counts, { firing: 0, worse: 0, reminder: 60, resolved: 0 });
    assert.notEqual(stage.sent[1]?.id, first?.id);
    one.needs = [];
    await stage.turn(60_000, one);
    assert.deepEqual(stage.sent[2]?.counts, { firing: 0, worse: 0, reminder: 0, resolved: 60 });
    await stage.turn(7_200_000, one);
    assert.equal(stage.sent.length, 3);
  });

  it('says nothing of what comes and goes within a moment, and never makes a storm of it', async (t) => {
    const stage = await openStage(t);
    const one = stage.open('one');
    for (let i = 0; i < 360; i++) {
      one.needs = i % 4 < 2 ? [need(`service:s${i % 7}`)] : [];
      await stage.turn(10_000, one);
    }
    assert.ok(stage.sent.length <= 65, `${stage.sent.length} messages in an hour`);
    const flapping = await openStage(t);
    const other = flapping.open('one');
    for (let i = 0; i < 60; i++) {
      other.needs = i % 2 === 0 ? [need('service:flaps')] : [];
      await flapping.turn(10_000, other);
    }
    assert.deepEqual(alertsOf(flapping), ['one: firing service:flaps one']);
  });

  it('tells that something became worse, and something that happened once only', async (t) => {
    const stage = await openStage(t);
    const one = stage.open('one');
    const issuer = need('issuer:p:1', { kind: 'issuer', code: 'new_issuer', severity: 'due', happened: true });
    one.needs = [need('expiry:a', { kind: 'expiry', severity: 'due' }), { ...issuer, since: stage.clock.now() }];
    await stage.turn(30_000, one);
    one.needs = [need('expiry:a', { kind: 'expiry', severity: 'failing' })];
    await stage.turn(30_000, one);
    assert.deepEqual(alertsOf(stage), [
      'one: firing expiry:a one',
      'one: firing issuer:p:1 one',
      'one: worse expiry:a one',
    ]);
  });

  it('goes on after a restart: what was told is known, what is on its way arrives under its id', async (t) => {
    const stage = await openStage(t);
    const before = stage.open('one');
    before.needs = [need('service:a', { since: stage.clock.now() + 1_000 })];
    stage.answers = { ok: false, status: 500, code: 'status', why: 'it answered 500' };
    await stage.turn(20_000, before);
    const tries = stage.sent.length;
    assert.ok(tries >= 1);
    const since = before.desk.alerts[0]?.since;
    const after = stage.open('one');
    after.needs = [need('service:a', { since: stage.clock.now() + 1_000 })];
    stage.answers = {};
    await stage.turn(600_000, after);
    assert.equal(stage.sent.length, tries + 1);
    assert.equal(new Set(stage.sent.map((one) => JSON.stringify(one))).size, 1);
    assert.equal(after.desk.alerts[0]?.since, since);
  });

  it('gives up after an hour, and tells what still holds anew', async (t) => {
    const stage = await openStage(t);
    const one = stage.open('one');
    one.needs = [need('service:a'), need('service:b')];
    stage.answers = { ok: false, status: null, code: 'refused', why: 'connection refused' };
    await stage.turn(3_000_000, one);
    assert.equal(new Set(stage.sent.map(({ id }) => id)).size, 1);
    assert.ok(stage.sent.length < 30, `${stage.sent.length} attempts within an hour`);
    one.needs = [need('service:b')];
    const from = stage.sent.length;
    await stage.turn(900_000, one);
    stage.answers = {};
    await stage.turn(900_000, one);
    const [first] = stage.sent;
    const anew = stage.sent.slice(from).filter(({ id }) => id !== first?.id);
    const later = anew.flatMap(({ alerts }) => alerts.map(({ state, id }) => `${state} ${id}`));
    assert.ok(later.includes('firing service:b'), String(later));
    assert.ok(!later.includes('firing service:a'), String(later));
  });

  it('is silent about what somebody takes care of, until then, and says that it is over', async (t) => {
    const stage = await openStage(t);
    const one = stage.open('one');
    await stage.turn(10_000, one);
    const until = stage.clock.now() + 600_000;
    await one.desk.silence({ alert: 'service:a', until, at: stage.clock.now(), actor: 'user:ann', reason: 'mine' });
    one.needs = [need('service:a')];
    await stage.turn(500_000, one);
    assert.deepEqual(stage.sent, []);
    await stage.turn(200_000, one);
    assert.deepEqual(alertsOf(stage), ['one: firing service:a one']);
  });
});

describe('several gateways', () => {
  it('are one voice: what they say alike is one alert, and another goes on when that one dies', async (t) => {
    const stage = await openStage(t);
    const [one, two, three] = ['one', 'two', 'three'].map((name) => stage.open(name));
    assert.ok(one && two && three);
    for (const gateway of [one, two, three]) gateway.needs = [need('service:a')];
    three.needs = [need('service:a'), need('workers', { kind: 'workers', code: 'draining', severity: 'degraded' })];
    await stage.turn(120_000, one, two, three);
    assert.deepEqual(alertsOf(stage), ['one: firing service:a one+three+two', 'one: firing workers three']);
    assert.match(stage.sent[0]?.alerts[0]?.sentence ?? '', /service:a/);
    // The first dies: what it said is not forgotten at once, and nothing is told twice.
    two.needs = [need('service:a'), need('service:b')];
    await stage.turn(leaseMs + 60_000, two, three);
    const [, , ...later] = alertsOf(stage);
    assert.deepEqual(later, ['two: firing service:b two']);
    for (const gateway of [two, three]) gateway.needs = [];
    await stage.turn(20 * 60_000, two, three);
    const over = alertsOf(stage).filter((line) => line.includes('resolved'));
    assert.deepEqual(over.length, 3, String(over));
  });

  it('each tell the alarm about the store while it is away, under one id, and one of them its end', async (t) => {
    const stage = await openStage(t);
    const [one, two] = [stage.open('one'), stage.open('two')];
    one.needs = two.needs = [need('service:a')];
    await stage.turn(120_000, one, two);
    const from = stage.sent.length;
    stage.isThere = false;
    const store = need('store', { kind: 'store', code: 'io', severity: 'degraded', since: stage.clock.now() });
    one.needs = two.needs = [store, need('service:a')];
    await stage.turn(120_000, one, two);
    const alarms = stage.sent.slice(from);
    assert.deepEqual(alarms.map(({ by }) => by).toSorted(), ['one', 'two']);
    assert.equal(new Set(alarms.map(({ id }) => id)).size, 1);
    assert.deepEqual(
      alarms[0]?.alerts.map(({ id }) => id),
      ['store'],
    );
    stage.isThere = true;
    one.needs = two.needs = [need('service:a')];
    await stage.turn(180_000, one, two);
    const after = stage.sent.slice(from + 2).flatMap(({ alerts }) => alerts.map(({ state, id }) => `${state} ${id}`));
    assert.deepEqual(after, ['resolved store']);
  });
});
