// Rules over the subject of a certificate: `subject` is compared as RFC 4514 text, `commonName` as the one common name in it. For
// certificates without a subject alternative name; both say so by name, since nobody else looks there.
import { type OpenEnds, parseNameText } from '../asn1/name-text.ts';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { closedMap, flag, text } from './atoms.ts';
import type { SanRuleConfig } from './gateway-config.ts';
import { key } from './key.ts';
import { type Mistake, reportMistake } from './reading.ts';
import { parseNamePattern } from './san-value.ts';

const matchers = ['exact', 'prefix', 'suffix', 'contains', 'regex'] as const;
type Matcher = (typeof matchers)[number];
type Warning = Mistake & { readonly code: string };
type Reading = { readonly value: string; readonly warning?: Warning } | Mistake;

const matcherKeys = {
  exact: key(text, { says: 'The whole of it.' }),
  prefix: key(text, { says: 'What it starts with.' }),
  suffix: key(text, { says: 'What it ends in.' }),
  contains: key(text, { says: 'What it holds somewhere.' }),
  regex: key(text, { says: 'A pattern that the whole of it has to match.' }),
  ignoreCase: key(flag, { says: 'ASCII letters. Default {default}.', default: false }),
};

export const subjectShape = closedMap(matcherKeys);
type SubjectShape = { readonly [K in Matcher]?: string | undefined } & { readonly ignoreCase: boolean };

/** The rule under `kind` of a rule's map; undefined where it cannot be read, which is reported. */
export function readSubjectRule(
  kind: 'subject' | 'commonName',
  shape: SubjectShape,
  rule: Cursor,
  problems: ProblemList,
): SanRuleConfig | undefined {
  for (const name of ['type', 'ignoreCase', 'oid'])
    if (rule.holds(name))
      problems.error('bad_rule', rule.keyPlace(name), `${name} does not go with ${kind}`, `Remove ${name}.`);
  const at = rule.down(kind);
  const written = matchers.filter((one) => shape[one] !== undefined);
  const [matcher, second] = written;
  if (matcher === undefined || second !== undefined) {
    if (
      matchers.some((one) => at.isBroken(one)) ||
      (matcher === undefined && at.keys.some((one) => !(one in matcherKeys)))
    )
      return undefined;
    const found = matcher === undefined ? 'says nothing' : `has ${written.join(' and ')}`;
    problems.error(
      'bad_rule',
      at.place,
      `${kind} ${found}: exactly one of ${matchers.join(', ')} is needed`,
      kind === 'subject'
        ? 'For example subject: {exact: "CN=billing,O=Acme"}.'
        : 'For example commonName: {exact: billing}.',
    );
    return undefined;
  }
  const value = shape[matcher] ?? '';
  const valueAt = at.down(matcher);
  const reading = kind === 'subject' ? parseSubject(matcher, value) : parseCommonName(matcher, value);
  if ('problem' in reading) {
    reportMistake(problems, matcher === 'regex' ? 'bad_regex' : 'bad_rule', valueAt, value, reading);
    return undefined;
  }
  const { warning } = reading;
  if (warning !== undefined && valueAt.showable)
    problems.warn(warning.code, valueAt.place, `${matcher} "${value}" ${warning.problem}`, warning.hint);
  else if (warning !== undefined)
    problems.warn(warning.code, valueAt.place, `the ${matcher} from the environment takes others than it may seem to`);
  return { kind, matcher, value: reading.value, ignoreCase: shape.ignoreCase, place: rule.place };
}

const empty: Mistake = { problem: 'is empty', hint: 'Write the text that is compared.' };

function parseSubject(matcher: Matcher, written: string): Reading {
  if (written === '') return empty;
  if (/^\/[A-Za-z0-9.]+=/.test(written) && matcher !== 'regex')
    return {
      problem: 'is in the old form of OpenSSL',
      hint: 'Subjects are compared as `openssl -nameopt RFC2253` and nginx write them, the last part first: "CN=billing,O=Acme" for /O=Acme/CN=billing.',
    };
  if (matcher === 'regex') return parseNamePattern('subject', written);
  const parsed = parseNameText(written, openEnds[matcher]);
  if (typeof parsed !== 'string') return parsed;
  const warning = matcher === 'suffix' || matcher === 'prefix' ? openWarning(matcher, parsed) : undefined;
  return warning === undefined ? { value: parsed } : { value: parsed, warning };
}

const openEnds: Readonly<Record<Exclude<Matcher, 'regex'>, OpenEnds>> = {
  exact: { start: false, end: false },
  prefix: { start: false, end: true },
  suffix: { start: true, end: false },
  contains: { start: true, end: true },
};

/** Text that ends or begins within a value takes in what a client may be free to choose. */
function openWarning(matcher: 'prefix' | 'suffix', value: string): Warning | undefined {
  if (matcher === 'suffix' && !value.startsWith(','))
    return {
      code: 'open_suffix',
      problem: 'does not begin with a comma, so it takes what merely ends in it too',
      hint: `Write suffix: ",${value.replace(/^\+/, '')}": whole parts of the name.`,
    };
  if (matcher === 'prefix' && /[A-Za-z0-9]$/.test(value))
    return {
      code: 'open_prefix',
      problem: `ends within a value, so it takes ${value}evil too`,
      hint: `Write prefix: "${value},", or exact.`,
    };
  return undefined;
}

function parseCommonName(matcher: Matcher, written: string): Reading {
  if (written === '') return empty;
  if (/[\u0000-\u001f\u007f-\u009f]/.test(written))
    return { problem: 'holds a control character, which no common name that counts has', hint: 'Remove it.' };
  if (/^CN=/i.test(written) && matcher !== 'regex')
    return { problem: 'has the type in front', hint: `Write the name alone: ${written.slice(3)}.` };
  return matcher === 'regex' ? parseNamePattern('commonName', written) : { value: written };
}
