// Lists of name rules: `allowedSANs` of both sides and `clientCert.allow` of a route. A rule that cannot be read is an error,
// never left out: the ones that remain could admit others than were meant.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import { closedMap, flag, oneOf, text } from './atoms.ts';
import type { SanRuleConfig } from './gateway-config.ts';
import { key } from './key.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { reportMistake, reportNobody } from './reading.ts';
import { parseSanValue } from './san-value.ts';
import { parseSpiffeId, parseTrustDomain } from './spiffe-id.ts';
import { readSubjectRule, subjectShape } from './subject-rules.ts';

const maxRules = 1000;
/** Each may cost more than a millisecond per name. */
const maxPatterns = 16;

export const ruleExample = 'A rule is written {type: DNS, exact: api.example.com}.';
const sanTypes = ['DNS', 'URI', 'EMAIL', 'IP', 'OTHER_NAME'] as const;
const notTheSubject =
  'A type is one of the subject alternative name. For the subject write {subject: {exact: "CN=x,O=Acme"}} or {commonName: {exact: x}}.';

/** An unknown key in a rule could be a condition: it is an error, since a rule without it would admit more. */
export const sanRuleShape = closedMap({
  type: key(oneOf(sanTypes, true, notTheSubject), {
    says: 'Kind of name that the rule looks at. No default.',
    unset: 'required',
    page: '`DNS`, `URI`, `EMAIL`, `IP`, `OTHER_NAME`; case does not matter. Not with `spiffe`, `trustDomain`, `subject` and `commonName`.',
  }),
  exact: key(text, {
    says: 'The whole name.',
    page: 'The whole name. Of `exact`, `prefix`, `suffix`, `contains`, `regex`, `spiffe`, `trustDomain`, `subject` and `commonName` exactly one stands in a rule. None is ever empty, and what no name of the type can hold (non-ASCII, control characters, a host that is none) is an error.',
  }),
  prefix: key(text, { says: 'What the name starts with.' }),
  suffix: key(text, { says: 'What the name ends in; for DNS with the dot in front, as in ".internal.corp".' }),
  contains: key(text, { says: 'What the name holds somewhere.' }),
  regex: key(text, {
    says: 'The whole name has to match; names of more than 512 characters do not. A subset that runs in bounded time.',
  }),
  ignoreCase: key(flag, {
    says: 'Default {default}. DNS names are compared without case always.',
    default: false,
    page: 'ASCII letters. DNS names are compared without case always; with `IP` an error.',
  }),
  oid: key(text, {
    says: 'Dotted object identifier; for OTHER_NAME only, and required there.',
    unset: 'required for `OTHER_NAME`',
    page: 'Dotted object identifier; an error with any other type.',
  }),
  spiffe: key(text, {
    says: 'Instead of type and matcher: one SPIFFE ID, spiffe://domain/path.',
    page: 'Instead of `type` and matcher: one SPIFFE ID, exactly, in an X509-SVID (see [`spiffe`](#spiffe)).',
  }),
  trustDomain: key(text, {
    says: 'Instead of type and matcher: every SPIFFE ID of this trust domain.',
    page: 'Instead of `type` and matcher: every SPIFFE ID of the trust domain; `spiffe://example.org` means `example.org`.',
  }),
  subject: key(subjectShape, {
    says: 'Instead of type: the subject as RFC 4514 text. One of exact, prefix, suffix, contains, regex.',
    page: 'Instead of `type`: the subject. `{exact: "CN=billing,O=Acme"}`, or `prefix`, `suffix`, `contains`, `regex`, with `ignoreCase`.',
    example: 'For example subject: {suffix: ",OU=Payments,O=Acme"}.',
    table: 'subject',
  }),
  commonName: key(subjectShape, {
    says: 'Instead of type: the common name, where the subject has exactly one. One of exact, prefix, suffix, contains, regex.',
    page: 'Instead of `type`: the common name, with the same keys. A subject with more than one, or with control characters in it, satisfies no such rule.',
    example: 'For example commonName: {exact: billing}.',
  }),
});
type SanRuleShape = z.output<typeof sanRuleShape>;

const matchers = ['exact', 'prefix', 'suffix', 'contains', 'regex'] as const;
const ways = [...matchers, 'spiffe', 'trustDomain', 'subject', 'commonName'] as const;
type Matcher = (typeof matchers)[number];

/** The rules under `key` of `around`; undefined where there are none. A list without rules is an error. */
export function readSanRules(
  shapes: readonly SanRuleShape[] | undefined,
  around: Cursor,
  key: string,
  problems: ProblemList,
): SanRuleConfig[] | undefined {
  if (reportNobody(shapes, around, key, problems) || shapes === undefined) return undefined;
  const at = around.down(key);
  if (shapes.length > maxRules) problems.error('too_many', at.place, `more than ${maxRules} rules`);
  const patterns = shapes.filter((rule) => (rule.subject ?? rule.commonName ?? rule).regex !== undefined);
  if (patterns.length > maxPatterns)
    problems.error(
      'too_many',
      at.place,
      `more than ${maxPatterns} rules with regex, which cost time at each handshake`,
      'Use exact, prefix or suffix.',
    );
  return shapes.flatMap((shape, i) => readRule(shape, at.down(i), problems) ?? []);
}

