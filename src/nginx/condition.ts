// The condition of an `if`, and what `if ($ssl_client_…) { return 403; }` means in our words.
import type { DraftMap } from '../import/draft.ts';
import { type Directive, words } from './directive.ts';
import { exactSubject, subjectPattern } from './subject-pattern.ts';
import type { VariableMap } from './maps.ts';

export type Condition = {
  readonly variable: string;
  /** `truth`: neither empty nor `0`. */
  readonly operator: '=' | '!=' | '~' | '~*' | '!~' | '!~*' | 'truth' | 'file';
  readonly value: string;
};

export function readCondition(directive: Directive): Condition | undefined {
  const parts = words(directive);
  const [first = ''] = parts;
  if (!first.startsWith('(')) return undefined;
  parts[0] = first.slice(1);
  const last = parts.length - 1;
  const end = parts[last] ?? '';
  if (!end.endsWith(')')) return undefined;
  parts[last] = end.slice(0, -1);
  // `( $x = y )`: the brackets stood alone. An empty value stands in quotes, which are gone, so it is kept in the middle.
  if (parts[0] === '') parts.shift();
  if (parts.length > 1 && parts.at(-1) === '' && (end === ')' || parts.length > 3)) parts.pop();
  const [variable = '', operator, value] = parts;
  if (/^!?-[fdex]$/.test(variable)) return { variable: operator ?? '', operator: 'file', value: variable };
  if (!variable.startsWith('$')) return undefined;
  if (operator === undefined) return { variable, operator: 'truth', value: '' };
  if (value === undefined || parts.length > 3 || !isOperator(operator)) return undefined;
  return { variable, operator, value };
}

function isOperator(text: string): text is '=' | '!=' | '~' | '~*' | '!~' | '!~*' {
  return /^(?:!?=|!?~\*?)$/.test(text);
}

/** A text that `value` stands for: does the condition hold for it? undefined where the expression is none that can be tried. */
export function holds({ operator, value }: Condition, text: string): boolean | undefined {
  if (operator === 'truth') return text !== '' && text !== '0';
  if (operator === '=') return text === value;
  if (operator === '!=') return text !== value;
  if (operator === 'file') return undefined;
  try {
    const found = new RegExp(value, operator.endsWith('*') ? 'i' : '').test(text);
    return operator.startsWith('!') ? !found : found;
  } catch {
    return undefined;
  }
}

/** Who is not refused by `if (condition) { return 403; }`: everybody with a certificate, or who satisfies one of the rules. */
export type Callers = { readonly required: true; readonly allow?: DraftMap[] };

/** undefined: it is not about the certificate in a way that has a counterpart. */
export function callersOf(condition: Condition, maps: ReadonlyMap<string, VariableMap>): Callers | undefined {
  const { variable, operator, value } = condition;
  if (variable === '$ssl_client_verify') {
    // Whoever gets so far has none, or one that passed.
    const none = holds(condition, 'NONE');
    return none === true && holds(condition, 'SUCCESS') === false ? { required: true } : undefined;
  }
  if (variable === '$ssl_client_s_dn') {
    if (operator === '!=') return value === '' ? undefined : allowing(exactSubject(value, false));
    if (operator === '=' && value === '') return { required: true };
    if (operator === '!~' || operator === '!~*') return allowing(subjectPattern(value, operator === '!~*'));
    return undefined;
  }
  const map = maps.get(variable);
  return map === undefined ? undefined : callersOfMap(condition, map, maps);
}

function allowing(rules: DraftMap | readonly DraftMap[] | undefined): Callers | undefined {
  if (rules === undefined) return undefined;
  return { required: true, allow: Array.isArray(rules) ? [...(rules as DraftMap[])] : [rules as DraftMap] };
}

/** The condition refuses: what it holds for is refused, everything else allowed. */
function callersOfMap(
  condition: Condition,
  map: VariableMap,
  maps: ReadonlyMap<string, VariableMap>,
): Callers | undefined {
  const { source, entries, fallback, isStrange } = map;
  if (isStrange || (source !== '$ssl_client_s_dn' && source !== '$ssl_client_verify')) return undefined;
  const verdicts = entries.map((entry) => ({ entry, refused: holds(condition, entry.value) }));
  const isFallbackRefused = holds(condition, fallback);
  if (isFallbackRefused === undefined || verdicts.some(({ refused }) => refused === undefined)) return undefined;
  if (source === '$ssl_client_verify') {
    const refused = (text: string): boolean => {
      const found = verdicts.find(({ entry }) => fits(entry.kind, entry.pattern, text));
      return found === undefined ? isFallbackRefused : found.refused === true;
    };
    return refused('NONE') && !refused('SUCCESS') ? { required: true } : undefined;
  }
  if (!isFallbackRefused || maps.size === 0) return undefined;
  const allowed = verdicts.filter(({ refused }) => refused === false).map(({ entry }) => entry);
  const others = verdicts.filter(({ refused }) => refused === true).map(({ entry }) => entry);
  // What is refused by name beside an expression that allows it: there is no such order here.
  const isSimple = others.every(({ kind }) => kind === 'exact') && allowed.every(({ kind }) => kind === 'exact');
  if (allowed.length === 0 || (others.length > 0 && !isSimple)) return undefined;
  const rules: DraftMap[] = [];
  for (const { kind, pattern, ignoreCase } of allowed) {
    // The empty subject is that of a client without a certificate.
    if (kind === 'exact' && pattern === '') return undefined;
    const exact = exactSubject(pattern, ignoreCase);
    const found = kind === 'exact' ? exact && [exact] : subjectPattern(pattern, ignoreCase);
    if (found === undefined) return undefined;
    rules.push(...found);
  }
  return { required: true, allow: rules };
}

function fits(kind: string, pattern: string, text: string): boolean {
  if (kind === 'exact') return pattern.toLowerCase() === text.toLowerCase();
  try {
    return new RegExp(pattern).test(text);
  } catch {
    return false;
  }
}
