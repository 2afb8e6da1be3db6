// What a client must not be able to say for itself: every field that a backend could take for a proven identity, and
// every field that the gateway sets. Removed from each request and from its trailers, on every path, before anything of
// ours is added (docs/forwarded-identity.md; incidents 14 and 26). What is kept out is compared folded (http/fold-name.ts),
// so that no spelling gets by; what the configuration lets through must be spelled as it stands there.
import { type FieldName, Fields } from '../http/field.ts';
import { FieldClaim, neverPassed } from '../http/field-claim.ts';
import { foldName } from '../http/fold-name.ts';
import { FieldPatterns } from './field-patterns.ts';

/** What the configuration adds to the fields that are known (http/field-claim.ts), and what it takes away. */
export type StripSettings = {
  /** Names that the gateway sets for this configuration (custom identity fields): never let through. */
  readonly set: readonly string[];
  /** Names that it believes from trusted proxies and sets anew or not at all: where a client's address stands. */
  readonly read: readonly string[];
  /** Names, or prefixes ending in `*`, that pass from trusted proxies and from nobody else. */
  readonly trusted: readonly string[];
  /** Names that pass from everybody. */
  readonly allowed: readonly string[];
  /** Names by which filters say something of the client (filters/filter.ts): never let through, set by filters. */
  readonly filters: readonly string[];
};

/** Names whose answer is remembered; what comes later is compared each time. */
const cacheLimit = 4096;

export class StripList {
  /** Whether anything passes from trusted proxies: else nobody needs to be asked. */
  readonly asksForTrust: boolean;
  /** Names of the configuration that have no claim of their own. */
  readonly #further: FieldPatterns | undefined;
  readonly #furtherAnswers = new Map<string, boolean>();
  readonly #never: ReadonlySet<string>;
  /** Folded. */
  readonly #filters: ReadonlySet<string>;
  readonly #trusted: FieldPatterns;
  readonly #allowed: ReadonlySet<string>;

  /** Throws RangeError where filters set what the gateway does. */
  constructor({ set = [], read = [], trusted = [], allowed = [], filters = [] }: Partial<StripSettings> = {}) {
    this.asksForTrust = trusted.length > 0;
    const own = new Set([...neverPassed, ...[...set, ...read].map(foldName)]);
    const forged = filters.find((name) => own.has(foldName(name)));
    if (forged !== undefined) throw new RangeError(`${forged} belongs to the gateway: no filter sets it`);
    this.#filters = new Set(filters.map(foldName));
    this.#never = new Set([...neverPassed, ...set.map(foldName), ...this.#filters]);
    this.#trusted = new FieldPatterns(trusted.map((pattern) => pattern.toLowerCase()));
    this.#allowed = new Set(allowed.map((name) => name.toLowerCase()));
    const further = [...[...set, ...read, ...filters].map(foldName), ...trusted.map(foldPattern)];
    // The usual X-Forwarded-For and X-Real-IP need no second look: their names have a claim.
    const unknown = further.filter((pattern) => !neverPassed.has(pattern));
    this.#further = unknown.length === 0 ? undefined : new FieldPatterns(unknown);
  }

  /** True where a field of this name must not pass on from a client; `trusted`: from a trusted proxy. */
  takes(name: FieldName, trusted = false): boolean {
    if (name.claim === FieldClaim.none && (this.#further === undefined || !this.#isFurther(name.folded))) return false;
    if (this.#never.has(name.folded)) return true;
    return !this.#allowed.has(name.lower) && !(trusted && this.#trusted.match(name.lower));
  }

  /** True where the gateway alone says something by this name, and no filter. */
  owns(name: FieldName): boolean {
    return this.takes(name) && !this.#filters.has(name.folded);
  }

  #isFurther(folded: string): boolean {
    const known = this.#furtherAnswers.get(folded);
    if (known !== undefined) return known;
    const answer = this.#further?.match(folded) === true;
    if (this.#furtherAnswers.size < cacheLimit) this.#furtherAnswers.set(folded, answer);
    return answer;
  }

  /** The fields without those that `takes` names: the same object where there are none, else a new one. */
  strip(fields: Fields, trusted = false): Fields {
    const { names, values } = fields;
    for (let i = 0; i < names.length; i++) {
      const name = names[i];
      if (name !== undefined && this.takes(name, trusted)) return this.#copyWithout(names, values, i, trusted);
    }
    return fields;
  }

  #copyWithout(names: readonly FieldName[], values: readonly string[], first: number, trusted: boolean): Fields {
    const kept = new Fields();
    for (let i = 0; i < names.length; i++) {
      const name = names[i];
      if (name !== undefined && (i < first || !this.takes(name, trusted))) kept.push(name, values[i] ?? '');
    }
    return kept;
  }
}

function foldPattern(pattern: string): string {
  return pattern.endsWith('*') ? `${foldName(pattern.slice(0, -1))}*` : foldName(pattern);
}
