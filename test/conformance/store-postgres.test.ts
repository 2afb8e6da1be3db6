// The contract of stores on PostgreSQL, with a real server: a database for each test.
import { after, before } from 'node:test';
import { parsePostgresUrl } from '../../src/config/postgres-address.ts';
import { openPostgresStore } from '../../src/postgres/postgres-store.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { testStore } from './store-contract.ts';

let postgres: Postgres;
before(async () => {
  postgres = await startPostgres();
});
after(async () => postgres[Symbol.asyncDispose]());

testStore('PostgreSQL', async (t, clock) => {
  const address = parsePostgresUrl(await postgres.createDatabase(), '/');
  if ('problem' in address) throw new Error(address.problem);
  const open = async (): Promise<Awaited<ReturnType<typeof openPostgresStore>>> => {
    const store = await openPostgresStore({ address, access: 'write', clock, times: 'ours' });
    t.after(() => store.close());
    return store;
  };
  return { store: await open(), another: open };
});
