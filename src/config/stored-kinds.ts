// The kinds of objects that a store holds, and where each would stand in a file. Apart from stored-objects.ts, so that who only names
// them does not load the parser.

export type StoredKind = {
  /** Where the list stands. */
  readonly path: readonly string[];
  /** The key that the id of the object is the value of. */
  readonly nameKey: 'id' | 'name';
  readonly noun: string;
};

const kinds: ReadonlyMap<string, StoredKind> = new Map([
  ['certificates', { path: ['gateway', 'certificates'], nameKey: 'id', noun: 'certificate' }],
  ['caBundles', { path: ['gateway', 'caBundles'], nameKey: 'id', noun: 'CA bundle' }],
  ['services', { path: ['gateway', 'services'], nameKey: 'name', noun: 'service' }],
  ['middlewares', { path: ['middlewares'], nameKey: 'name', noun: 'middleware' }],
  ['routes', { path: ['gateway', 'routes'], nameKey: 'name', noun: 'route' }],
  ['policies', { path: ['gateway', 'tls', 'policies'], nameKey: 'name', noun: 'policy' }],
]);

/** What a store can hold, in the order in which one refers to the other. */
export const storedKinds: readonly string[] = [...kinds.keys()];

/** Where the list of a kind stands in a configuration, and the key of its items that is the id. Throws for another kind. */
export function storedList(kind: string): StoredKind {
  const found = kinds.get(kind);
  if (found === undefined) throw new Error(`no kind of objects: ${kind}`);
  return found;
}

export function findStoredKind(kind: string): StoredKind | undefined {
  return kinds.get(kind);
}
