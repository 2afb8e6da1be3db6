// A revision that nobody made yet, loaded: the objects of the newest one with changes, beside the main file, by the very loader that
// `run` uses. Nothing is written.
import { CrlPublisher } from '../crl/publisher.ts';
import type { CrlLookup } from '../crl/subscriber.ts';
import type { Clock } from '../base/clock.ts';
import { fetchAlone, type SharedFetches } from '../base/shared-fetch.ts';
import type { StoredDocument } from '../config/stored-objects.ts';
import { loadGateway, type LoadOptions } from '../loading/load.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import { ProposedSource } from '../loading/proposed-source.ts';
import { headOf, readHead, readSealed, type StoredRevision } from '../loading/stored-revision.ts';
import {
  checkObjectName,
  compareNames,
  type ObjectChange,
  objectKey,
  prepareObject,
  type StoredObject,
} from '../store/object.ts';
import type { Opener } from '../store/seal.ts';
import type { SealedBlob } from '../store/sealed.ts';
import type { Store } from '../store/store.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { Problem } from '../yaml/problem.ts';

export type ProposalOptions = Pick<LoadOptions, 'env' | 'strict' | 'read' | 'sources'> & {
  /** The main file. */
  readonly file: string;
  /** Only read. */
  readonly store: Pick<Store, 'revisions' | 'sealed'>;
  /** Without it certificates whose keys are sealed cannot be checked, which is an error each. */
  readonly opener: Opener | undefined;
  readonly clock: Clock;
  /** Of CRLs, with the other gateways: without it each plan asks the servers itself. */
  readonly fetches?: SharedFetches | undefined;
  /** Sealed keys that the changes refer to and that are not in the store yet, by digest. */
  readonly pending?: ReadonlyMap<string, SealedBlob>;
  /** What is changed stands in for what the file has under the name, to look at what would come of it. Default: a name that stands twice. */
  readonly inPlaceOfFile?: boolean;
};

export type Proposed = {
  readonly head: StoredRevision;
  readonly documents: readonly StoredDocument[];
  readonly problems: readonly Problem[];
  /** Undefined where any problem is an error. */
  readonly loaded: { readonly loaded: LoadedConfig; readonly crls: CrlLookup } | undefined;
};

/** Rejects with a StoreProblem: the store cannot be read, or a change is none that it would take. */
export async function proposeRevision(changes: readonly ObjectChange[], options: ProposalOptions): Promise<Proposed> {
  const { store, inPlaceOfFile = false } = options;
  const head = await readHead(store);
  const documents = await applyChanges(store, head.objects, changes);
  const changed = new Set(changes.map(objectKey));
  const objects = documents.map((one) =>
    inPlaceOfFile && changed.has(objectKey(one)) ? { ...one, inPlaceOfFile } : one,
  );
  const name = `proposed revision ${headOf(head).number + 1}`;
  const sealed = await readSealed(store, documents, options.pending);
  return { head, documents, ...(await loadObjects({ name, objects, sealed }, options)) };
}

/** The newest revision, as it is. `loaded` undefined: it cannot be loaded. */
export async function loadHead(
  { objects, sealed, revision }: StoredRevision,
  options: ProposalOptions,
): Promise<Proposed['loaded']> {
  const name = `store revision ${revision?.number ?? 0}`;
  return (await loadObjects({ name, objects, sealed }, options)).loaded;
}

async function loadObjects(
  objects: Pick<ConstructorParameters<typeof ProposedSource>[0], 'name' | 'objects' | 'sealed'>,
  { file, opener, clock, fetches, env, strict, read, sources }: ProposalOptions,
): Promise<Pick<Proposed, 'loaded' | 'problems'>> {
  const crls = new CrlPublisher({ clock });
  if (fetches !== undefined) crls.shareBy(withoutAlarm(fetches));
  try {
    const how = { ...(read && { read }), ...(sources && { sources }) };
    const settings = { env, strict, clock, crls, tolerateExpired: true, ...how };
    const { loaded, problems } = await loadGateway(new ProposedSource({ file, opener, ...objects }), settings);
    return { problems, loaded: loaded && { loaded, crls: crls.lookUpPrepared(loaded.crls) } };
  } finally {
    crls.close();
  }
}

/** What is no good under the CAs that are planned may be as it should be: nobody is alarmed, and the plan asks the server by itself. */
function withoutAlarm(fetches: SharedFetches): SharedFetches {
  const refused = new Set<string>();
  return {
    begin: async (wish) => {
      if (refused.has(wish.name)) return fetchAlone;
      const turn = await fetches.begin(wish);
      return turn.turn === 'own' ? turn : { ...turn, refuse: () => void refused.add(wish.name) };
    },
  };
}

/** In the order of kind and id, as a revision is read. */
async function applyChanges(
  store: Pick<Store, 'revisions'>,
  before: readonly StoredObject[],
  changes: readonly ObjectChange[],
): Promise<StoredDocument[]> {
  const documents = new Map<string, StoredDocument>(before.map((one) => [objectKey(one), one]));
  const changed = new Set<string>();
  for (const change of changes) {
    checkObjectName(change);
    const { kind, id } = change;
    const key = objectKey(change);
    if (changed.has(key)) throw new StoreProblem('invalid', `${kind}/${id} is changed twice at once`);
    changed.add(key);
    if ('remove' in change) documents.delete(key);
    else if ('put' in change) {
      prepareObject(change, change.put);
      documents.set(key, { kind, id, body: change.put });
    } else {
      const version = await store.revisions.readVersion({ kind, id }, change.version);
      if (version === undefined)
        throw new StoreProblem('version_unknown', `${kind}/${id} has no version ${change.version}`);
      documents.set(key, { kind, id, body: version.body });
    }
  }
  return [...documents.values()].sort(compareNames);
}
