// `type: access`: paths that nobody may call.
import { integer, map } from './atoms.ts';
import { filterType } from './filter-type.ts';
import { key } from './key.ts';

export const accessFilter = filterType({
  kind: 'access',
  names: ['access'],
  guards: true,
  says: 'Refuses every request that `paths` means; without `paths` every request of the route.',
  rule: map({
    statusCode: key(integer(400, 599), {
      says: 'Status of the answer. Default {default}.',
      default: 403,
      page: 'Goma. Status of the answer.',
    }),
  }),
  read: ({ statusCode }) => ({ statusCode }),
});
