import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { type Page, SharedPage } from './shared-page.ts';

function open() {
  const makings: { resolve: (page: Page) => void; reject: (error: Error) => void }[] = [];
  const time = { now: 0 };
  const clock = { ...systemClock, monotonic: () => time.now };
  const page = new SharedPage(
    clock,
    async () =>
      new Promise((resolve, reject) => {
        makings.push({ resolve, reject });
      }),
  );
  return { page, makings, time };
}

test('a page is made once for all who ask while it is made', async () => {
  const { page, makings } = open();
  const readers = Array.from({ length: 40 }, async () => page.take());
  assert.equal(makings.length, 1);
  makings[0]?.resolve({ text: 'ä', costMs: 0 });
  for (const body of await Promise.all(readers)) assert.equal(body.toString(), 'ä');
});

test('the next reader gets a new page, unless the last one was dear and is young', async () => {
  const { page, makings, time } = open();
  const next = async (n: number, costMs: number): Promise<string> => {
    const taken = page.take();
    makings[n]?.resolve({ text: String(n), costMs });
    return (await taken).toString();
  };
  assert.equal(await next(0, 99), '0');
  assert.equal(await next(1, 100), '1', 'it cost little: a new one');
  time.now = 399;
  assert.equal((await page.take()).toString(), '1');
  time.now = 400;
  assert.equal(await next(2, 10_000), '2');
  time.now = 1_399;
  assert.equal((await page.take()).toString(), '2');
  time.now = 1_400;
  assert.equal(await next(3, 0), '3', 'never older than a second');
});

test('a failure is told to all who waited, and not kept', async () => {
  const { page, makings } = open();
  const readers = [page.take(), page.take()];
  makings[0]?.reject(new Error('no'));
  for (const reader of readers) await assert.rejects(reader, /no/);
  const again = page.take();
  makings[1]?.resolve({ text: 'a', costMs: 0 });
  assert.equal((await again).toString(), 'a');
});
