// The CRLs that a worker was brought: indexes put together from their pieces, and which of them each group has now. Keeps
// nothing that no group has.
import type { CrlFacts, IndexedCrl } from './crl-set.ts';

export type CrlPiece = {
  readonly digest: string;
  /** Bytes of the whole index. */
  readonly total: number;
  readonly offset: number;
  readonly piece: Uint8Array;
};

export type CrlListing = readonly { readonly key: string; readonly crls: readonly CrlFacts[] }[];

/** What is known now about a group of sources. */
export type CrlLookup = Pick<CrlSubscriber, 'find'>;

export class CrlSubscriber {
  #indexes = new Map<string, Uint8Array>();
  #groups = new Map<string, readonly IndexedCrl[]>();

  /** The pieces of an index come in order, with nothing left out. */
  add({ digest, total, offset, piece }: CrlPiece): void {
    let index = this.#indexes.get(digest);
    if (index === undefined || index.length !== total) this.#indexes.set(digest, (index = new Uint8Array(total)));
    index.set(piece, offset);
  }

  /** Puts the list active; false where it says nothing new. Throws RangeError where an index never came. */
  list(listing: CrlListing): boolean {
    const groups = new Map<string, readonly IndexedCrl[]>();
    const indexes = new Map<string, Uint8Array>();
    for (const { key, crls } of listing) {
      groups.set(
        key,
        crls.map((facts) => {
          const index = this.#indexes.get(facts.digest);
          if (index === undefined) throw new RangeError(`the index of CRL ${facts.digest} is missing`);
          indexes.set(facts.digest, index);
          return { facts, index };
        }),
      );
    }
    const changed = fingerprint(groups) !== fingerprint(this.#groups);
    this.#indexes = indexes;
    this.#groups = groups;
    return changed;
  }

  /** What is known for the group; nothing where it was never told of it, so that its certificates count as unknown. */
  find(key: string): readonly IndexedCrl[] {
    return this.#groups.get(key) ?? [];
  }
}

function fingerprint(groups: ReadonlyMap<string, readonly IndexedCrl[]>): string {
  const rows = [...groups].map(([key, crls]) =>
    [key, ...crls.map(({ facts }) => facts.digest + facts.issuerSpki)].join(),
  );
  return rows.sort().join('\n');
}
