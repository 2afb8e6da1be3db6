// A rollout that is under way: the newest revisions are in force for some gateways only, until one follows that is for all.
// They follow each other, since nothing else is taken meanwhile.
import type { Gateways } from './gateways.ts';
import { noRevision, type Revision, type RevisionHead, type Revisions } from './revision.ts';
import { StoreProblem } from './store-problem.ts';

export type Rollout = {
  /** The newest of all. */
  readonly head: RevisionHead;
  /** The newest that is in force for everybody who is not named since. */
  readonly base: RevisionHead;
  /** Those since then, newest first; empty where no rollout is under way. */
  readonly canaries: readonly Revision[];
};

export type Canary = Revision & { readonly canary: readonly string[] };

export async function readRollout(revisions: Pick<Revisions, 'head' | 'find'>): Promise<Rollout> {
  const head = await revisions.head();
  const canaries: Revision[] = [];
  for (let { number } = head; number > 0; number--) {
    const revision = await revisions.find(number);
    if (revision === undefined) throw new StoreProblem('altered', `revision ${number} is not there any more`);
    if (revision.canary === null) return { head, base: revision, canaries };
    canaries.push(revision);
  }
  return { head, base: noRevision, canaries };
}

/** Undefined where none is under way. */
export function openCanary({ canaries: [newest] }: Rollout): Canary | undefined {
  return newest?.canary === undefined || newest.canary === null ? undefined : { ...newest, canary: newest.canary };
}

/** What a gateway of this name is to run. */
export function expectedOf({ base, canaries }: Rollout, gateway: string): RevisionHead {
  return canaries.find(({ canary }) => canary?.includes(gateway) === true) ?? base;
}

/** `a,b`: as a command and a query name them. Throws `invalid`. */
export function parseCanary(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('')) throw new StoreProblem('invalid', 'a canary is a list of names of gateways: NAME,NAME');
  return [...new Set(names)].sort();
}

/** Throws `gateway_unknown`: who never reported would never say what became of it. */
export async function requireKnown(gateways: Pick<Gateways, 'find'>, canary: readonly string[]): Promise<void> {
  for (const name of canary)
    if ((await gateways.find(name)) === undefined)
      throw new StoreProblem('gateway_unknown', `no gateway has reported under the name ${name}`);
}

/** Why a change for these (undefined: for all) cannot be made now, in a sentence; undefined where it can. */
export function whyNotNow(rollout: Rollout, canary: readonly string[] | undefined): string | undefined {
  const open = openCanary(rollout);
  if (open === undefined || (canary !== undefined && open.canary.join() === canary.join())) return undefined;
  return `revision ${open.number} of ${open.actor} is on trial on ${open.canary.join(', ')}`;
}
