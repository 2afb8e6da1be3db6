// What a change of the store would do, before it is one: read by the very loader that `run` uses, certificates included, guarded as
// a reload is, compared with what is in force and with the clients that came lately. Nothing is applied, nothing is written.
import type { StoredDocument } from '../config/stored-objects.ts';
import type { SeenVerdicts } from '../inventory/verify-seen.ts';
import { headOf } from '../loading/stored-revision.ts';
import { compareDocuments, type ObjectDifference } from '../store/difference.ts';
import { compareNames, type ObjectChange, objectKey, type StoredObject } from '../store/object.ts';
import type { RevisionHead } from '../store/revision.ts';
import type { Problem } from '../yaml/problem.ts';
import { type AccessChanges, compareAccess } from './changes.ts';
import { loadHead, type ProposalOptions, proposeRevision } from './propose-revision.ts';
import { compareTrust, viewTrust } from './reload-guard.ts';
import { type InForce, type SeenLately, verifyChange } from './verify-change.ts';

export type PlanOptions = ProposalOptions & {
  /** What is in force, and the CRLs that it has; default what the file and the newest revision make. */
  readonly active?: InForce;
  /** Default none are looked at. */
  readonly seen?: SeenLately;
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
  const { clock, seen } = options;
  const { head, documents, loaded: after, problems } = await proposeRevision(changes, options);
  const before = after && (options.active ?? (await loadHead(head, options)));
  const refused = after && before ? compareTrust(viewTrust(before.loaded), viewTrust(after.loaded)).refused : [];
  const usable = after !== undefined && refused.length === 0;
  return {
    parent: headOf(head),
    usable,
    problems: [...problems, ...refused],
    objects: differences(head.objects, documents),
    access: usable && before ? compareAccess(before.loaded, after.loaded) : undefined,
    clients: usable && seen !== undefined ? verifyChange(seen, { before, after, now: clock.now() }) : undefined,
  };
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
