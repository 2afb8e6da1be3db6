// One thing that needs a person: its form, apart from those who find such things.

/** Who is cut off or refused now, or let in against what is declared; what will be, or hides something; what is due. */
export type Severity = 'failing' | 'degraded' | 'due';

export type Need = {
  /** Stable while it lasts. */
  readonly id: string;
  readonly severity: Severity;
  readonly kind:
    | 'expiry'
    | 'relation'
    | 'service'
    | 'client'
    | 'reload'
    | 'store'
    | 'revocation'
    | 'workers'
    | 'drift'
    | 'gateway';
  /** Of the fault table; for a refused configuration and a store, of theirs. */
  readonly code: string;
  readonly sentence: string;
  readonly consequence: string;
  readonly help: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
  readonly object: { readonly kind: string; readonly id: string } | null;
};
