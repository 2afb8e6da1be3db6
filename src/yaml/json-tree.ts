// A document of JSON to the tree that YAML text becomes (tree.ts), so that the same shapes read both. Every value knows its
// JSON Pointer. What stands there is taken as it is: no variable of the environment is put in.
import type { Place } from './place.ts';
import type { TreeEntry, TreeNode, TreeScalar } from './tree.ts';

export type JsonTreeOptions = {
  /** Of the document; `stored.pointer` is where it begins. */
  readonly place: Place & Required<Pick<Place, 'stored'>>;
  /** What stands for a value that is kept elsewhere: its id, from the members of an object and the pointer. */
  readonly materialId: (value: object, name: string, around: object, pointer: string) => string | undefined;
};

/** Values and levels are limited by who hands the document over. */
export function treeOfJson(value: unknown, { place, materialId }: JsonTreeOptions): TreeNode {
  if (Array.isArray(value)) {
    const items = value.map((item, i) => treeOfJson(item, { place: below(place, String(i)), materialId }));
    return { kind: 'list', items, place };
  }
  if (typeof value !== 'object' || value === null) return scalar(value, place);
  const entries = new Map<string, TreeEntry>();
  for (const [name, member] of Object.entries(value)) {
    const here = below(place, name);
    const id =
      typeof member === 'object' && member !== null
        ? materialId(member as object, name, value, here.stored.pointer)
        : undefined;
    const node =
      id === undefined ? treeOfJson(member, { place: here, materialId }) : { ...scalar('', here), materialId: id };
    entries.set(name, { keyPlace: here, value: node });
  }
  return { kind: 'map', entries, place };
}

/** `value`: a string, number, boolean or null. */
function scalar(value: unknown, place: Place): TreeScalar {
  const text = typeof value === 'string' ? value : value === null ? '' : JSON.stringify(value);
  return { kind: 'scalar', text, isNull: value === null, broken: false, substituted: false, place };
}

function below(place: JsonTreeOptions['place'], step: string): JsonTreeOptions['place'] {
  const { kind, id, pointer } = place.stored;
  const name = step.replaceAll('~', '~0').replaceAll('/', '~1');
  return { ...place, stored: { kind, id, pointer: `${pointer}/${name}` } };
}
