// A process that appends to a store, for tests of several writers and of writers that are killed. Arguments: the file (`env`: the
// database in STORE_URL), what to do, how often. A line on standard output for each step, written before the process goes on.
import { writeSync } from 'node:fs';
import { systemClock } from '../../src/base/clock.ts';
import { openPostgresStore } from '../../src/postgres/postgres-store.ts';
import { openSqliteStore } from '../../src/sqlite/sqlite-store.ts';
import type { Store } from '../../src/store/store.ts';
import { StoreProblem } from '../../src/store/store-problem.ts';
import { addressOf } from '../support/stored-database.ts';

const [path = '', what = '', count = '1'] = process.argv.slice(2);
const say = (...words: readonly (string | number)[]): void => {
  writeSync(1, `${words.join(' ')}\n`);
};

try {
  const store = await open();
  if (what === 'race') await race();
  else await grow();
  await store.close();

  async function open(): Promise<Store> {
    const url = process.env['STORE_URL'];
    if (path !== 'env' || url === undefined)
      return openSqliteStore({ path, access: 'write', clock: systemClock, busyMs: 60_000 });
    return openPostgresStore({
      address: addressOf(url),
      access: 'write',
      clock: systemClock,
      lockMs: 50_000,
      queryMs: 60_000,
    });
  }

  /** One object of its own each time, planned on whatever is there: who is behind plans again. */
  async function race(): Promise<void> {
    for (let done = 0, behind = 0; done < Number(count); ) {
      const { number: parent } = await store.revisions.head();
      const changes = [{ kind: 'services', id: `${process.pid}-${done}`, put: { number: done } }];
      const { outcome } = await store.revisions.append({ actor: `process:${process.pid}`, parent, changes });
      if (outcome === 'appended') done += 1;
      else behind += 1;
      if (done === Number(count)) say('behind', behind);
    }
  }

  /** Revisions that take a while: all objects change. */
  async function grow(): Promise<void> {
    for (;;) {
      const { number: parent } = await store.revisions.head();
      const changes = Array.from({ length: Number(count) }, (_, at) => ({
        kind: 'services',
        id: `s${at}`,
        put: { of: parent + 1, at, text: 'x'.repeat(500) },
      }));
      say('begin', parent + 1);
      await store.revisions.append({ actor: 'system', parent, changes });
      say('done', parent + 1);
    }
  }
} catch (error) {
  if (!(error instanceof StoreProblem)) throw error;
  say('problem', error.code);
}
