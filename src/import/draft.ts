// The configuration that an import makes, in our words, before it is text: plain maps and lists in the order in which they are to be
// written, and comments that belong to some of them.

export type DraftValue = string | number | boolean | DraftList | DraftMap;
export type DraftList = DraftValue[];
export type DraftMap = { [key: string]: DraftValue };

export class Draft {
  readonly root: DraftMap = {};
  readonly #comments = new Map<object, string[]>();
  readonly #top: string[] = [];

  /** A comment in front of a map or list that the draft holds; without one, at the top of the file. One line each, without `#`. */
  comment(text: string, at?: object): void {
    const list = at === undefined ? this.#top : (this.#comments.get(at) ?? []);
    if (!list.includes(text)) list.push(text);
    if (at !== undefined) this.#comments.set(at, list);
  }

  commentsOf(node: object): readonly string[] {
    return this.#comments.get(node) ?? [];
  }

  /** Those at the top, and those of what did not get into the file after all: none is lost. */
  get topComments(): readonly string[] {
    const written = new Set<object>();
    collect(this.root, written);
    const stray = [...this.#comments].filter(([node]) => !written.has(node)).flatMap(([, texts]) => texts);
    return [...this.#top, ...stray];
  }
}

function collect(node: DraftValue, into: Set<object>): void {
  if (typeof node !== 'object') return;
  into.add(node);
  for (const below of Array.isArray(node) ? node : Object.values(node)) collect(below, into);
}

/** A text of the draft; '' where there is none. */
export function draftText(value: DraftValue | undefined): string {
  return typeof value === 'object' || value === undefined ? '' : String(value);
}

export function isDraftMap(value: DraftValue | undefined): value is DraftMap {
  return typeof value === 'object' && !Array.isArray(value);
}
