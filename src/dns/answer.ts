// What a look-up comes to: addresses of both families with the time that they hold, or why there are none.

/** `not_found`: the name, or an address of it, does not exist. The others may pass: nothing was learned about the name. */
export type LookUpFailure = {
  readonly code: 'not_found' | 'timeout' | 'failed';
  /** The resolver's own code: ENOTFOUND, ESERVFAIL, … */
  readonly raw: string;
  /** One sentence. */
  readonly detail: string;
};

/** Of one family: none where the name has no such address; a failure where that could not be learned. */
export type FamilyAnswer = { readonly addresses: readonly string[]; readonly ttlMs: number } | LookUpFailure;

export type Answer = {
  readonly v4: FamilyAnswer;
  readonly v6: FamilyAnswer;
};

export function isFailure(answer: FamilyAnswer): answer is LookUpFailure {
  return 'code' in answer;
}

/** One that comes from a file or from the system's resolver, where both families are known together. */
export function answerOf(addresses: readonly string[], ttlMs: number): Answer {
  const of = (six: boolean): FamilyAnswer => ({
    addresses: addresses.filter((address) => address.includes(':') === six),
    ttlMs,
  });
  return { v4: of(false), v6: of(true) };
}

export function failed(failure: LookUpFailure): Answer {
  return { v4: failure, v6: failure };
}
