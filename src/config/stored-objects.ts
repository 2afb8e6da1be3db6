// Objects of a store, put into the tree of the main file as if they were written there: the same shapes read them, what stands
// in the file can refer to them and they to it, and a name that both have is a name that stands twice.
import type { Place } from '../yaml/place.ts';
import { findStoredKind, type StoredKind, storedKinds } from './stored-kinds.ts';
import { yamlLimits } from '../yaml/limits.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { treeOfJson } from '../yaml/json-tree.ts';
import { quote, type TreeList, type TreeNode } from '../yaml/tree.ts';

/** Plain data: it goes to the process that reads the configuration. */
export type StoredObjects = {
  /** What messages call it: `store revision 12`. */
  readonly name: string;
  /** Its number; absent where it is proposed, and none yet. */
  readonly revision?: number;
  readonly objects: readonly StoredDocument[];
};

export type StoredDocument = {
  /** One of `storedKinds`; another is an error. */
  readonly kind: string;
  /** Its name in the configuration. */
  readonly id: string;
  /** In the words of the configuration; a private key is `{sealed: DIGEST}`. */
  readonly body: unknown;
  /** It stands in for what the file has under the name: for who looks at a change of that. Default: both are there. */
  readonly inPlaceOfFile?: boolean;
};

/** Where an object of a store stands. `name`: of the revision. */
export function storedPlace(name: string, kind: string, id: string): Place & Required<Pick<Place, 'stored'>> {
  const noun = findStoredKind(kind)?.noun ?? kind;
  return { file: `${name}, ${noun} ${id}`, line: 1, col: 1, stored: { kind, id, pointer: '' } };
}

/** The id under which the source has what is sealed at `pointer` of an object; a message may show it. */
export function sealedMaterialId(kind: string, id: string, pointer: string): string {
  return `${kind}/${encodeURIComponent(id)}${pointer}`;
}

/** What is sealed in a document, by that id. */
export function listSealed({ kind, id, body }: StoredDocument): Map<string, string> {
  const found = new Map<string, string>();
  treeOfJson(body, {
    place: storedPlace('', kind, id),
    materialId: (value, name, around, pointer) => {
      const digest = sealedIn(value, name, around);
      if (digest === undefined) return undefined;
      const materialId = sealedMaterialId(kind, id, pointer);
      found.set(materialId, digest);
      return materialId;
    },
  });
  return found;
}

const digestPattern = /^[0-9a-f]{64}$/;
/** A private key, by the certificate that stands beside it: nowhere else is anything sealed. */
const keyBeside: Readonly<Record<string, string>> = { key: 'cert', clientKey: 'clientCert' };

function sealedIn(value: object, name: string, around: object): string | undefined {
  const certificate = Object.hasOwn(keyBeside, name) ? keyBeside[name] : undefined;
  if (certificate === undefined || !Object.hasOwn(around, certificate)) return undefined;
  const members = Object.entries(value);
  const [only] = members;
  if (members.length !== 1 || only?.[0] !== 'sealed') return undefined;
  return typeof only[1] === 'string' && digestPattern.test(only[1]) ? only[1] : undefined;
}

/** The tree with the objects in it, after those of the file. `root` is changed as little as an alias allows. */
export function addStoredObjects(
  root: TreeNode | undefined,
  { name, objects }: StoredObjects,
  file: string,
  problems: ProblemList,
): TreeNode | undefined {
  if (objects.length === 0) return root;
  const place = { file, line: 1, col: 1 };
  const bytes = objects.reduce((sum, { body }) => sum + Buffer.byteLength(JSON.stringify(body) ?? ''), 0);
  if (bytes > yamlLimits.totalBytes) {
    problems.error(
      'store_too_large',
      { file: name, line: 1, col: 1, stored: { kind: '', id: '', pointer: '' } },
      `the objects have ${bytes} bytes, over the limit of ${yamlLimits.totalBytes}`,
      'Remove what is not needed any more.',
    );
    return root;
  }
  const tree = root ?? { kind: 'map' as const, entries: new Map(), place };
  for (const kind of new Set(objects.map((one) => one.kind))) {
    const found = findStoredKind(kind);
    const members = objects.filter((one) => one.kind === kind);
    if (found !== undefined) {
      const list = listAt(tree, found.path, place);
      const replaced = new Set(members.filter((one) => one.inPlaceOfFile === true).map(({ id }) => id));
      if (list !== undefined && replaced.size > 0)
        list.items.splice(0, list.items.length, ...list.items.filter((item) => !replaced.has(idOf(item, found))));
      list?.items.push(...members.map((one) => nodeOf(one, name, found, problems)));
      continue;
    }
    for (const { id } of members)
      problems.error(
        'unknown_kind',
        storedPlace(name, kind, id),
        `there are no objects of the kind ${quote(kind)} in a configuration`,
        `A store holds ${storedKinds.join(', ')}.`,
      );
  }
  return tree;
}

function nodeOf(object: StoredDocument, revision: string, { nameKey }: StoredKind, problems: ProblemList): TreeNode {
  const { kind, id, body } = object;
  const place = storedPlace(revision, kind, id);
  const node = treeOfJson(body, {
    place,
    materialId: (value, name, around, pointer) =>
      sealedIn(value, name, around) === undefined ? undefined : sealedMaterialId(kind, id, pointer),
  });
  // What is no map is told of by the shape.
  if (node.kind !== 'map') return node;
  const written = node.entries.get(nameKey)?.value;
  if (written !== undefined && (written.kind !== 'scalar' || written.text !== id))
    problems.error(
      'contradiction',
      written.place,
      `the ${nameKey} is not that of the object, ${quote(id)}`,
      `Leave ${nameKey} out: the object of the store has it.`,
    );
  const value = { kind: 'scalar', text: id, isNull: false, broken: false, substituted: false, place } as const;
  node.entries.set(nameKey, { keyPlace: place, value });
  return node;
}

/** '' where it has none. */
function idOf(item: TreeNode, { nameKey }: StoredKind): string {
  const name = item.kind === 'map' ? item.entries.get(nameKey)?.value : undefined;
  return name?.kind === 'scalar' ? name.text : '';
}

/** A copy of the list at `path`, put there; made where there is none, undefined where something else stands. */
function listAt(root: TreeNode, path: readonly string[], place: Place): TreeList | undefined {
  let around: TreeNode = root;
  for (const [i, key] of path.entries()) {
    if (around.kind !== 'map') return undefined;
    const entry = around.entries.get(key);
    const isAbsent =
      entry === undefined || (entry.value.kind === 'scalar' && entry.value.isNull && !entry.value.broken);
    const next = isAbsent ? emptyNode(i === path.length - 1, place) : copyOf(entry.value);
    if (next === undefined) return undefined;
    around.entries.set(key, { keyPlace: entry?.keyPlace ?? place, value: next });
    around = next;
  }
  return around.kind === 'list' ? around : undefined;
}

function emptyNode(isList: boolean, place: Place): TreeNode {
  return isList ? { kind: 'list', items: [], place } : { kind: 'map', entries: new Map(), place };
}

/** What an alias shares must not change elsewhere. */
function copyOf(node: TreeNode): TreeNode | undefined {
  if (node.kind === 'scalar') return undefined;
  return node.kind === 'list' ? { ...node, items: [...node.items] } : { ...node, entries: new Map(node.entries) };
}
