// What an HPACK encoder remembers of one field name: how it is written, and which of its values the peer's tables hold.
import type { Indexing } from './indexing.ts';
import { noStaticName, staticNames } from './static-table.ts';

/** Values that may be inserted without one of them being used again, before a name counts as one whose values do not repeat. */
const patience = 3;
/** How much a name's past uses count for. */
const greatestTrust = 16;
/** For a value that is not in a table. */
export const notThere = -1;

export class EncoderName {
  readonly name: string;
  readonly indexing: Indexing;
  /** Of the first entry of the static table with this name; 0 where there is none. */
  readonly staticIndex: number;
  /** The values of these entries. */
  readonly #staticValues: readonly string[];
  /** A value that is in the table, and the number of the insertion that brought it: of most names there is no other. */
  #only: string | undefined;
  #onlyInsertion = notThere;
  /** The same for the others. */
  #inserted: Map<string, number> | undefined;
  #trust = patience;
  /** The value that was found last, and the number of its insertion; most values are the same as in the message before. */
  #recent: string | undefined;
  #recentInsertion = notThere;
  /** The value that was not worth inserting. */
  #refused: string | undefined;

  /** `name`: lower case. */
  constructor(name: string, indexing: Indexing) {
    this.name = name;
    this.indexing = indexing;
    const { index, values } = staticNames.get(name) ?? noStaticName;
    this.staticIndex = index;
    this.#staticValues = values;
  }

  /** The static index of name and value, `notThere` where there is none. */
  staticIndexOf(value: string): number {
    const values = this.#staticValues;
    for (let at = 0; at < values.length; at++) if (values[at] === value) return this.staticIndex + at;
    return notThere;
  }

  /** The number of the insertion of `value`, which is still in the table; `notThere` where it is not. */
  insertionOf(value: string): number {
    if (value === this.#recent) return this.#recentInsertion;
    const insertion = value === this.#only ? this.#onlyInsertion : this.#inserted?.get(value);
    if (insertion === undefined) return notThere;
    if (this.#trust < greatestTrust) this.#trust++;
    this.#recent = value;
    this.#recentInsertion = insertion;
    return insertion;
  }

  /** Whether a value that is not in the table should go there: as long as its values repeat, or this one does. */
  isWorthInserting(value: string): boolean {
    if (this.#trust > 0 || value === this.#refused) return true;
    this.#refused = value;
    return false;
  }

  noteInserted(value: string, insertion: number): void {
    this.#trust--;
    if (value === this.#only || (this.#only === undefined && this.#inserted === undefined)) {
      this.#only = value;
      this.#onlyInsertion = insertion;
      return;
    }
    this.#inserted ??= new Map();
    this.#inserted.set(value, insertion);
  }

  noteEvicted(value: string, insertion: number): void {
    if (value === this.#only && this.#onlyInsertion === insertion) this.#only = undefined;
    else if (this.#inserted?.get(value) === insertion) this.#inserted.delete(value);
    if (this.#recentInsertion === insertion) this.#recent = undefined;
  }
}
