// What changes in who may enter (changes.ts): lists for the log, lines for a person, values for JSON. Names come from
// the configuration and from certificates: everything is escaped and cut.
import { escapeForLog } from '../base/log-text.ts';
import { describeSanRules } from '../trust/san-rule.ts';
import type { AccessChange, AccessChanges, PolicyChange } from './changes.ts';
import type { Access } from './table.ts';
import { countedNames, describeNobody, listNames, maxRulesLength } from './words.ts';

/** Changes of one kind in a log line, and on a terminal. */
const maxLogged = 10;
const maxPrinted = 100;

/** What changes, as lists of sentences for one log line; nothing where nothing does. */
export function accessLogFields(changes: AccessChanges): {
  opened?: readonly string[];
  closed?: readonly string[];
  rulesChanged?: readonly string[];
} {
  const { opened, closed, rules } = describeChanges(changes);
  return {
    ...(opened.length > 0 && { opened: cut(opened, maxLogged) }),
    ...(closed.length > 0 && { closed: cut(closed, maxLogged) }),
    ...(rules.length > 0 && { rulesChanged: cut(rules, maxLogged) }),
  };
}

/** Lines for a person. */
export function printChanges(changes: AccessChanges, than: string): string[] {
  const { opened, closed, rules } = describeChanges(changes);
  const lines = [`who may enter, compared with ${escapeForLog(than)}:`];
  for (const [title, all] of [
    ['opened', opened],
    ['closed', closed],
    ['rules changed', rules],
  ] as const) {
    if (all.length > 0) lines.push(`${title}: ${all.length}`, ...cut(all, maxPrinted).map((line) => `  ${line}`));
  }
  if (lines.length === 1) lines.push('nothing changes');
  if (!changes.complete)
    lines.push('too many hosts, paths and methods for all of them: compared at the hosts of routes');
  return lines;
}

/** One sentence for each change. */
export function describeChanges(changes: AccessChanges): { opened: string[]; closed: string[]; rules: string[] } {
  return {
    opened: changes.opened.map(describeChange),
    closed: changes.closed.map(describeChange),
    rules: [...changes.policies.map(describePolicyChange), ...changes.rules.map(describeChange)],
  };
}

function cut(lines: readonly string[], max: number): string[] {
  return lines.length <= max ? [...lines] : [...lines.slice(0, max), `and ${lines.length - max} more`];
}

function describeChange({ path, conditions, hosts, methods, before, after }: AccessChange): string {
  const what = methods.length === 0 ? '' : `${listNames(methods, escapeForLog)} `;
  const routes = [...new Set([before, after].map(({ route }) => (route === undefined ? 'none' : route.config.name)))];
  const asked = conditions === '' ? '' : ` with ${escapeForLog(conditions)}`;
  const where = `${what}${escapeForLog(path)}${asked} on ${listNames(hosts, escapeForLog)}`;
  return `${where}: ${describeAccess(before)} → ${describeAccess(after)} (route ${routes.map((one) => escapeForLog(one)).join(' → ')})`;
}

function describeAccess({ policy, secure, plain }: Access): string {
  const alsoPlain = plain.kind === 'anyone' ? ', over plain HTTP too' : '';
  if (secure.kind === 'nobody') return plain.kind === 'anyone' ? 'anyone over plain HTTP' : describeNobody(secure.why);
  const rules = secure.allow === undefined ? '' : ` with ${describeSanRules(secure.allow, maxRulesLength)}`;
  if (secure.kind === 'certificate') return `a certificate${rules} (policy ${escapeForLog(policy?.config.name ?? '')})`;
  return `anyone${alsoPlain}${rules === '' ? '' : `; who shows a certificate: one${rules}`}`;
}

function describePolicyChange(change: PolicyChange): string {
  const { policy, addedCas, addedCount, removedCas, removedCount, terms } = change;
  const parts = [
    ...(addedCount > 0 ? [`CA added ${countedNames(addedCas, addedCount)}`] : []),
    ...(removedCount > 0 ? [`CA removed ${countedNames(removedCas, removedCount)}`] : []),
    ...terms.map(({ key, before = 'none', after = 'none' }) =>
      before === after ? `${key} changed (${after})` : `${key} ${before} → ${after}`,
    ),
  ];
  return `policy ${escapeForLog(policy)}: ${parts.join('; ')}`;
}

/** For `check --compare --json`. */
export function changesToJson(changes: AccessChanges, than: string): object {
  return { than, complete: changes.complete, ...describeChanges(changes) };
}
