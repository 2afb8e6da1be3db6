// `type: compress`: which answers are compressed on their way to the client.
import { flag, integer, list, map, oneOf, text } from './atoms.ts';
import { filterType } from './filter-type.ts';
import { key } from './key.ts';
import { reportMistake } from './reading.ts';

export type Encoding = 'zstd' | 'br' | 'gzip';

const defaultTypes = [
  'text/html',
  'text/css',
  'text/plain',
  'text/xml',
  'text/csv',
  'text/javascript',
  'text/event-stream',
  'application/javascript',
  'application/json',
  'application/problem+json',
  'application/ld+json',
  'application/xml',
  'application/wasm',
  'image/svg+xml',
] as const;

export const compress = filterType({
  kind: 'compress',
  names: ['compress', 'compression', 'gzip'],
  guards: false,
  says: 'Compresses answers for clients that accept it.',
  rule: map({
    encodings: key(list(oneOf(['zstd', 'br', 'gzip'], true)), {
      says: 'Which, the preferred first. Default zstd, br, gzip.',
      default: ['zstd', 'br', 'gzip'],
      page: 'own. Which; where a client likes several equally, the first.',
    }),
    contentTypes: key(list(text), {
      says: 'Media types, without parameters.',
      default: defaultTypes,
      page: 'own. Media types without parameters.',
    }),
    minLength: key(integer(0, 16_777_216), {
      says: 'Bytes; what is shorter goes as it is. Default {default}.',
      default: 1_024,
      page: 'own. Bytes; what is shorter goes as it is. An answer of unknown length counts as long.',
    }),
    withCredentials: key(flag, {
      says: 'Also what is said to a client alone. Default {default}.',
      default: false,
      page: 'own. `true`: also answers to requests with `Cookie` or `Authorization`, answers with `Set-Cookie`, and those to a client with a certificate whose browser asks for another site: only where no secret stands beside what a stranger can choose (see below).',
    }),
  }),
  read: ({ encodings, contentTypes, minLength, withCredentials }, at, problems) => {
    if (encodings.length === 0 && !at.isBroken('encodings'))
      problems.error(
        'empty_list',
        at.keyPlace('encodings'),
        'encodings is an empty list',
        'Remove it for all of them.',
      );
    for (const [i, type] of contentTypes.entries())
      if (!/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/.test(type))
        reportMistake(problems, 'wrong_value', at.down('contentTypes', i), type, {
          problem: 'is no media type without parameters',
          hint: 'For example application/json.',
        });
    return { encodings, contentTypes: contentTypes.map((type) => type.toLowerCase()), minLength, withCredentials };
  },
});
