// `gateway.name`: see own-name.ts.
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { text } from './atoms.ts';
import { key } from './key.ts';
import { defaultGatewayName, isGatewayName } from './own-name.ts';
import { reportMistake } from './reading.ts';

export const nameKey = key(text, {
  says: 'What this gateway is called among others on one store. Default: the host name.',
  unset: 'the host name',
  page: 'own. What this gateway is called among others on one store: letters, digits, `.`, `_` and `-`, at most 128. Each has another one. Takes effect at a start. [Several gateways](many-gateways.md).',
  example: 'For example name: edge-1.',
});

/** `around`: `gateway`. */
export function readGatewayName(written: string | undefined, around: Cursor, problems: ProblemList): string {
  if (written === undefined) return defaultGatewayName();
  if (isGatewayName(written)) return written;
  reportMistake(problems, 'bad_name', around.down('name'), written, {
    problem: 'is no name of a gateway',
    hint: 'Write letters, digits, ".", "_" and "-", at most 128, for example name: edge-1.',
  });
  return defaultGatewayName();
}
