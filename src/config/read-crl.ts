// `crl` of both sides: where revocation lists come from, and what holds where one is missing or out of date.
import type { Cursor } from '../yaml/cursor.ts';
import { isUrl, parseFetchUrl, withoutPassword } from './fetch-url.ts';
import type { CrlConfig, CrlSource } from './gateway-config.ts';
import type { CrlShape } from './identity-shape.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { readBetween, readRefAt, reportEmpty, reportMistake } from './reading.ts';

const maxSources = 256;
const hourMs = 3_600_000;

/** The block under `crl` of `around`. */
export function readCrl(shape: CrlShape | undefined, around: Cursor, problems: ProblemList): CrlConfig | undefined {
  if (shape === undefined) return reportEmpty(around, 'crl', problems);
  const at = around.down('crl');
  const { sources: written, onMissing = 'deny', onStale = 'deny', scope = 'chain' } = shape;
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
  const refreshMs = readBetween(shape.refresh, hourMs, ['1m', '168h'], at, 'refresh', problems);
  if (shape.refresh !== undefined && sources.length > 0 && !sources.some((source) => 'url' in source))
    problems.warn(
      'ignored_key',
      at.keyPlace('refresh'),
      'refresh has no effect: no source is a URL; files are watched',
    );
  return { sources, onMissing, onStale, scope, refreshMs, place: at.place };
}

function readSource(text: string, at: Cursor, problems: ProblemList): CrlSource | undefined {
  if (text.includes('-----BEGIN') || !isUrl(text)) return readRefAt(text, at, 'the source', problems);
  const reading = parseFetchUrl(text);
  if ('url' in reading) return { place: at.place, url: reading.url };
  reportMistake(problems, 'bad_url', at, withoutPassword(text), reading);
  return undefined;
}
