// The fields of a message that filters may change: copied with the first change, checked with each. Names are compared as
// backends may read them (http/fold-name.ts), so that what is removed or replaced is gone in every spelling.
import { FieldKind, type FieldName, Fields } from '../http/field.ts';

/** Which names belong to the gateway alone. */
export interface FieldOwner {
  owns(name: FieldName): boolean;
}

/** Fields that filters may set in one message. */
const maxSet = 128;

export class FieldEdits {
  #fields: Fields;
  readonly #owner: FieldOwner | undefined;
  #copied = false;
  #set = 0;
  /** Folded names of which a filter has said what they are, or that they are not. */
  #decided: string[] | undefined;

  /** `owner`: of names that no filter may set, besides those that frame a message or concern one connection. */
  constructor(fields: Fields, owner?: FieldOwner) {
    this.#fields = fields;
    this.#owner = owner;
  }

  /** The fields as they are now. Not to be changed, or kept over the next change. */
  get current(): Fields {
    return this.#fields;
  }

  /** All values of a field by its lower-case name, as one (RFC 9110 section 5.3); undefined where it is absent. */
  find(lower: string): string | undefined {
    const { names, values } = this.#fields;
    let found: string | undefined;
    for (let i = 0; i < names.length; i++) {
      if (names[i]?.lower === lower) found = found === undefined ? values[i] : `${found}, ${values[i]}`;
    }
    return found;
  }

  /** Replaces a field. Throws RangeError where the name is not a filter's to set, or the value could not stand in a message. */
  set(name: FieldName, value: string): void {
    this.#check(name, value);
    this.remove(name);
    this.#own().push(name, value);
  }

  /** Adds to what is there. Throws as `set`. */
  append(name: FieldName, value: string): void {
    this.#check(name, value);
    this.#own().push(name, value);
  }

  /** Removes a field in all its spellings. */
  remove({ folded }: FieldName): void {
    (this.#decided ??= []).push(folded);
    if (!this.#fields.names.some((name) => name.folded === folded)) return;
    const { names, values } = this.#fields;
    const kept = new Fields();
    names.forEach((name, at) => {
      if (name.folded !== folded) kept.push(name, values[at] ?? '');
    });
    this.#fields = kept;
    this.#copied = true;
  }

  /** Without what was removed or replaced in the head: a recipient may merge trailers into it (RFC 9110 section 6.5.1). */
  cleanTrailers(trailers: Fields): Fields {
    const decided = this.#decided;
    if (decided === undefined || !trailers.names.some(({ folded }) => decided.includes(folded))) return trailers;
    const kept = new Fields();
    trailers.names.forEach((name, at) => {
      if (!decided.includes(name.folded)) kept.push(name, trailers.values[at] ?? '');
    });
    return kept;
  }

  #check(name: FieldName, value: string): void {
    if (name.kind !== FieldKind.plain) throw new RangeError(`${name.raw} frames messages: no filter sets it`);
    if (this.#owner?.owns(name) === true) throw new RangeError(`${name.raw} belongs to the gateway: no filter sets it`);
    if (/[^\t\x20-\x7e\x80-\xff]|^[\t ]|[\t ]$/.test(value)) throw new RangeError(`illegal value for ${name.raw}`);
    if (++this.#set > maxSet) throw new RangeError(`more than ${maxSet} fields set by filters`);
  }

  #own(): Fields {
    if (this.#copied) return this.#fields;
    const copy = new Fields();
    copy.names.push(...this.#fields.names);
    copy.values.push(...this.#fields.values);
    this.#fields = copy;
    this.#copied = true;
    return copy;
  }
}
