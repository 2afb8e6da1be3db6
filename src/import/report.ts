// What became of every line of what was imported: taken over, taken over with a difference, left out without harm, lost, refused. An
// importer says it here while it reads; what is lost and would open something is an error unless its code was accepted.
import type { Place } from '../yaml/place.ts';
import type { Draft } from './draft.ts';
import type { LossCode } from './losses.ts';

/**
 * `taken`: does here what it did there. `changed`: taken over, and something is different that opens nothing. `left`: has no
 * counterpart, and nothing is open without it. `lost`: would open something; an error unless accepted. `refused`: cannot be imported.
 */
export type Outcome = 'taken' | 'changed' | 'left' | 'lost' | 'refused';

export type ReportEntry = {
  readonly outcome: Outcome;
  /** Of `lost` one of losses.ts, of `refused` any. */
  readonly code?: string;
  readonly place: Place;
  /** As it is called where it comes from: `require_client_certificate: true`. */
  readonly what: string;
  /** What it became (`gateway.tls.clientAuth.required`), or why it did not, in a sentence. */
  readonly says: string;
  /** Of `lost`: --accept-losses names its code. */
  readonly accepted?: boolean;
};

/** A map or list of the draft; a function is asked when the draft is finished. undefined: the top of the file. */
export type CommentPlace = object | (() => object | undefined) | undefined;

/** Where a thing of the source stands. */
export type Placed = { readonly place: Place };

export class ImportReport {
  readonly #entries = new Map<string, ReportEntry>();
  readonly #accepted: ReadonlySet<LossCode>;
  readonly #draft: Draft;
  readonly #comments = new Map<string, CommentPlace>();

  constructor(accepted: ReadonlySet<LossCode>, draft: Draft) {
    this.#accepted = accepted;
    this.#draft = draft;
  }

  /** By file, line and column. */
  get entries(): readonly ReportEntry[] {
    const files = [...new Set([...this.#entries.values()].map(({ place }) => place.file))];
    return [...this.#entries.values()].toSorted(
      ({ place: a }, { place: b }) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.col - b.col,
    );
  }

  /** True where no output may be made. */
  get failed(): boolean {
    return this.entries.some(({ outcome, accepted }) => outcome === 'refused' || (outcome === 'lost' && !accepted));
  }

  taken({ place }: Placed, what: string, became: string): void {
    this.#add({ outcome: 'taken', place, what, says: became });
  }

  changed({ place }: Placed, what: string, says: string): void {
    this.#add({ outcome: 'changed', place, what, says });
  }

  left({ place }: Placed, what: string, says: string): void {
    this.#add({ outcome: 'left', place, what, says });
  }

  /**
   * Says that something is lost that would open something. True where that was accepted: then the importer makes what is left, and
   * the file has a comment there.
   */
  loses(code: LossCode, { place }: Placed, what: string, says: string, at?: CommentPlace): boolean {
    const accepted = this.#accepted.has(code);
    this.#add({ outcome: 'lost', code, place, what, says, accepted });
    if (accepted) this.#comments.set(`LOST (${code}, line ${place.line}): ${what}: ${says}`, at);
    return accepted;
  }

  /** Puts the comments about what was lost into the draft, once everything has its place in it. */
  writeComments(): void {
    for (const [text, at] of this.#comments) this.#draft.comment(text, typeof at === 'function' ? at() : at);
  }

  /** What nobody can accept: there would be nothing left to run. */
  refuse(code: string, { place }: Placed, what: string, says: string): void {
    this.#add({ outcome: 'refused', code, place, what, says });
  }

  #add(entry: ReportEntry): void {
    const { place, code, what, says } = entry;
    this.#entries.set(`${place.file}\0${place.line}\0${place.col}\0${code}\0${what}\0${says}`, entry);
  }
}
