// What a route asks of a request beside path and host: `pathMatch`, `match`, `policies`, `entryPoints`. Where it asks in vain, the
// next route has its turn (routing/conditions.ts).
import type { z } from 'zod';
import { FieldKind, isToken, kindOf } from '../http/field.ts';
import { claimOf, FieldClaim, neverPassed } from '../http/field-claim.ts';
import { foldName } from '../http/fold-name.ts';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { closedMap, flag, list, map, oneOf, text } from './atoms.ts';
import type { FieldCondition, RouteMatchConfig } from './gateway-config.ts';
import { closedBlock, key } from './key.ts';
import { type Mistake, reportMistake } from './reading.ts';
import { readMethods } from './route-match.ts';
import { parseWholeRegex } from './safe-regex.ts';

const maxConditions = 32;

const conditionShape = closedMap({
  name: key(text, { says: 'Name of the header field or query parameter; required.', restricts: true }),
  value: key(text, { says: 'The whole value; case matters.', restricts: true }),
  regex: key(text, { says: 'An expression that matches the whole value.', restricts: true }),
  present: key(flag, { says: 'true: it is there, whatever its value.', restricts: true }),
  invert: key(flag, {
    says: 'The condition holds where it would not. Default {default}.',
    default: false,
    restricts: true,
  }),
});
type ConditionShape = z.output<typeof conditionShape>;

const example = 'For example {name: x-version, value: "2"}.';

const matchKeys = {
  methods: key(list(text), {
    says: 'Methods of the route; a request with another one goes on to the next route.',
    default: [],
    restricts: true,
    page: 'A request with another method goes on to the next route, where `methods` beside `path` would answer 405. HEAD goes with GET.',
  }),
  headers: key(list(conditionShape), {
    says: 'Conditions on header fields; all have to hold.',
    default: [],
    restricts: true,
    page: '`[{name, value | regex | present: true, invert}]`, all of them: a header field is there, is `value`, or matches `regex` as a whole; `invert: true` turns it round.',
    example,
  }),
  query: key(list(conditionShape), {
    says: 'Conditions on query parameters; all have to hold.',
    default: [],
    restricts: true,
    page: 'The same for parameters of the query.',
    example,
  }),
};

export const conditionKeys = {
  pathMatch: key(oneOf(['prefix', 'exact', 'regex']), {
    says: 'How path is compared. Default {default}.',
    default: 'prefix',
    restricts: true,
    page: 'own, words of the Gateway API. `exact`: the very path, nothing below it and no slash at the end. `regex`: `path` is an expression over the whole path. See [Matching](#matching).',
  }),
  match: closedBlock(matchKeys, {
    says: 'What is asked of a request beside path and host; where it does not hold, the next route has its turn.',
    restricts: true,
    example: 'For example match: {headers: [{name: x-version, value: "2"}]}.',
  }),
  policies: key(list(text), {
    says: 'Trust policies: the route exists for clients that came in through one of them, and for nobody else.',
    restricts: true,
    unset: 'all',
    page: 'own. Names of [policies](#policies) (`gateway`: that of `gateway.tls`). The route exists for clients that came in over TLS through one of them, and for nobody else.',
  }),
  entryPoints: key(list(text), {
    says: 'Entry points on which the route exists.',
    restricts: true,
    unset: 'all',
    page: 'own, as in Traefik. Names of entry points (`web`, `webSecure`, those of `gateway.entryPoints.more`): the route exists there and nowhere else.',
  }),
};
const conditions = map(conditionKeys);
type ConditionsShape = z.output<typeof conditions>;

/** A route that asks for nothing beside path and host. */
/** What names may be given; undefined: a problem with them was reported already. */
export type KnownNames = { readonly policies: readonly string[]; readonly entryPoints: readonly string[] };

export function readConditions(
  shape: ConditionsShape,
  at: Cursor,
  known: KnownNames,
  problems: ProblemList,
): RouteMatchConfig {
  const here = at.down('match');
  const { match } = shape;
  for (const key of ['match', 'pathMatch'] as const)
    if (at.isEmpty(key))
      problems.error(
        'empty_value',
        at.keyPlace(key),
        `${key} is written but has no value`,
        'Give its value, or remove it.',
      );
  return {
    path: shape.pathMatch,
    methods: readMethods(match.methods, here, problems),
    headers: readFieldConditions(match.headers, here.down('headers'), mistakeInHeader, problems),
    query: readFieldConditions(match.query, here.down('query'), mistakeInParameter, problems),
    policies: readNames(shape.policies, at, 'policies', known.policies, problems),
    entryPoints: readNames(shape.entryPoints, at, 'entryPoints', known.entryPoints, problems),
  };
}

