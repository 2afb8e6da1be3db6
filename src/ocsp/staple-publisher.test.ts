import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from '../base/node-http.ts';
import { after, before, describe, it } from 'node:test';
import type { Staple } from './staples.ts';
import type { StapleTarget } from './staple-targets.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { makeCertId } from './request.ts';
import { writeOcspRefusal, writeOcspResponse } from './writer.ts';
import { mintCa, type TestCa } from '../certs/test-ca.ts';
import type { Logger } from '../telemetry/logger.ts';
import { StaplePublisher } from './staple-publisher.ts';

/** A clock that runs timers when the test turns it past them; limits of fetches never come. */
class HandClock {
  at = Math.floor(Date.now() / 1000) * 1000;
  readonly #timers = new Set<{ readonly at: number; readonly act: () => void }>();
  readonly now = (): number => this.at;
  readonly monotonic = (): number => this.at;

  after(delayMs: number, act: () => void): () => void {
    const timer = { at: this.at + delayMs, act };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Delays of the timers that wait, shortest first. */
  get waits(): readonly number[] {
    return [...this.#timers].map(({ at }) => at - this.at).sort((a, b) => a - b);
  }

  turn(ms: number): void {
    this.at += ms;
    for (const timer of this.#timers) {
      if (timer.at > this.at) continue;
      this.#timers.delete(timer);
      timer.act();
    }
  }
}

const hour = 3_600_000;
let ca: TestCa;
let target: StapleTarget;
let answer: () => Buffer = () => writeOcspRefusal(3);
const server = createServer((request, response) => {
  request.resume();
  response.end(answer());
});

before(async () => {
  ca = await mintCa({ cn: 'CA' });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const leaf = readFacts((await ca.issue({ kind: 'server', sans: ['a.test'] })).der);
  const url = new URL(`http://127.0.0.1:${port}/`);
  target = { sha256: leaf.sha256, leaf, issuer: readFacts(ca.der), url, mustStaple: true };
});
after(() => {
  server.closeAllConnections();
  server.close();
});

function says(status: 'good' | 'revoked' | 'unknown', thisUpdate: number, lifeMs = 4 * hour): () => Buffer {
  const responses = [
    { id: makeCertId(target.leaf, target.issuer), status, thisUpdate, nextUpdate: thisUpdate + lifeMs },
  ];
  return () => writeOcspResponse({ signer: ca, responses, producedAt: thisUpdate });
}

function open() {
  const clock = new HandClock();
  const told: (Staple | undefined)[] = [];
  const lines: string[] = [];
  const results: string[] = [];
  let onResult = (): void => {};
  const log = (level: string) => (_fields: object, text: string) => void lines.push(`${level} ${text}`);
  const publisher = new StaplePublisher({
    clock,
    log: { info: log('info'), warn: log('warn'), error: log('error') } as unknown as Logger,
    random: () => 0,
    onStaple: (_sha256, staple) => void told.push(staple),
    onAsked: (result) => {
      results.push(result);
      onResult();
    },
  });
  /** Does something that asks, and waits until the answer was taken. */
  const asking = async (act: () => void): Promise<string> => {
    const done = new Promise<void>((resolve) => (onResult = resolve));
    act();
    await done;
    // What follows the count in the same turn is done too then.
    await Promise.resolve();
    return results.at(-1) ?? '';
  };
  return { clock, told, lines, results, publisher, asking };
}

describe('the publisher of staples', () => {
  it('waits for what a new certificate promises, and not again at every reload for a responder that is dead', async () => {
    const { publisher, results, clock } = open();
    const dead: StapleTarget = { ...target, url: new URL('http://127.0.0.1:9/') };
    await publisher.prepare([dead], 60_000);
    assert.equal(results.length, 1, 'asked once before the start goes on');
    await publisher.prepare([dead], 60_000);
    assert.equal(results.length, 1, 'not waited for a second time');
    assert.ok(!clock.waits.includes(60_000), 'nor by the limit');
    publisher.close();
  });

  it('renews at half of the life, and hands out every renewal', async () => {
    const { clock, told, publisher, asking } = open();
    answer = says('good', clock.at);
    assert.equal(await asking(() => publisher.follow([target])), 'good');
    assert.equal(told[0]?.validUntil, clock.at + 4 * hour);
    assert.deepEqual(clock.waits, [2 * hour]);
    answer = says('good', clock.at + 2 * hour);
    assert.equal(await asking(() => clock.turn(2 * hour)), 'good');
    assert.equal(told.length, 2);
    assert.deepEqual(publisher.status(), [{ subject: 'CN=a.test', validUntil: clock.at + 4 * hour, missing: false }]);
  });

  it('keeps the last one while it holds when a renewal fails, trying less and less often', async () => {
    const { clock, told, lines, publisher, asking } = open();
    answer = says('good', clock.at);
    await asking(() => publisher.follow([target]));
    answer = () => writeOcspRefusal(3);
    const waits: number[] = [];
    for (const delayMs of [2 * hour, 5_000, 10_000]) {
      assert.equal(await asking(() => clock.turn(delayMs)), 'responder_refused');
      waits.push(clock.waits[0] ?? 0);
    }
    assert.deepEqual(waits, [5_000, 10_000, 20_000]);
    assert.equal(told.length, 1);
    assert.deepEqual(lines.slice(1), ['warn OCSP response not renewed: the last one is stapled on']);
    assert.equal(publisher.status()[0]?.missing, false);
    clock.at += 2 * hour;
    assert.equal(publisher.status()[0]?.missing, true);
  });

  it('takes back what it gave when the certificate turns out to be revoked, and an old "good" changes nothing', async () => {
    for (const status of ['revoked', 'unknown'] as const) {
      const { clock, told, lines, publisher, asking } = open();
      answer = says('good', clock.at);
      await asking(() => publisher.follow([target]));
      answer = says(status, clock.at + hour);
      assert.equal(await asking(() => clock.turn(2 * hour)), status);
      assert.deepEqual(told.slice(1), [undefined]);
      assert.match(lines.at(-1) ?? '', /^error OCSP says that our own certificate is not good/);
      answer = says('good', clock.at - 2 * hour);
      assert.equal(await asking(() => clock.turn(10 * 60_000)), 'outdated');
      assert.equal(told.length, 2);
      assert.equal(publisher.status()[0]?.missing, true);
    }
  });

  it('forgets what is configured no more, and asks about what stays no sooner than before', async () => {
    const { clock, told, publisher, asking } = open();
    answer = says('good', clock.at);
    await asking(() => publisher.follow([target]));
    publisher.follow([target]);
    assert.deepEqual(clock.waits, [2 * hour]);
    assert.equal(publisher.list().length, 1);
    publisher.follow([]);
    assert.deepEqual(told.slice(1), [undefined]);
    assert.deepEqual(clock.waits, []);
    assert.deepEqual(publisher.list(), []);
  });
});
