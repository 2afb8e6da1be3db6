// Opens the store that a location names, whatever it is kept in: who has none of a kind loads nothing of it.
import type { Clock } from '../base/clock.ts';
import type { PostgresAddress } from '../config/postgres-address.ts';
import type { StoreLocation } from '../config/store-location.ts';
import type { VerifiedSoFar } from '../postgres/verify-database.ts';
import type { Store } from '../store/store.ts';

export type StoreAddress = Pick<StoreLocation, 'path' | 'postgres'>;

export type OpenStoreOptions = {
  /** `read` neither makes nor changes it. */
  readonly access: 'read' | 'write';
  readonly clock: Clock;
  /** Of a file: how long to wait for another process that writes; the event loop waits as well. */
  readonly busyMs?: number;
  /** What of the gateway opens it: the database shows it to who looks after it. */
  readonly as: 'primary' | 'control' | 'command';
  /** Of a database: `verify` goes on from there. */
  readonly soFar?: VerifiedSoFar | undefined;
};

/** Rejects with a StoreProblem. */
export async function openStore({ path, postgres }: StoreAddress, options: OpenStoreOptions): Promise<Store> {
  const { access, clock, busyMs, as, soFar } = options;
  if (postgres === undefined) {
    const { openSqliteStore } = await import('../sqlite/sqlite-store.ts');
    return openSqliteStore({ path, access, clock, ...(busyMs !== undefined && { busyMs }) });
  }
  const { openPostgresStore } = await import('../postgres/postgres-store.ts');
  return openPostgresStore({
    address: postgres,
    access,
    clock,
    applicationName: `countersign ${as}`,
    ...(soFar && { soFar }),
    // A backup that somebody waits for may take its time.
    ...(as === 'command' && { queryMs: 60_000, lockMs: 20_000 }),
    backup: async (to, tables) => {
      const { writeTables } = await import('../sqlite/write-tables.ts');
      await writeTables(to, tables);
    },
  });
}

/** Rejects with a StoreProblem; `duplicate` where the database holds a store already. */
export async function copyIntoDatabase(file: string, postgres: PostgresAddress, clock: Clock): Promise<void> {
  const [{ readTables }, { fillPostgresStore }] = await Promise.all([
    import('../sqlite/read-tables.ts'),
    import('../postgres/fill-tables.ts'),
  ]);
  await fillPostgresStore({ address: postgres, clock }, readTables(file));
}

/** To write to, and never a new one. Rejects with a StoreProblem. */
export async function openExistingStore(
  address: StoreAddress,
  options: Omit<OpenStoreOptions, 'access'>,
): Promise<Store> {
  await (await openStore(address, { ...options, access: 'read' })).close();
  return openStore(address, { ...options, access: 'write' });
}
