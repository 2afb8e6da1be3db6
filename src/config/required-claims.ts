// What a token has to say beside who issued it and for whom: `claimsExpression` and `requiredClaims`, as one rule.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { map, oneOrMore, text } from './atoms.ts';
import { type ClaimRule, parseClaimsExpression, readClaimPath } from './claims-expression.ts';
import { key } from './key.ts';
import { reportEmpty, reportMistake, reportNobody } from './reading.ts';

const maxClaims = 32;

export const requiredClaimShape = map({
  claim: key(text, { says: 'Name of the claim; a dot goes into a map.' }),
  equals: key(text, { says: 'The value it has to have.' }),
  contains: key(text, { says: 'What has to be in it: an item of a list, a word of a text.' }),
  oneOf: key(oneOrMore(text), { says: 'Values of which it has to have one.' }),
});
type RequiredClaim = z.output<typeof requiredClaimShape>;

export type WrittenClaims = {
  readonly claimsExpression?: string | undefined;
  readonly requiredClaims?: readonly RequiredClaim[] | undefined;
};

/** Undefined: nothing is asked. `at`: the rule. */
export function readClaims(written: WrittenClaims, at: Cursor, problems: ProblemList): ClaimRule | undefined {
  const rules: ClaimRule[] = [];
  const { claimsExpression, requiredClaims } = written;
  if (claimsExpression === undefined) reportEmpty(at, 'claimsExpression', problems);
  else if (claimsExpression.trim() === '')
    problems.error(
      'empty_value',
      at.keyPlace('claimsExpression'),
      'claimsExpression is empty: every claim would do',
      'Write what the claims have to be, or remove the key.',
    );
  else {
    const parsed = parseClaimsExpression(claimsExpression);
    if ('problem' in parsed)
      reportMistake(problems, 'bad_expression', at.down('claimsExpression'), claimsExpression, parsed);
    else rules.push(parsed);
  }
  reportNobody(requiredClaims, at, 'requiredClaims', problems);
  if ((requiredClaims?.length ?? 0) > maxClaims)
    problems.error('too_many', at.keyPlace('requiredClaims'), `more than ${maxClaims} claims`);
  for (const [i, one] of (requiredClaims ?? []).entries()) {
    const here = at.down('requiredClaims', i);
    const path = one.claim === undefined ? undefined : readClaimPath(one.claim);
    // Without its value a condition would ask for no more than that the claim is there.
    for (const name of ['equals', 'contains', 'oneOf']) reportEmpty(here, name, problems);
    const asked = [one.equals, one.contains, one.oneOf].filter((value) => value !== undefined);
    if (path === undefined || asked.length > 1)
      problems.error(
        'bad_claim',
        here.place,
        path === undefined ? 'this names no claim' : 'equals, contains and oneOf exclude each other',
        'For example {claim: scope, contains: orders}.',
      );
    else rules.push(claimRule(path, one));
  }
  const [first] = rules;
  return rules.length > 1 ? { kind: 'all', rules } : first;
}

function claimRule(path: readonly string[], { equals, contains, oneOf: values }: RequiredClaim): ClaimRule {
  if (equals !== undefined) return { kind: 'equals', path, value: equals };
  if (contains !== undefined) return { kind: 'contains', path, value: contains };
  return values === undefined ? { kind: 'present', path } : { kind: 'oneOf', path, values };
}