function readRule(shape: SanRuleShape, at: Cursor, problems: ProblemList): SanRuleConfig | undefined {
  const written = ways.filter((way) => shape[way] !== undefined);
  const [way, second] = written;
  if (way === undefined || second !== undefined) {
    if (ways.some((key) => at.isBroken(key))) return undefined;
    // An unknown key is an error of its own, and most likely the matcher that is missing here.
    if (way === undefined && at.keys.some((key) => !(key in sanRuleShape.shape))) return undefined;
    const found = way === undefined ? 'says nothing about the name' : `has ${written.join(' and ')}`;
    problems.error(
      'bad_rule',
      at.place,
      `the rule ${found}: exactly one of ${ways.join(', ')} is needed`,
      second === undefined
        ? 'For example {type: DNS, exact: api.example.com}.'
        : 'Write a rule for each: any of them suffices.',
    );
    return undefined;
  }
  if (way === 'spiffe' || way === 'trustDomain') return readSpiffeRule(shape, way, at, problems);
  if (way === 'subject' || way === 'commonName') {
    const inner = shape[way];
    return inner && readSubjectRule(way, inner, at, problems);
  }
  return readNameRule(shape, way, at, problems);
}

function readSpiffeRule(
  shape: SanRuleShape,
  way: 'spiffe' | 'trustDomain',
  at: Cursor,
  problems: ProblemList,
): SanRuleConfig | undefined {
  for (const name of ['type', 'ignoreCase', 'oid'])
    if (at.holds(name))
      problems.error('bad_rule', at.keyPlace(name), `${name} does not go with ${way}`, `Remove ${name}.`);
  const written = shape[way] ?? '';
  const reading = way === 'spiffe' ? parseSpiffeId(written) : parseTrustDomain(written);
  if ('id' in reading) return { kind: 'spiffe', id: reading.id, place: at.place };
  if ('domain' in reading) return { kind: 'trustDomain', domain: reading.domain, place: at.place };
  reportMistake(problems, 'bad_spiffe', at.down(way), written, reading);
  return undefined;
}

function readNameRule(
  shape: SanRuleShape,
  matcher: Matcher,
  at: Cursor,
  problems: ProblemList,
): SanRuleConfig | undefined {
  const { type, ignoreCase, oid } = shape;
  if (type === undefined) {
    if (!at.isBroken('type'))
      problems.error(
        'missing_key',
        at.place,
        'the rule has no `type`: which kind of name does it look at?',
        'DNS, URI, EMAIL, IP or OTHER_NAME.',
      );
    return undefined;
  }
  checkOid(type, oid, at, problems);
  if (type === 'IP' && ignoreCase)
    problems.error('bad_rule', at.keyPlace('ignoreCase'), 'ignoreCase does not go with addresses', 'Remove it.');
  const written = shape[matcher] ?? '';
  const valueAt = at.down(matcher);
  const reading = parseSanValue(type, matcher, written);
  if ('problem' in reading) {
    reportMistake(problems, matcher === 'regex' ? 'bad_regex' : 'bad_rule', valueAt, written, reading);
    return undefined;
  }
  const { value, warning } = reading;
  if (warning !== undefined) {
    const { problem, hint, code } = warning;
    if (valueAt.showable) problems.warn(code, valueAt.place, `${matcher} "${written}" ${problem}`, hint);
    else
      problems.warn(code, valueAt.place, `the ${matcher} from the environment takes other names than it may seem to`);
  }
  return {
    kind: 'san',
    type,
    matcher,
    value,
    ignoreCase,
    oid: type === 'OTHER_NAME' ? oid : undefined,
    place: at.place,
  };
}

function checkOid(type: string, oid: string | undefined, at: Cursor, problems: ProblemList): void {
  if (type !== 'OTHER_NAME') {
    if (oid !== undefined)
      problems.error('bad_rule', at.keyPlace('oid'), `oid does not go with type ${type}`, 'It is for OTHER_NAME only.');
  } else if (oid === undefined) {
    if (!at.isBroken('oid'))
      problems.error(
        'missing_key',
        at.place,
        'a rule for OTHER_NAME needs `oid`: what the name means depends on it',
        'For example oid: 1.3.6.1.4.1.311.20.2.3 for a user principal name.',
      );
  } else if (oid.length > 128 || !/^(?:[01]\.(?:[0-9]|[1-3][0-9])|2\.(?:0|[1-9]\d*))(?:\.(?:0|[1-9]\d*))*$/.test(oid))
    reportMistake(problems, 'bad_rule', at.down('oid'), oid, {
      problem: 'is not a dotted object identifier',
      hint: 'Numbers without leading zeros with dots between them, for example 1.3.6.1.4.1.311.20.2.3.',
    });
}
