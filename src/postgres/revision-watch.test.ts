// What a notification is worth that anybody can send who may connect to the database: a reason to look, and nothing else.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { RevisionHead } from '../store/revision.ts';
import { digestOf } from '../store/digest.ts';
import { RevisionWatch } from './revision-watch.ts';

function open(first: number) {
  let number = first;
  const heads: RevisionHead[] = [];
  let notify: (payload: string) => void = () => {};
  let asked = 0;
  const head = (): RevisionHead => ({ number, digest: digestOf('row', String(number)) });
  const connection = {
    query: async (sql: string) => {
      if (!sql.startsWith('LISTEN')) asked += 1;
      return { rows: sql.startsWith('LISTEN') ? [] : [{ ...head() }], count: 0 };
    },
    onNotification: (act: (payload: string) => void) => (notify = act),
    onEnd: () => {},
    end: async () => {},
    destroy: () => {},
  };
  // No time passes: only notifications make it look.
  const watch = new RevisionWatch(async () => connection, { after: () => () => {} });
  const settled = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const stop = watch.add(
    (told) => heads.push(told),
    (error) => assert.fail(error),
  );
  return {
    heads,
    head,
    stop,
    settled,
    asked: () => asked,
    append: () => (number += 1),
    notify: (payload: string) => notify(payload),
  };
}

it('what was appended between reading a head and listening is told', async () => {
  const { heads, head, settled, append, stop } = open(4);
  append();
  await settled();
  assert.deepEqual(heads, [head()]);
  stop();
});

it('a notification of a revision that is not there keeps no later one from being told', async () => {
  const { heads, head, settled, append, notify, stop } = open(4);
  await settled();
  heads.length = 0;
  notify(`9007199254740991 ${digestOf('row', 'none')}`);
  notify(`5 ${digestOf('row', 'another')}`);
  await settled();
  assert.deepEqual(heads, []);
  append();
  notify('whatever');
  await settled();
  assert.deepEqual(heads, [head()]);
  stop();
});

it('many notifications at once are one look or two, and the last revision is told', async () => {
  const { heads, head, settled, append, notify, asked, stop } = open(0);
  await settled();
  const before = asked();
  for (let i = 0; i < 1_000; i++) {
    append();
    notify(`${i + 1} x`);
  }
  await settled();
  assert.deepEqual(heads.at(-1), head());
  assert.ok(asked() - before <= 2, String(asked() - before));
  stop();
});
