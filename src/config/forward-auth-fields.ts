// Which fields go to an authentication service, and what of its answer goes to the backend.
import { FieldKind, isToken, kindOf } from '../http/field.ts';
import { foldName } from '../http/fold-name.ts';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';

const maxNames = 64;

/** From a header of the service's answer to a name for the backend. */
export type AuthMapping = { readonly from: string; readonly to: string };

/** What the gateway says of the request itself is nobody else's to say. */
const ours: ReadonlySet<string> = new Set([
  'x-original-url',
  'x-real-ip',
  'x-request-id',
  'host',
  'client-cert',
  'client-cert-chain',
]);

export function readRequestHeaders(
  written: readonly string[] | undefined,
  at: Cursor,
  problems: ProblemList,
): readonly string[] {
  const here = at.down('authRequestHeaders');
  if ((written?.length ?? 0) > maxNames) problems.error('too_many', here.place, `more than ${maxNames} headers`);
  return (written ?? []).flatMap((name, i) => {
    const folded = foldName(name);
    const isOurs = ours.has(folded) || folded.startsWith('x-forwarded-');
    if (isToken(name) && kindOf(name.toLowerCase()) === FieldKind.plain && !isOurs) return [name.toLowerCase()];
    const problem = isToken(name)
      ? 'comes from the gateway, or belongs to one connection'
      : 'is not the name of a field';
    problems.error('bad_field', here.down(i).place, `${name} ${problem}`, 'Remove it, or name another.');
    return [];
  });
}

export function readMappings(
  written: readonly string[] | undefined,
  name: 'authResponseHeaders' | 'authResponseHeadersAsParams',
  at: Cursor,
  problems: ProblemList,
  mistakeIn: (to: string) => { readonly problem: string; readonly hint: string } | undefined,
): AuthMapping[] {
  const here = at.down(name);
  const seen = new Set<string>();
  if ((written?.length ?? 0) > maxNames) problems.error('too_many', here.place, `more than ${maxNames} headers`);
  return (written ?? []).flatMap((entry, i) => {
    const [from = '', to = from, ...more] = entry.split(':').map((part) => part.trim());
    const mistake =
      more.length > 0 || !isToken(from)
        ? { problem: 'is neither NAME nor NAME:OTHER', hint: 'For example x-auth-user: X-User.' }
        : seen.has(foldName(to))
          ? { problem: 'is given twice', hint: '' }
          : mistakeIn(to);
    seen.add(foldName(to));
    if (mistake === undefined) return [{ from: from.toLowerCase(), to }];
    problems.error('bad_field', here.down(i).place, `${to} ${mistake.problem}`, mistake.hint);
    return [];
  });
}

export function mistakeInParam(name: string): { readonly problem: string; readonly hint: string } | undefined {
  return /^[\w.\-~[\]]{1,128}$/.test(name)
    ? undefined
    : { problem: 'is no name of a parameter', hint: 'Letters, digits, and _ . - ~ [ ].' };
}
