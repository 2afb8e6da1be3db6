// `gateway.trustRecord`: the bounded record of the identities that were seen.
import { dirname, resolve } from 'node:path';
import type { Cursor } from '../yaml/cursor.ts';
import type { GatewayConfig } from './gateway-config.ts';
import type { GatewayShape } from './gateway-shape.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { readBetween, reportEmpty, reportMistake } from './reading.ts';

const defaultKeepMs = 720 * 3_600_000;

/** `around`: `gateway`. */
export function readTrustRecord(
  shape: GatewayShape['trustRecord'],
  around: Cursor,
  problems: ProblemList,
): GatewayConfig['trustRecord'] {
  const at = around.down('trustRecord');
  const pathAt = at.down('path');
  const path = shape?.path;
  if (path === undefined) reportEmpty(at, 'path', problems);
  else if (path === '' || path.length > 4096 || /[\u0000-\u001f\u007f]/.test(path))
    reportMistake(problems, 'bad_path', pathAt, path, {
      problem: 'is not the path of a file',
      hint: 'Remove the key to keep the record in memory only.',
    });
  return {
    enabled: shape?.enabled ?? true,
    path: path === undefined ? undefined : resolve(dirname(pathAt.place.file), path.replaceAll('\0', '')),
    maxIdentities: shape?.maxIdentities ?? 10_000,
    keepMs: readBetween(shape?.keep, defaultKeepMs, ['1h', '1176h'], at, 'keep', problems),
  };
}