/** An empty list would say that the route exists nowhere, or, were it ignored, everywhere. */
function readNames(
  names: readonly string[] | undefined,
  at: Cursor,
  key: 'policies' | 'entryPoints',
  known: readonly string[],
  problems: ProblemList,
): string[] {
  if (names === undefined) {
    if (at.isEmpty(key))
      problems.error(
        'empty_value',
        at.keyPlace(key),
        `${key} is written but has no value`,
        `Name some, or remove it: ${known.join(', ')}.`,
      );
    return [];
  }
  if (names.length === 0)
    problems.error(
      'empty_value',
      at.keyPlace(key),
      `${key} is an empty list: the route would exist nowhere`,
      'Name some, or remove the key.',
    );
  for (const [i, name] of names.entries())
    if (!known.includes(name))
      reportMistake(problems, 'unknown_name', at.down(key, i), name, {
        problem: key === 'policies' ? 'is no trust policy' : 'is no entry point that is switched on',
        hint: `There are ${known.join(', ')}.`,
      });
  return [...new Set(names)];
}

function readFieldConditions(
  shapes: readonly ConditionShape[],
  at: Cursor,
  mistakeIn: (name: string) => Mistake | undefined,
  problems: ProblemList,
): FieldCondition[] {
  if (shapes.length > maxConditions) problems.error('too_many', at.place, `more than ${maxConditions} conditions`);
  return shapes.flatMap((shape, i) => readFieldCondition(shape, at.down(i), mistakeIn, problems) ?? []);
}

function readFieldCondition(
  { name, value, regex, present, invert }: ConditionShape,
  at: Cursor,
  mistakeIn: (name: string) => Mistake | undefined,
  problems: ProblemList,
): FieldCondition | undefined {
  const mistake = name === undefined ? undefined : mistakeIn(name);
  if (name === undefined) problems.error('missing_key', at.place, 'the condition has no `name`', example);
  else if (mistake !== undefined) reportMistake(problems, 'bad_header', at.down('name'), name, mistake);
  const said = [value, regex, present].filter((one) => one !== undefined).length;
  if (said !== 1 || present === false)
    problems.error(
      'bad_condition',
      at.place,
      present === false ? '`present: false` says nothing' : 'the condition needs one of `value`, `regex` and `present`',
      present === false ? 'Write present: true, invert: true for what must be absent.' : example,
    );
  const reading = regex === undefined ? undefined : parseWholeRegex(regex);
  if (reading !== undefined && 'problem' in reading)
    reportMistake(problems, 'bad_regex', at.down('regex'), regex ?? '', reading);
  return name === undefined ? undefined : { name, value, regex, invert };
}

/** What frames a message, or says who a client is, is not the client's to say: no route hangs on it. */
function mistakeInHeader(name: string): Mistake | undefined {
  const folded = foldName(name);
  if (!isToken(name)) return { problem: 'is not the name of a field', hint: example };
  if (folded === 'host') return { problem: 'is not looked at as a field', hint: 'Write hosts.' };
  if (folded === 'cookie')
    return { problem: 'is no field to compare as a whole', hint: 'Clients divide and order cookies as they like.' };
  if (kindOf(name.toLowerCase()) !== FieldKind.plain || folded === 'content-length')
    return { problem: 'frames messages or concerns one connection', hint: 'Name a field of the request itself.' };
  if (claimOf(folded) !== FieldClaim.none || neverPassed.has(folded))
    return {
      problem: 'is removed from what clients send, since backends believe it',
      hint: 'For the identity of a client write security.clientCert, or policies.',
    };
  return undefined;
}

function mistakeInParameter(name: string): Mistake | undefined {
  return name === '' || name.length > 256 || /[\u0000-\u0020\u007f&;=#[\]]/.test(name)
    ? { problem: 'is not the name of a query parameter', hint: 'Write it decoded, as in {name: version, value: "2"}.' }
    : undefined;
}
