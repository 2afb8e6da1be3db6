// `type: accessPolicy`: from which addresses a route may be called.
import { canonicalIp, parseIp } from '../base/ip-name.ts';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { quote } from '../yaml/tree.ts';
import { list, map, oneOf, text } from './atoms.ts';
import { parseCidr } from './cidr.ts';
import { filterType } from './filter-type.ts';
import { key } from './key.ts';

const maxRanges = 10_000;

export const accessPolicy = filterType({
  kind: 'accessPolicy',
  names: ['accessPolicy'],
  guards: true,
  wholeRoute: true,
  says: 'Lets requests pass, or refuses them, by the address of the client; behind `gateway.proxy.trustedProxies` the one that they name.',
  rule: map({
    action: key(oneOf(['ALLOW', 'DENY'], true), {
      says: 'ALLOW: the addresses of sourceRanges pass, all others do not. DENY: the reverse. Default {default}.',
      default: 'ALLOW',
      restricts: true,
      page: 'Goma. `ALLOW`: the addresses of `sourceRanges` pass, all others do not. `DENY`: the reverse. Any case.',
    }),
    sourceRanges: key(list(text), {
      says: 'Addresses, CIDR ranges, or a-b. Required.',
      unset: 'required',
      restricts: true,
      page: 'Goma. Addresses (`192.0.2.7`), CIDR ranges (`10.0.0.0/8`, `2001:db8::/32`), or both ends (`10.0.0.5-10.0.1.9`; of IPv6 too).',
    }),
  }),
  read: ({ action, sourceRanges }, at, problems) => {
    if (sourceRanges === undefined || sourceRanges.length === 0) {
      problems.error('missing_key', at.place, 'accessPolicy has no `sourceRanges`', 'List addresses or ranges.');
      return undefined;
    }
    const here = at.down('sourceRanges');
    if (sourceRanges.length > maxRanges) problems.error('too_many', here.place, `more than ${maxRanges} ranges`);
    const ranges = sourceRanges.flatMap((range, i) => readRange(range, here.down(i), problems));
    return { isAllow: action === 'ALLOW', ranges };
  },
});

function readRange(written: string, at: Cursor, problems: ProblemList): string[] {
  const range = parseRange(written);
  if (range !== undefined) return [range];
  problems.error(
    'bad_address',
    at.place,
    `${quote(written)} is neither an address nor a range`,
    'For example 192.0.2.7, 10.0.0.0/8, 10.0.0.5-10.0.1.9, 2001:db8::/32.',
  );
  return [];
}

/** A canonical CIDR, or `from-to`; undefined where it is neither, or the ends are of two families or in the wrong order. */
export function parseRange(text: string): string | undefined {
  const [, first, last] = /^([^-]+)-([^-]+)$/.exec(text) ?? [];
  if (first === undefined || last === undefined) return parseCidr(text.trim());
  const [from, to] = [first.trim(), last.trim()];
  const [low, high] = [parseIp(from), parseIp(to)];
  if (low === undefined || high?.length !== low.length || Buffer.compare(low, high) > 0) return undefined;
  return `${canonicalIp(from)}-${canonicalIp(to)}`;
}
