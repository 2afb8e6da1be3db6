// The objects of a revision as YAML that `apply` takes: what stands in the store, in the words of a file. Private keys are references
// to what is sealed. Loads the parser: for who asks for it.
import { Document, isNode } from 'yaml';
import { storedKinds, storedList } from '../config/stored-kinds.ts';
import type { Store } from '../store/store.ts';
import { readHead, type StoredRevision } from './stored-revision.ts';

/** `at`: where it stands, for those of a file. */
export type Exported = { readonly value: unknown; readonly at?: string };
/** By kind. */
export type ExportedLists = ReadonlyMap<string, readonly Exported[]>;

/** Rejects with a StoreProblem. */
export async function exportStored(store: Pick<Store, 'revisions' | 'sealed'>): Promise<string> {
  const head = await readHead(store);
  const { number = 0, digest = '' } = head.revision ?? {};
  return yamlOf(`revision ${number} of the store ${digest}; private keys are sealed`, listsOf(head));
}

/** `about`: the comment in front. */
export function yamlOf(about: string, lists: ExportedLists): string {
  const root: Record<string, Record<string, unknown>> = { gateway: {} };
  for (const [kind, items] of lists) {
    if (items.length === 0) continue;
    const { path } = storedList(kind);
    let around: Record<string, unknown> = root;
    for (const key of path.slice(0, -1)) around = (around[key] ??= {}) as Record<string, unknown>;
    around[path.at(-1) ?? ''] = items.map(({ value }) => value);
  }
  const document = new Document(root);
  for (const [kind, items] of lists)
    for (const [i, { at }] of items.entries()) {
      const node: unknown = document.getIn([...storedList(kind).path, i], true);
      if (at !== undefined && isNode(node)) node.commentBefore = ` ${at}`;
    }
  document.commentBefore = ` ${about}`;
  return document.toString({ lineWidth: 0 });
}

function listsOf({ objects }: StoredRevision): ExportedLists {
  return new Map(
    storedKinds.map((kind) => {
      const { nameKey } = storedList(kind);
      const own = objects.filter((one) => one.kind === kind);
      return [kind, own.map(({ id, body }) => ({ value: { [nameKey]: id, ...body } }))];
    }),
  );
}
