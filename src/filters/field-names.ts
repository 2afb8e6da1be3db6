// Names of fields that filters know before any request comes.
import { type FieldName, FieldNames } from '../http/field.ts';

/** Throws RangeError for what is no name of a field (RFC 9110 section 5.1). */
export function nameOf(text: string): FieldName {
  const name = new FieldNames(1).find(text);
  if (name === undefined) throw new RangeError(`${JSON.stringify(text)} is no name of a field`);
  return name;
}
