// The CRLs that a worker was brought: indexes put together from their pieces, and which of them each group has now. Keeps
// nothing that no group has.
import type { CrlFacts, IndexedCrl } from './crl-set.ts';

/** What a worker is told. */
export type CrlMessage =
  /** A part of the index of a CRL; the next list will name it. The parts come in order, with nothing left out. */
  | {
      readonly kind: 'crlPiece';
      readonly digest: string;
      /** Bytes of the whole index. */
      readonly total: number;
      readonly offset: number;
      readonly piece: Uint8Array;
    }
  /** What is active: CRLs that are not named are to be forgotten. */
  | { readonly kind: 'crls'; readonly groups: readonly { readonly key: string; readonly crls: readonly CrlFacts[] }[] };

/** What is known now about a group of sources. */
export type CrlLookup = Pick<CrlSubscriber, 'find'>;

export class CrlSubscriber {
  #indexes = new Map<string, Uint8Array>();
  #groups = new Map<string, readonly IndexedCrl[]>();

  /** True where something else is active now. Throws RangeError where an index that is named never came. */
  take(message: CrlMessage): boolean {
    if (message.kind === 'crls') return this.#list(message.groups);
    const { digest, total, offset, piece } = message;
    let index = this.#indexes.get(digest);
    if (index === undefined || index.length !== total) this.#indexes.set(digest, (index = new Uint8Array(total)));
    index.set(piece, offset);
    return false;
  }

  /** What is known for the group; nothing where it was never told of it, so that its certificates count as unknown. */
  find(key: string): readonly IndexedCrl[] {
    return this.#groups.get(key) ?? [];
  }

  #list(listing: Extract<CrlMessage, { kind: 'crls' }>['groups']): boolean {
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
}

function fingerprint(groups: ReadonlyMap<string, readonly IndexedCrl[]>): string {
  const rows = [...groups].map(([key, crls]) =>
    [key, ...crls.map(({ facts }) => facts.digest + facts.issuerSpki)].join(),
  );
  return rows.sort().join('\n');
}
