// What guards a location, in small questions: is it closed altogether, which of its lines refuse somebody, what the certificate of a client
// has to be.
import type { DraftMap } from '../import/draft.ts';
import type { Callers } from './condition.ts';
import { type Directive, firstWord } from './directive.ts';
import type { Location } from './locations.ts';
import type { Scope } from './scope.ts';
import type { Verify } from './tls-settings.ts';

/** `deny all` and nobody before it. */
export function isClosed(scope: Scope): boolean {
  const [first] = scope.allOf('allow', 'deny');
  return first?.name === 'deny' && firstWord(first) === 'all';
}

/** What refuses somebody. */
export function isCondition(directive: Directive): boolean {
  const { name } = directive;
  return name === 'if' || name === 'limit_except' || (name === 'return' && /^[45]/.test(firstWord(directive)));
}

/** As a route says it: only what differs from its policy. */
export function clientCert(callers: Callers | undefined, verify: Verify): DraftMap | undefined {
  const allow = callers?.allow;
  if (verify === 'on') return allow === undefined ? undefined : { allow };
  if (callers !== undefined) return { required: true, ...(allow !== undefined && { allow }) };
  return verify === 'optional' ? { required: false } : undefined;
}

export function noPath({ kind, path, ignoreCase }: Location): string {
  if (kind !== 'regex') return `${path} is a path with a slash at the end, exactly: there is no such thing here`;
  if (ignoreCase) return 'an expression without case has no counterpart; its requests meet what is around it';
  return 'an expression that fits anywhere in a path has no counterpart (pathMatch: regex is for whole paths); its requests meet what is around it';
}
