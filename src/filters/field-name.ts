// Names of fields that filters set, from their configuration.
import { type FieldName, FieldNames } from '../http/field.ts';

/** Throws RangeError for what is no name of a field. */
export function fieldName(text: string): FieldName {
  const name = new FieldNames(1).find(text);
  if (name === undefined) throw new RangeError(`${JSON.stringify(text)} is no name of a field`);
  return name;
}
