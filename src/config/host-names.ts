// A list of DNS names in the configuration: each in its canonical form, once.
import type { Cursor } from '../yaml/cursor.ts';
import { parseHostName } from './host-name.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { reportMistake } from './reading.ts';

const maxHosts = 64;

export function readHostNames(texts: readonly string[], at: Cursor, problems: ProblemList): string[] {
  if (texts.length > maxHosts) problems.error('too_many', at.place, `more than ${maxHosts} hosts`);
  const hosts = new Set<string>();
  for (const [i, text] of texts.entries()) {
    const reading = parseHostName(text);
    if ('host' in reading) hosts.add(reading.host);
    else reportMistake(problems, 'bad_host', at.down(i), text, reading);
  }
  return [...hosts];
}
