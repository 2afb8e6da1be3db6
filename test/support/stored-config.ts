// A store that a test writes to as the API would, while a source reads it over a connection of its own.
import type { TestContext } from 'node:test';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { makeStoreOnce, storeSourceOf } from '../../src/loading/open-store-source.ts';
import { readOpener } from '../../src/loading/read-opener.ts';
import type { StoreSource } from '../../src/loading/store-source.ts';
import { openSqliteStore } from '../../src/sqlite/sqlite-store.ts';
import type { JsonObject } from '../../src/store/canonical-json.ts';
import type { ObjectChange } from '../../src/store/object.ts';
import { seal } from '../../src/store/seal.ts';
import type { Store } from '../../src/store/store.ts';
import { openTempDir, type TempDir } from './temp.ts';

const act = { actor: 'user:alice' };

export type WrittenStore = {
  readonly dir: TempDir;
  readonly path: string;
  readonly store: Store;
  /** Reads it beside the main file `file`; a last good revision stands beside the store. */
  readonly source: (file: string, clock?: Clock) => StoreSource;
  /** Each is a revision; SQLite works underneath before they return. */
  readonly put: (kind: string, id: string, body: JsonObject) => void;
  readonly putSealed: (kind: string, id: string, body: JsonObject, key: string) => void;
  readonly remove: (kind: string, id: string) => void;
  readonly append: (changes: readonly ObjectChange[]) => void;
  /** What stands for a key in an object; it is in the store then. */
  readonly sealFor: (kind: string, id: string, key: string) => JsonObject;
  readonly close: () => Promise<void>;
};

/** In `dir`, which must be private; without it in a folder of its own that goes with the test. */
export async function openWrittenStore(dir: TempDir): Promise<WrittenStore> {
  const path = dir.file('store.db');
  await makeStoreOnce({ path }, systemClock);
  const opener = readOpener({ path });
  const [key] = opener?.publicParts() ?? [];
  if (key === undefined) throw new Error('the store has no opening key');
  const store = await openSqliteStore({ path, access: 'write', clock: systemClock });
  let parent = (await store.revisions.head()).number;
  const append = (changes: readonly ObjectChange[]): void => {
    void store.revisions.append({ ...act, parent, changes });
    parent++;
  };
  const sealFor = (kind: string, id: string, secret: string): JsonObject => {
    const blob = seal(key, { kind, id }, Buffer.from(secret));
    void store.sealed.put(blob, act);
    return { sealed: blob.digest };
  };
  return {
    dir,
    path,
    store,
    source: (file, clock = systemClock) => storeSourceOf({ file, store: { path }, clock, mayFallBack: true }),
    put: (kind, id, body) => append([{ kind, id, put: body }]),
    putSealed: (kind, id, body, secret) => append([{ kind, id, put: { ...body, key: sealFor(kind, id, secret) } }]),
    remove: (kind, id) => append([{ kind, id, remove: true }]),
    append,
    sealFor,
    close: async () => store.close(),
  };
}

export async function openStoreToWrite(t: TestContext): Promise<WrittenStore> {
  const dir = openTempDir('stored');
  const written = await openWrittenStore(dir);
  t.after(async () => {
    await written.close();
    dir.remove();
  });
  return written;
}
