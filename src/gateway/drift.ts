// What a gateway runs against what is meant, in one vocabulary for the log, the metric, the alerts and the console. Plain data: it
// crosses process boundaries.

/**
 * `behind`: another revision than the newest that is meant for this gateway. `unauthorised`: a file, or a row of the store, that nobody
 * approved. `behaviour`: what the listeners do is not what the configuration in force says.
 */
export const driftKinds = ['behind', 'unauthorised', 'behaviour'] as const;
export type DriftKind = (typeof driftKinds)[number];

export type DriftFinding = {
  /** Within its kind the same as long as it lasts: `files`, `webSecure edge untrusted`. */
  readonly key: string;
  /** `file_changed`, `row_changed`, `wrong_certificate`, …: for who filters. */
  readonly code: string;
  /** What is the case. */
  readonly sentence: string;
  /** What to do. */
  readonly help: string;
};

/** Everything that one source finds of a kind at this moment: what is not among it any more has ended. */
export type DriftReport = {
  readonly of: DriftKind;
  /** Who looked: reports of one source leave alone what others found. */
  readonly source: string;
  readonly findings: readonly DriftFinding[];
};

export type Drift = DriftFinding & {
  readonly kind: DriftKind;
  readonly gateway: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
};
