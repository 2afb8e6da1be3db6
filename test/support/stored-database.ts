// A store in PostgreSQL that a test writes to as the API would, while gateways read it.
import { systemClock } from '../../src/base/clock.ts';
import { parsePostgresUrl, type PostgresAddress } from '../../src/config/postgres-address.ts';
import { openPostgresStore } from '../../src/postgres/postgres-store.ts';
import type { JsonObject } from '../../src/store/canonical-json.ts';
import type { ObjectChange } from '../../src/store/object.ts';
import { seal } from '../../src/store/seal.ts';
import type { Store } from '../../src/store/store.ts';

const act = { actor: 'user:alice' };

export function addressOf(url: string): PostgresAddress {
  const address = parsePostgresUrl(url, '/');
  if ('problem' in address) throw new Error(address.problem);
  return address;
}

/** To write to; it is made by whoever starts first. */
export async function openDatabaseStore(url: string): Promise<Store> {
  return openPostgresStore({ address: addressOf(url), access: 'write', clock: systemClock });
}

/** One revision on whatever is there; returns its number. */
export async function appendTo(store: Store, changes: readonly ObjectChange[]): Promise<number> {
  const { number: parent } = await store.revisions.head();
  const appended = await store.revisions.append({ ...act, parent, changes });
  if (appended.outcome !== 'appended') throw new Error(appended.outcome);
  return appended.revision.number;
}

/** A change that puts a certificate whose key is sealed with the key of the store. */
export async function sealedChange(store: Store, id: string, cert: string, key: string): Promise<ObjectChange> {
  const [current] = await store.sealed.keys();
  if (current === undefined) throw new Error('the store has no key to seal with');
  const blob = seal(current, { kind: 'certificates', id }, Buffer.from(key));
  await store.sealed.put(blob, act);
  return { kind: 'certificates', id, put: { cert, key: { sealed: blob.digest } } };
}

export const put = (kind: string, id: string, body: JsonObject): ObjectChange => ({ kind, id, put: body });
