// What a change of the store would do, before it is one: read by the very loader that `run` uses, certificates included, guarded as
// a reload is, compared with what is in force and with the clients that came lately. Nothing is applied, nothing is written.
import { randomBytes } from 'node:crypto';
import { CrlPublisher } from '../crl/publisher.ts';
import type { CrlLookup } from '../crl/subscriber.ts';
import { type Clock, dayMs } from '../base/clock.ts';
import type { StoredDocument } from '../config/stored-objects.ts';
import { compilePolicies } from '../gateway/compile-policies.ts';
import type { TrustRecordContents } from '../inventory/record-format.ts';
import { type SeenVerdicts, verifySeen } from '../inventory/verify-seen.ts';
import { loadGateway, type LoadOptions } from '../loading/load.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import { ProposedSource } from '../loading/proposed-source.ts';
import { headOf, readHead, readSealed, type StoredRevision } from '../loading/stored-revision.ts';
import { compareDocuments, type ObjectDifference } from '../store/difference.ts';
import {
  checkObjectName,
  compareNames,
  type ObjectChange,
  objectKey,
  prepareObject,
  type StoredObject,
} from '../store/object.ts';
import type { RevisionHead } from '../store/revision.ts';
import type { Opener } from '../store/seal.ts';
import type { SealedBlob } from '../store/sealed.ts';
import type { Store } from '../store/store.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { Problem } from '../yaml/problem.ts';
import { type AccessChanges, compareAccess } from './changes.ts';
import { compareTrust, viewTrust } from './reload-guard.ts';

export type PlanOptions = Pick<LoadOptions, 'env' | 'strict' | 'read' | 'sources'> & {
  /** The main file. */
  readonly file: string;
  /** Only read. */
  readonly store: Pick<Store, 'revisions' | 'sealed'>;
  /** Without it certificates whose keys are sealed cannot be checked, which is an error each. */
  readonly opener: Opener | undefined;
  readonly clock: Clock;
  /** Sealed keys that the changes refer to and that are not in the store yet, by digest. */
  readonly pending?: ReadonlyMap<string, SealedBlob>;
  /** What is in force, and the CRLs that it has; default what the file and the newest revision make. */
  readonly active?: { readonly loaded: LoadedConfig; readonly crls: CrlLookup };
  /** Clients that came, and how many days back they count; default none are looked at. */
  readonly seen?: { readonly record: TrustRecordContents; readonly days: number };
};

export type RevisionPlan = {
  /** The revision that the change would be made to: what an append has to name as its parent. */
  readonly parent: RevisionHead;
  /** True where a gateway would take it. */
  readonly usable: boolean;
  /** Of both parts; those of objects have kind, id and pointer at their place (Place.stored). */
  readonly problems: readonly Problem[];
  readonly objects: readonly ObjectDifference[];
  /** Who may call what; undefined where either side cannot be loaded. */
  readonly access: AccessChanges | undefined;
  /**
   * Who of those seen lately would be refused or let in, and is not by what is in force; undefined where nobody asked, or it is not
   * usable.
   */
  readonly clients: SeenVerdicts | undefined;
};

/** Rejects with a StoreProblem: the store cannot be read, or a change is none that it would take. */
export async function planRevision(changes: readonly ObjectChange[], options: PlanOptions): Promise<RevisionPlan> {
  const { file, store, opener, clock, env, strict, read, sources, seen } = options;
  const head = await readHead(store);
  const parent = headOf(head);
  const documents = await applyChanges(store, head.objects, changes);
  const objects = differences(head.objects, documents);
  const name = `proposed revision ${parent.number + 1}`;
  const proposed = new ProposedSource({
    file,
    name,
    objects: documents,
    sealed: await readSealed(store, documents, options.pending),
    opener,
  });
  const crls = new CrlPublisher({ clock });
  try {
    const settings = { env, strict, clock, crls, ...(read && { read }), ...(sources && { sources }) };
    const { loaded, problems } = await loadGateway(proposed, { ...settings, tolerateExpired: true });
    const active = loaded && (options.active ?? (await loadActive(head, options)));
    const refused = loaded && active ? compareTrust(viewTrust(active.loaded), viewTrust(loaded)).refused : [];
    const usable = loaded !== undefined && refused.length === 0;
    const clients =
      usable && seen !== undefined
        ? verifyChange(seen, {
            before: active,
            after: { loaded, crls: crls.lookUpPrepared(loaded.crls) },
            now: clock.now(),
          })
        : undefined;
    const access = usable && active ? compareAccess(active.loaded, loaded) : undefined;
    return { parent, usable, problems: [...problems, ...refused], objects, access, clients };
  } finally {
    crls.close();
  }
}

