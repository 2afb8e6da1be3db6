// `removeHeaders`, `setHeaders`, `append` of a filter, ready for messages: what is the same for all requests is made once.
import type { FieldEdit, FieldEditsConfig } from '../config/field-edits.ts';
import { tellsOfClient } from '../config/field-template.ts';
import { type FieldName, FieldNames } from '../http/field.ts';
import { claimOf, FieldClaim } from '../http/field-claim.ts';
import { foldName } from '../http/fold-name.ts';
import type { FieldEdits } from './field-edits.ts';
import type { FilterRequest } from './filter.ts';
import { Template } from './template.ts';

type Edit = { readonly name: FieldName; readonly value: Template };

/** The name of a field that a configuration names. Throws RangeError where it is none. */
export function fieldName(text: string): FieldName {
  const name = new FieldNames(1).find(text);
  if (name === undefined) throw new RangeError(`${JSON.stringify(text)} is not the name of a field`);
  return name;
}

export class HeaderEdits {
  /** Names by which it says something of the client, or could be believed to (`Filter.sets`). */
  readonly claims: readonly string[];
  readonly #remove: readonly FieldName[];
  readonly #set: readonly Edit[];
  readonly #append: readonly Edit[];

  constructor({ remove, set, append }: FieldEditsConfig) {
    this.#remove = remove.map(fieldName);
    this.#set = set.map(edit);
    this.#append = append.map(edit);
    this.claims = [...set, ...append].filter(claims).map(({ name }) => name);
  }

  /** Faults: identity_too_large. Throws as FieldEdits.set. */
  apply(fields: FieldEdits, request: FilterRequest): void {
    for (const name of this.#remove) fields.remove(name);
    for (const { name, value } of this.#set) {
      const text = value.render(request);
      if (text === undefined) fields.remove(name);
      else fields.set(name, text);
    }
    for (const { name, value } of this.#append) {
      const text = value.render(request);
      if (text !== undefined) fields.append(name, text);
    }
  }

  /** To an answer of the gateway's own: what it says by itself stays, and nothing is said of its body. */
  applyToOwn(fields: FieldEdits, request: FilterRequest): void {
    for (const { name, value } of [...this.#set, ...this.#append]) {
      if (aboutBody.test(name.lower) || fields.find(name.lower) !== undefined) continue;
      const text = value.render(request);
      if (text !== undefined) fields.append(name, text);
    }
  }
}

/** A refusal is nobody's to keep, and its body is the gateway's. */
const aboutBody =
  /^(?:content-(?!security-policy)|cache-control$|expires$|pragma$|age$|etag$|last-modified$|accept-ranges$|set-cookie$)/;

function edit({ name, value }: FieldEdit): Edit {
  return { name: fieldName(name), value: new Template(value) };
}

function claims({ name, value }: FieldEdit): boolean {
  return tellsOfClient(value) || claimOf(foldName(name)) !== FieldClaim.none;
}
