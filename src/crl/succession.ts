// What is active after a source was read again: the new CRLs, except where one is older than what it would replace. An
// older CRL can be a replay that brings a revoked certificate back, so the newer one stays.
import { compareAge, type CrlFacts, type IndexedCrl, scopeOf } from './crl-set.ts';

export type Succession = {
  readonly crls: readonly IndexedCrl[];
  /** New ones that were refused, and what stays in their place. */
  readonly rollbacks: readonly { readonly refused: IndexedCrl; readonly kept: IndexedCrl }[];
};

/** A scope that `after` does not speak of any more is given up: its file was taken away. */
export function succeed(before: readonly IndexedCrl[], after: readonly IndexedCrl[]): Succession {
  const newest = newestByScope(before);
  const next = newestByScope(after);
  const rollbacks: Succession['rollbacks'][number][] = [];
  for (const [scope, crl] of next) {
    const old = newest.get(scope);
    if (old === undefined || compareAge(crl.facts, old.facts) >= 0) continue;
    rollbacks.push({ refused: crl, kept: old });
    next.set(scope, old);
  }
  for (const [scope, old] of newest) {
    if (next.has(scope)) continue;
    // Numbers of different scopes say nothing about each other, dates do: an old CRL for leaves alone is a replay too.
    const older = [...next].find(([, { facts }]) => isOlderOfSameCa(facts, old.facts));
    if (older === undefined) continue;
    rollbacks.push({ refused: older[1], kept: old });
    next.delete(older[0]);
    next.set(scope, old);
  }
  return { crls: [...next.values()], rollbacks };
}

function isOlderOfSameCa(a: CrlFacts, b: CrlFacts): boolean {
  return a.issuerSpki === b.issuerSpki && a.issuerKey === b.issuerKey && a.thisUpdate < b.thisUpdate;
}

function newestByScope(crls: readonly IndexedCrl[]): Map<string, IndexedCrl> {
  const newest = new Map<string, IndexedCrl>();
  for (const crl of crls) {
    const scope = scopeOf(crl.facts);
    const same = newest.get(scope);
    if (same === undefined || compareAge(crl.facts, same.facts) > 0) newest.set(scope, crl);
  }
  return newest;
}