type InForce = NonNullable<PlanOptions['active']>;

/** Undefined where it cannot be loaded: then there is nothing to compare with. */
async function loadActive(
  { objects, sealed, revision }: StoredRevision,
  { file, opener, clock, env, strict, read, sources }: PlanOptions,
): Promise<InForce | undefined> {
  const name = `store revision ${revision?.number ?? 0}`;
  const source = new ProposedSource({ file, name, objects, sealed, opener });
  const crls = new CrlPublisher({ clock });
  try {
    const how = { ...(read && { read }), ...(sources && { sources }) };
    const settings = { env, strict, clock, crls, tolerateExpired: true, ...how };
    const { loaded } = await loadGateway(source, settings);
    return loaded && { loaded, crls: crls.lookUpPrepared(loaded.crls) };
  } finally {
    crls.close();
  }
}

type Sides = { readonly before: InForce | undefined; readonly after: InForce; readonly now: number };

/** Who was refused by an earlier change already, and has not come since, is not cut off by this one. */
function verifyChange({ record, days }: NonNullable<PlanOptions['seen']>, { before, after, now }: Sides): SeenVerdicts {
  const verify = ({ loaded, crls }: InForce, of: TrustRecordContents): SeenVerdicts => {
    const policies = compilePolicies(loaded, randomBytes(48), crls);
    return verifySeen(of, { policies, now, sinceMs: now - days * dayMs });
  };
  const verdicts = verify(after, record);
  if (before === undefined) return verdicts;
  const { refused, admitted, changed, anonymousRefused, anonymousAdmitted } = verdicts;
  const identities = [...new Set([...refused, ...admitted, ...changed].map(({ client }) => client))];
  const anonymous = [...anonymousRefused, ...anonymousAdmitted].map(({ client }) => client);
  if (identities.length + anonymous.length === 0) return verdicts;
  const known = verify(before, { ...record, identities, anonymous });
  return {
    ...verdicts,
    refused: without(refused, known.refused),
    admitted: without(admitted, known.admitted),
    changed: without(changed, known.changed),
    anonymousRefused: without(anonymousRefused, known.anonymousRefused),
    anonymousAdmitted: without(anonymousAdmitted, known.anonymousAdmitted),
  };
}

type Verdict = { readonly client: object; readonly serverNames?: readonly (string | null)[] };

/** By client and server names: under which policy is another matter. */
function without<T extends Verdict>(verdicts: readonly T[], known: readonly Verdict[]): T[] {
  const keep = new Map<object, Set<string | null>>();
  for (const { client, serverNames = [''] } of known) {
    const names = keep.get(client) ?? new Set();
    for (const name of serverNames) names.add(name);
    keep.set(client, names);
  }
  return verdicts.filter(({ client, serverNames = [''] }) => {
    const names = keep.get(client);
    return names === undefined || serverNames.some((name) => !names.has(name));
  });
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

/** As the store compares two of its revisions. */
function differences(before: readonly StoredObject[], after: readonly StoredDocument[]): ObjectDifference[] {
  const was = new Map(before.map((one) => [objectKey(one), one]));
  const is = new Map(after.map((one) => [objectKey(one), one]));
  const names = [...new Map<string, StoredDocument>([...was, ...is]).entries()].sort(([, a], [, b]) =>
    compareNames(a, b),
  );
  return names.flatMap(([key, { kind, id }]): ObjectDifference[] => {
    const [left, right] = [was.get(key), is.get(key)];
    if (left === undefined || right === undefined) {
      const change = left === undefined ? ('added' as const) : ('removed' as const);
      return [{ kind, id, change, fields: [], more: false }];
    }
    const { fields, more } = compareDocuments(left.body, right.body as typeof left.body);
    return fields.length === 0 ? [] : [{ kind, id, change: 'changed', fields, more }];
  });
}
