// Words that the table of access and its changes share.
import type { Who } from './table.ts';

/** Hosts, methods, CAs of one line. */
const maxNames = 4;
export const maxRulesLength = 200;

type Why = Extract<Who, { kind: 'nobody' }>['why'];

const reasons: Readonly<Record<Why, string>> = {
  unknown_host: 'the host is unknown',
  no_route: '404',
  method: '405',
  off: 'switched off',
  not_asked: 'a certificate is required and not asked for',
  plaintext: '308 or 403',
};

export function describeNobody(why: Why): string {
  return `nobody (${reasons[why]})`;
}

export function listNames(all: readonly string[], describe: (name: string) => string): string {
  return countedNames(
    all.slice(0, maxNames).map((name) => describe(name)),
    all.length,
  );
}

/** The first names, described already, and how many there are in all. */
export function countedNames(shown: readonly string[], count: number): string {
  return shown.join(', ') + (count > shown.length ? ` and ${count - shown.length} more` : '');
}
