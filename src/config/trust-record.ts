// `gateway.trustRecord`: the bounded record of the identities that were seen.
import { dirname, resolve } from 'node:path';
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { durationBetween, flag, integer, map, text } from './atoms.ts';
import type { GatewayConfig } from './gateway-config.ts';
import { key } from './key.ts';
import { reportEmpty, reportMistake } from './reading.ts';

export const trustRecordKeys = {
  enabled: key(flag, { says: 'Default {default}.', default: true, restricts: true, page: 'own.' }),
  path: key(text, {
    says: 'File that outlives the process. Default: kept in memory only.',
    unset: 'kept in memory only',
    restricts: true,
    page: 'own. A file that outlives the process, relative to the file that names it.',
  }),
  maxIdentities: key(integer(1, 100_000), {
    says: 'Default {default}; beyond it the longest unseen goes.',
    default: 10_000,
    page: 'own. {min} to {max}; beyond it the longest unseen goes.',
  }),
  keep: key(durationBetween('1h', '1176h'), {
    says: 'How long an identity is kept after it was last seen, {min} to {max}. Default {default}.',
    default: '720h',
    page: 'own. How long an identity is kept after it was last seen, `{min}` to `{max}`.',
  }),
};

const trustRecord = map(trustRecordKeys);

/** `around`: `gateway`. */
export function readTrustRecord(
  shape: z.output<typeof trustRecord>,
  around: Cursor,
  problems: ProblemList,
): GatewayConfig['trustRecord'] {
  const at = around.down('trustRecord');
  const pathAt = at.down('path');
  const { enabled, path, maxIdentities, keep } = shape;
  if (path === undefined) reportEmpty(at, 'path', problems);
  else if (path === '' || path.length > 4096 || /[\u0000-\u001f\u007f]/.test(path))
    reportMistake(problems, 'bad_path', pathAt, path, {
      problem: 'is not the path of a file',
      hint: 'Remove the key to keep the record in memory only.',
    });
  return {
    enabled,
    path: path === undefined ? undefined : resolve(dirname(pathAt.place.file), path.replaceAll('\0', '')),
    maxIdentities,
    keepMs: keep,
  };
}
