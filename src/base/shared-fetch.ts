// What one gateway fetched from a server of a CA, and others on the same store need not fetch again: a CRL, an OCSP response. Who
// takes it verifies it by the code that verifies what he fetched himself; how it is kept and handed on is sharing/shared-fetches.ts.

export type KeptAnswer = {
  readonly bytes: Uint8Array;
  /** When it was fetched, by the clock of who did: milliseconds since the epoch. */
  readonly fetchedAt: number;
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
};

export type FetchWish = {
  readonly kind: 'crl' | 'ocsp';
  /** Equal for equal questions only: the URL, with what was asked there. */
  readonly name: string;
  /** What was fetched earlier is known, or too old: milliseconds since the epoch. */
  readonly after: number;
  /** How long what was fetched counts as the newest. */
  readonly maxAgeMs: number;
};

export type FetchTurn =
  /** Somebody has it. */
  | {
      readonly turn: 'kept';
      readonly kept: KeptAnswer;
      /** It is not what it should be: it is not given out here again. */
      readonly refuse: (why: string) => void;
    }
  /** It is for the caller to fetch. */
  | {
      readonly turn: 'own';
      /** An older one, whose server can be asked whether it is still the newest. */
      readonly before: KeptAnswer | undefined;
      /** What came, after it was verified: for the others. Must not throw. */
      readonly keep: (answer: KeptAnswer) => void;
      /** Nothing came. Must not throw. */
      readonly release: () => void;
    };

export interface SharedFetches {
  /** Never rejects, and waits for others within bounds. Then `keep` or `release` has to be called. */
  begin(wish: FetchWish): Promise<FetchTurn>;
}

/** Without a store, or as long as it is away. */
export const fetchAlone: FetchTurn & { readonly turn: 'own' } = {
  turn: 'own',
  before: undefined,
  keep: () => {},
  release: () => {},
};
