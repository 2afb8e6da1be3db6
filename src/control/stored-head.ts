// The newest revision of the store as this process knows it: read once for each revision, since lists, single objects and
// every change look at it.
import type { ObjectName, StoredObject } from '../store/object.ts';
import { objectKey } from '../store/object.ts';
import type { Store } from '../store/store.ts';
import { StoreProblem } from '../store/store-problem.ts';

export type StoredState = {
  /** 0: there is none yet. */
  readonly revision: number;
  find(name: ObjectName): StoredObject | undefined;
  /** In the order of the ids. */
  list(kind: string): readonly StoredObject[];
};

export class StoredHead {
  readonly #store: Pick<Store, 'revisions'>;
  #known: { readonly digest: string; readonly state: StoredState } | undefined;

  constructor(store: Pick<Store, 'revisions'>) {
    this.#store = store;
  }

  /** Rejects with a StoreProblem; `altered` where it is not what its digest says. */
  async read(): Promise<StoredState> {
    const { revisions } = this.#store;
    const head = await revisions.head();
    if (this.#known?.digest === head.digest) return this.#known.state;
    const read = head.number === 0 ? { objects: [] } : await revisions.read(head.number);
    if (read === undefined) throw new StoreProblem('altered', `revision ${head.number} is not there any more`);
    const byKey = new Map(read.objects.map((one) => [objectKey(one), one]));
    const byKind = Map.groupBy(read.objects, ({ kind }) => kind);
    const state: StoredState = {
      revision: head.number,
      find: (name) => byKey.get(objectKey(name)),
      list: (kind) => byKind.get(kind) ?? [],
    };
    this.#known = { digest: head.digest, state };
    return state;
  }
}
