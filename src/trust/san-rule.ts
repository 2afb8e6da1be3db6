// Rules over the names in a certificate (docs/verification.md, matching rules). A rule of one type never looks at names of another, and
// at the subject only one that says so (incident 7); a list of rules holds where any rule matches any name. What cannot be compared safely (a
// DNS name that is none, a rule without text, a name too long for a pattern) matches nothing: these lists only ever admit.
import { comparableName } from '../asn1/name-text.ts';
import { canonicalHostName } from '../base/host.ts';
import type { San, SanType } from '../certs/facts.ts';
import { type CertificateDnsName, coversName, findCertificateDnsName } from '../certs/host-coverage.ts';
import { canonicalIp } from '../base/ip-name.ts';
import { escapeForLog } from '../base/log-text.ts';
import { readSubjectCommonNames } from '../certs/facts-reader.ts';
import { findSpiffeId, type SpiffeId, type SvidFacts } from '../certs/spiffe.ts';
import { compileText, type Matcher, type TextRule } from './text-matcher.ts';

export type SanNameRule = {
  readonly kind: 'san';
  readonly type: SanType;
  readonly matcher: Matcher;
  readonly value: string;
  /** ASCII letters; DNS names are compared without case whatever it says. */
  readonly ignoreCase: boolean;
  readonly oid: string | undefined;
};

/** Over the subject: its text (asn1/name-text.ts), or the one common name in it. */
export type SubjectRule = TextRule & { readonly kind: 'subject' | 'commonName' };

export type SanRule =
  | SanNameRule
  | SubjectRule
  | { readonly kind: 'spiffe'; readonly id: string }
  | { readonly kind: 'trustDomain'; readonly domain: string };

/**
 * Names longer than this are not put to a pattern, nor more than that many of a certificate: patterns cost time, up to the
 * cube of a name's length. All together they may cost as much as one of the longest: 64 names of 128 characters, or 8 of 256.
 */
export const maxPatternInput = 512;
export const maxPatternNames = 64;
const maxPatternCost = maxPatternInput ** 3;

/** Rules with their patterns and texts compiled once. */
export class SanRules<R extends SanRule> {
  readonly rules: readonly R[];
  readonly #tests: readonly ((names: PresentedNames) => boolean)[];
  /** A client may come again and again, and ask again and again: what was found for the same certificate still holds. */
  readonly #found = new WeakMap<object, { readonly rule: R | undefined }>();

  /** Throws SyntaxError for a pattern that is none. */
  constructor(rules: readonly R[]) {
    this.rules = rules;
    this.#tests = rules.map(compileRule);
  }

  /** The first rule that one of the certificate's names satisfies; undefined where none does. Never throws. */
  find(leaf: SvidFacts): R | undefined {
    const known = this.#found.get(leaf);
    if (known !== undefined) return known.rule;
    const names = new PresentedNames(leaf);
    const rule = this.rules[this.#tests.findIndex((holds) => holds(names))];
    this.#found.set(leaf, { rule });
    return rule;
  }
}

/** The names of one certificate, read once for all rules. */
class PresentedNames {
  readonly #leaf: SvidFacts;
  #dns: readonly CertificateDnsName[] | undefined;
  #spiffe: SpiffeId | null | undefined;

  constructor(leaf: SvidFacts) {
    this.#leaf = leaf;
  }

  get all(): readonly San[] {
    return this.#leaf.sans;
  }

  get dns(): readonly CertificateDnsName[] {
    this.#dns ??= this.#leaf.sans
      .filter(({ type }) => type === 'DNS')
      .map(({ value }) => findCertificateDnsName(value))
      .filter((name) => name !== undefined);
    return this.#dns;
  }

