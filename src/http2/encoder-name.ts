// What an HPACK encoder remembers of one field name: how it is written, and which of its values the peer's table holds.
import type { Indexing } from './indexing.ts';
import { staticTable } from './static-table.ts';

/** Values that may be inserted without one of them being used again, before a name counts as one whose values do not repeat. */
const patience = 3;
/** How much a name's past uses count for. */
const greatestTrust = 16;

export class EncoderName {
  readonly name: string;
  readonly indexing: Indexing;
  /** Of the first entry of the static table with this name; 0 where there is none. */
  readonly staticIndex: number;
  /** Which value stands in the static table where; undefined where none does. */
  readonly #staticValues: ReadonlyMap<string, number> | undefined;
  /** The number of the insertion that brought each value. */
  readonly #inserted = new Map<string, number>();
  #trust = patience;
  #last = '';

  /** `name`: lower case. */
  constructor(name: string, indexing: Indexing) {
    this.name = name;
    this.indexing = indexing;
    const entries = staticTable.flatMap(([known, value], at) => (known === name ? [[value, at + 1] as const] : []));
    this.staticIndex = entries[0]?.[1] ?? 0;
    this.#staticValues = entries.length === 0 ? undefined : new Map(entries);
  }

  /** The static index of name and value; undefined where there is none. */
  staticIndexOf(value: string): number | undefined {
    return this.#staticValues?.get(value);
  }

  /** The number of the insertion of `value`, which is still in the table; undefined where it is not. */
  insertionOf(value: string): number | undefined {
    const insertion = this.#inserted.get(value);
    if (insertion !== undefined && this.#trust < greatestTrust) this.#trust++;
    return insertion;
  }

  /** Whether a value that is not in the table should go there: as long as its values repeat, or this one does. */
  isWorthInserting(value: string): boolean {
    if (this.#trust > 0) return true;
    const repeats = this.#last === value;
    this.#last = value;
    return repeats;
  }

  noteInserted(value: string, insertion: number): void {
    this.#inserted.set(value, insertion);
    this.#trust--;
  }

  noteEvicted(value: string, insertion: number): void {
    if (this.#inserted.get(value) === insertion) this.#inserted.delete(value);
  }
}
