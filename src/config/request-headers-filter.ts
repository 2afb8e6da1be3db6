// `type: requestHeaders`: fields of the request as the backend gets it.
import { map } from './atoms.ts';
import { fieldMap, fieldNames, readFieldEdits } from './field-edits.ts';
import { filterType } from './filter-type.ts';
import { key } from './key.ts';

export const requestHeadersFilter = filterType({
  kind: 'requestHeaders',
  names: ['requestHeaders'],
  // Backends may read permissions from what it sets, and be kept from what it removes.
  guards: true,
  says: 'Changes fields of requests for the backend: removes, then sets, then appends. [Values](#values-of-header-fields) may name what was verified of the client.',
  rule: map({
    removeHeaders: key(fieldNames, {
      says: 'Names of fields that the backend does not get.',
      page: 'Goma. Names of fields that the backend does not get, in no spelling.',
    }),
    setHeaders: key(fieldMap, {
      says: 'Fields by name, in place of what the client sent. An empty value removes.',
      page: 'Goma. Fields by name, in place of what the client sent; an empty value removes. Where a value names an identity that the client does not have, there is no such field.',
    }),
    append: key(fieldMap, {
      says: 'Fields by name, beside what the client sent.',
      page: 'own. Fields by name, beside what the client sent.',
    }),
  }),
  read: (rule, at, problems) => {
    const edits = readFieldEdits(rule, 'request', at, problems);
    if (edits.remove.length + edits.set.length + edits.append.length === 0)
      problems.warn('unused_value', at.place, 'the middleware changes no field', 'Write setHeaders or removeHeaders.');
    return edits;
  },
});
