// `crl` of both sides: where revocation lists come from, and what holds where one is missing or out of date.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import { isUrl, parseFetchUrl, withoutPassword } from './fetch-url.ts';
import type { CrlConfig, CrlSource } from './gateway-config.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { closedMap, durationBetween, oneOf, oneOrMore, text } from './atoms.ts';
import { key } from './key.ts';
import { readRefAt, reportEmpty, reportMistake } from './reading.ts';

const maxSources = 256;
const onProblem = oneOf(['deny', 'allow'], true);

export const crlExample = 'For example crl: {sources: [FILE, FOLDER or URL]}.';

export const crlShape = closedMap({
  sources: key(oneOrMore(text), {
    says: 'Required: path of a file or folder, PEM text, base64 of PEM or DER, or http(s) URL; or a list of these.',
    unset: 'required',
    page: 'One or a list: a file, a folder, PEM text, base64 of PEM or DER, or an `http://` or `https://` URL (CRLs are signed) without user, password or fragment. Other schemes are errors.',
  }),
  onMissing: key(onProblem, {
    says: 'A certificate whose issuer has no CRL here. Default {default}.',
    default: 'deny',
    page: 'A certificate whose issuer has no CRL among the sources. `allow` is a warning.',
  }),
  onStale: key(onProblem, {
    says: 'A CRL whose nextUpdate has passed. Default {default}.',
    default: 'deny',
    page: 'A CRL whose `nextUpdate` has passed. `allow` is a warning.',
  }),
  scope: key(oneOf(['chain', 'leaf'], true), {
    says: 'chain: every certificate below the anchor; leaf: the leaf alone. Default {default}.',
    default: 'chain',
    page: '`chain`: every certificate below the anchor; `leaf`: the leaf alone.',
  }),
  refresh: key(durationBetween('1m', '168h'), {
    says: 'Longest time between two fetches of a URL, {min} to {max}; earlier where nextUpdate is nearer. Default {default}.',
    default: '1h',
    restricts: true,
    page: 'Longest time between two fetches of a URL, `{min}` to `{max}`; earlier where `nextUpdate` is nearer. Files are watched.',
  }),
});
type CrlShape = z.output<typeof crlShape>;

/** The block under `crl` of `around`. */
export function readCrl(shape: CrlShape | undefined, around: Cursor, problems: ProblemList): CrlConfig | undefined {
  if (shape === undefined) return reportEmpty(around, 'crl', problems);
  const at = around.down('crl');
  const { sources: written, onMissing, onStale, scope, refresh } = shape;
  const listAt = at.down('sources');
  if ((written === undefined || written.length === 0) && !at.isBroken('sources'))
    problems.error(
      'missing_key',
      at.has('sources') ? at.keyPlace('sources') : at.place,
      'crl names no sources: nothing could be known about any certificate',
      'Write sources: [FILE, FOLDER or URL].',
    );
  if (written !== undefined && written.length > maxSources)
    problems.error('too_many', listAt.place, `more than ${maxSources} sources`);
  const sources = (written ?? []).flatMap((text, i) => readSource(text, listAt.down(i), problems) ?? []);
  if (onMissing === 'allow')
    problems.warn(
      'revocation_open',
      at.keyPlace('onMissing'),
      'onMissing: allow lets certificates pass whose issuer has no CRL here, revoked ones too',
      'Write deny, and give the CRL of every CA.',
    );
  if (onStale === 'allow')
    problems.warn(
      'revocation_open',
      at.keyPlace('onStale'),
      'onStale: allow relies on CRLs whose time is over: what was revoked since then passes',
      'Write deny, and renew the CRLs in time.',
    );
  if (at.has('refresh') && !at.isEmpty('refresh') && sources.length > 0 && !sources.some((source) => 'url' in source))
    problems.warn(
      'ignored_key',
      at.keyPlace('refresh'),
      'refresh has no effect: no source is a URL; files are watched',
    );
  return { sources, onMissing, onStale, scope, refreshMs: refresh, place: at.place };
}

function readSource(text: string, at: Cursor, problems: ProblemList): CrlSource | undefined {
  if (text.includes('-----BEGIN') || !isUrl(text)) return readRefAt(text, at, 'the source', problems);
  const reading = parseFetchUrl(text);
  if ('url' in reading) return { place: at.place, url: reading.url };
  reportMistake(problems, 'bad_url', at, withoutPassword(text), reading);
  return undefined;
}
