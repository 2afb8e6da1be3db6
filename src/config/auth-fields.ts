// Names of fields by which a middleware tells a backend who a client is: those that have no meaning of their own, and no other
// hand of the gateway's in them.
import { isToken } from '../http/field.ts';
import { claimOf, FieldClaim, neverPassed } from '../http/field-claim.ts';
import { foldName } from '../http/fold-name.ts';
import { hasOwnMeaning } from './custom-field.ts';
import type { Mistake } from './reading.ts';

const maxNameLength = 128;

/** Undefined where the name can be used. */
export function mistakeInAuthField(name: string): Mistake | undefined {
  const hint = 'For example X-User.';
  if (!isToken(name) || name.length > maxNameLength) return { problem: 'is not the name of a field', hint };
  const folded = foldName(name);
  // X-Forwarded-User, -Email, -Groups are what others write; -For, -Proto and the like are the gateway's.
  const isUser = /^x-forwarded-(?:user|users|email|groups?|preferred-username|access-token|uid|name|roles?)$/.test(
    folded,
  );
  if (isUser) return undefined;
  if (neverPassed.has(folded) || hasOwnMeaning(folded) || claimOf(folded) === FieldClaim.override)
    return { problem: 'has a meaning of its own in HTTP or for the gateway', hint };
  return undefined;
}
