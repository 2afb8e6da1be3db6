// A certificate with its key, and lists of these.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { map, text } from './atoms.ts';
import type { CertificatePair } from './gateway-config.ts';
import { key } from './key.ts';
import { pairSourceKeys, readPairSource } from './pair-sources.ts';
import { readKeyRef, readRef } from './reading.ts';

export const certificatePairShape = map({
  cert: key(text, { says: 'Certificate, its chain included: path, PEM text, or base64 of PEM or DER.' }),
  key: key(text, { says: 'Private key of the certificate: path, PEM text, or base64 of PEM or DER.' }),
  ...pairSourceKeys,
});
type CertificatePairShape = z.output<typeof certificatePairShape>;

/** `id`: where it has one, for messages about its source. */
export function readPair(
  shape: CertificatePairShape,
  at: Cursor,
  problems: ProblemList,
  id = '',
): CertificatePair | undefined {
  const sourced = readPairSource(shape, at, id, problems);
  if (sourced !== 'files') return sourced;
  for (const name of ['cert', 'key'] as const)
    if (shape[name] === undefined && !at.has(name))
      problems.error('missing_key', at.place, `the certificate has no \`${name}\``, 'cert and key belong together.');
  const cert = readRef(shape.cert, at, 'cert', problems);
  const privateKey = readKeyRef(shape.key, at, 'key', problems);
  return cert === undefined || privateKey === undefined ? undefined : { cert, key: privateKey, place: at.place };
}

/** As readPair under `name`; a pair in which nothing is written is none, as in Goma. What a variable left empty is written. */
export function readOptionalPair(
  shape: CertificatePairShape | undefined,
  around: Cursor,
  name: string,
  problems: ProblemList,
): CertificatePair | undefined {
  const at = around.down(name);
  const isBlank = (one: string): boolean =>
    at.isEmpty(one) || (shape?.[one as 'cert' | 'key'] === '' && at.down(one).showable);
  const isWritten = !at.keys.every(isBlank);
  return shape !== undefined && isWritten ? readPair(shape, at, problems) : undefined;
}

export function readPairs(
  shapes: readonly CertificatePairShape[] | undefined,
  at: Cursor,
  problems: ProblemList,
): CertificatePair[] {
  const pairs = (shapes ?? []).map((shape, i) => readPair(shape, at.down(i), problems));
  return pairs.filter((pair) => pair !== undefined);
}