  /** For rules over the subject; undefined where it has nothing that they could be meant for. */
  subjectText(kind: SubjectRule['kind']): string | undefined {
    if (kind === 'subject') return comparableName(this.#leaf.subject);
    const [only, another] = readSubjectCommonNames(this.#leaf);
    // Of two, readers take one or the other; a control character is none's name.
    return another === undefined && only !== undefined && !/[\u0000-\u001f\u007f-\u009f]/.test(only) ? only : undefined;
  }

  get spiffe(): SpiffeId | undefined {
    if (this.#spiffe === undefined) this.#spiffe = findSpiffeId(this.#leaf) ?? null;
    return this.#spiffe ?? undefined;
  }
}

function compileRule(rule: SanRule): (names: PresentedNames) => boolean {
  if (rule.kind === 'spiffe') return ({ spiffe }) => spiffe?.id === rule.id;
  if (rule.kind === 'trustDomain') return ({ spiffe }) => spiffe?.trustDomain === rule.domain;
  if (rule.kind !== 'san') return compileSubject(rule);
  const { type, matcher } = rule;
  const some = matcher === 'regex' ? someFew : someOf;
  if (type === 'DNS') {
    if (matcher === 'exact') return compileHost(rule.value);
    const holds = compileText({ ...rule, ignoreCase: true });
    return ({ dns }) => some(dns, ({ text }) => text, holds);
  }
  // IP addresses come in lower case.
  const ignoreCase = rule.ignoreCase || type === 'IP';
  const holds =
    type === 'IP' && matcher === 'exact' ? compileAddress(rule.value) : compileText({ ...rule, ignoreCase });
  const valueOf = ({ type: its, oid, value }: San): string | undefined =>
    its === type && (type !== 'OTHER_NAME' || oid === rule.oid) ? value : undefined;
  return ({ all }) => some(all, valueOf, holds);
}

function compileSubject(rule: SubjectRule): (names: PresentedNames) => boolean {
  const some = rule.matcher === 'regex' ? someFew : someOf;
  const holds = compileText(rule);
  return (names) => some([rule.kind], (kind) => names.subjectText(kind), holds);
}

/** A wildcard is only ever satisfied by that very wildcard; a host by whatever in the certificate covers it (RFC 9525). */
function compileHost(value: string): (names: PresentedNames) => boolean {
  if (value.startsWith('*.')) {
    const wanted = findCertificateDnsName(value)?.text;
    return ({ dns }) => dns.some(({ text }) => text === wanted);
  }
  const host = canonicalHostName(value);
  if (host === undefined) return () => false;
  return ({ dns }) => dns.some((name) => coversName(name, host));
}

function compileAddress(value: string): (text: string) => boolean {
  const address = canonicalIp(value);
  return (text) => text === address;
}

type Holds = (text: string) => boolean;

/** Whether it holds for any; `textOf` undefined: not one of those that are looked at. */
function someOf<T>(list: readonly T[], textOf: (one: T) => string | undefined, holds: Holds): boolean {
  return list.some((one) => {
    const text = textOf(one);
    return text !== undefined && holds(text);
  });
}

/** As someOf, for patterns: within what they may cost. */
function someFew<T>(list: readonly T[], textOf: (one: T) => string | undefined, holds: Holds): boolean {
  let seen = 0;
  let cost = 0;
  for (const one of list) {
    const text = textOf(one);
    if (text === undefined) continue;
    seen += 1;
    if (seen > maxPatternNames) return false;
    if (text.length > maxPatternInput) continue;
    cost += text.length ** 3;
    if (cost > maxPatternCost) return false;
    if (holds(text)) return true;
  }
  return false;
}

const maxShown = 128;

/** For logs and messages, escaped and cut: `URI prefix "spiffe://example.org/"`. */
export function describeSanRule(rule: SanRule): string {
  if (rule.kind === 'spiffe') return `spiffe "${escapeForLog(rule.id, maxShown)}"`;
  if (rule.kind === 'trustDomain') return `trustDomain "${escapeForLog(rule.domain, maxShown)}"`;
  if (rule.kind !== 'san') {
    const folded = rule.ignoreCase ? ' in any case' : '';
    return `${rule.kind} ${rule.matcher} "${escapeForLog(rule.value, maxShown)}"${folded}`;
  }
  const { type, matcher, value, ignoreCase, oid } = rule;
  const what = type === 'OTHER_NAME' ? `OTHER_NAME ${oid ?? ''}` : type;
  return `${what} ${matcher} "${escapeForLog(value, maxShown)}"${ignoreCase && type !== 'DNS' ? ' in any case' : ''}`;
}

/** The names of a certificate for messages, escaped and cut: `DNS:a.test, URI:spiffe://x/y, and 3 more`. */
export function describeSans(sans: readonly San[], maxLength = maxListLength): string {
  return describeList(sans, ({ type, value }) => `${type}:${escapeForLog(value, maxShown)}`, maxLength);
}

/** What a certificate carries of what rules look at, for messages: its names, and its subject where a rule asks for it. */
export function describeCarried(leaf: SvidFacts, rules: readonly SanRule[]): string {
  const names = leaf.sans.length === 0 ? 'no name (SAN)' : describeSans(leaf.sans);
  const asksSubject = rules.some(({ kind }) => kind === 'subject' || kind === 'commonName');
  return asksSubject ? `the subject "${escapeForLog(leaf.subject, maxShown)}", ${names}` : names;
}

/** Rules for messages: `DNS exact "a.test", URI prefix "spiffe://x/"`. */
export function describeSanRules(rules: readonly SanRule[], maxLength = maxListLength): string {
  return describeList(rules, describeSanRule, maxLength);
}

/** What was presented and what was wanted fit into one sentence of a log line together (downstream/handshake-record.ts). */
const maxListLength = 180;

function describeList<T>(list: readonly T[], describe: (one: T) => string, maxLength: number): string {
  let text = '';
  for (const [at, one] of list.entries()) {
    const next = at === 0 ? describe(one) : `, ${describe(one)}`;
    if (at > 0 && text.length + next.length > maxLength) return `${text}, and ${list.length - at} more`;
    text += next;
  }
  return text;
}
