// Writes the record of seen clients (record-format.ts) in pieces, because it may hold thousands of certificates.
import { safeJson } from '../base/safe-json.ts';
import type { SeenAnonymous } from './anonymous.ts';
import type { SeenAnchorTally, SeenIdentity } from './record-format.ts';
import { trustRecordVersion } from './record-version.ts';

type Writable = {
  readonly since: number;
  readonly anchors: Iterable<SeenAnchorTally>;
  readonly anonymous: Iterable<SeenAnonymous>;
  readonly intermediates: Iterable<readonly [string, string]>;
  readonly identities: readonly (SeenIdentity & { readonly bytes?: number })[];
};

/** Identities written into one piece. */
const perPiece = 64;

/** The JSON text in pieces; one identity per line. `now`: milliseconds since the epoch. */
export function* writeTrustRecord(contents: Writable, now: number): Generator<string, void, undefined> {
  const { since, anchors, anonymous: tally, intermediates, identities } = contents;
  const head = { version: trustRecordVersion, since, written: now, anchors: [...anchors], anonymous: [...tally] };
  yield `${safeJson(head).slice(0, -1)},\n"intermediates":{`;
  let separator = '';
  for (const [sha256, der] of intermediates) {
    yield `${separator}\n"${sha256}":"${der}"`;
    separator = ',';
  }
  yield '},\n"identities":[';
  for (let from = 0; from < identities.length; from += perPiece) {
    const lines = identities.slice(from, from + perPiece).map((one) => safeJson({ ...one, bytes: undefined }));
    yield `${from === 0 ? '' : ','}\n${lines.join(',\n')}`;
  }
  yield '\n]}\n';
}
