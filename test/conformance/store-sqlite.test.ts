// The contract of stores on SQLite, embedded.
import { openSqliteStore } from '../../src/sqlite/sqlite-store.ts';
import { openTempDir } from '../support/temp.ts';
import { testStore } from './store-contract.ts';

testStore('SQLite', async (t, clock) => {
  const dir = openTempDir('store');
  const open = async (): Promise<Awaited<ReturnType<typeof openSqliteStore>>> => {
    const store = await openSqliteStore({ path: dir.file('store.db'), access: 'write', clock });
    t.after(() => store.close());
    return store;
  };
  const store = await open();
  t.after(() => dir.remove());
  return { store, another: open };
});
