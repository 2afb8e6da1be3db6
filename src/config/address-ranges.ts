// A list of addresses and ranges in the configuration, read for whoever believes them something.
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { parseCidr } from './cidr.ts';
import { reportMistake } from './reading.ts';

/**
 * Canonical CIDRs; those that are none are reported and left out. `at`: the list. `everybody`: what it means where a range
 * holds every address.
 */
export function readAddressRanges(
  written: readonly string[],
  at: Cursor,
  problems: ProblemList,
  everybody: { readonly message: string; readonly hint: string },
): string[] {
  const ranges = written.map((text, i) => {
    const range = parseCidr(text);
    const item = at.down(i);
    if (range === undefined)
      reportMistake(problems, 'bad_address', item, text, {
        problem: 'is not an IP address or range',
        hint: 'For example 192.0.2.7 or 10.0.0.0/8.',
      });
    else if (range.endsWith('/0')) problems.warn('trusts_everybody', item.place, everybody.message, everybody.hint);
    return range;
  });
  return ranges.filter((range) => range !== undefined);
}
