// The claims of a verified token: whether they are what a rule asks for, and what of them a backend is told.
import type { ClaimRule } from '../config/claims-expression.ts';

export type Claims = Readonly<Record<string, unknown>>;

/** A claim that a rule asks about and the token lacks: it then passes nothing, not even a rule that says not. */
export class MissingClaim extends Error {
  constructor(path: readonly string[]) {
    super(`the token has no claim ${path.join('.')}`);
  }
}

/** Throws MissingClaim. */
export function fits(claims: Claims, rule: ClaimRule): boolean {
  switch (rule.kind) {
    case 'all':
      return rule.rules.every((one) => fits(claims, one));
    case 'any':
      return rule.rules.some((one) => fits(claims, one));
    case 'not':
      return !fits(claims, rule.rule);
    case 'present':
      return claimAt(claims, rule.path) !== undefined;
    default:
      return compare(claimAt(claims, rule.path), rule);
  }
}

function compare(
  claim: unknown,
  rule: Extract<ClaimRule, { readonly kind: 'equals' | 'prefix' | 'contains' | 'oneOf' }>,
): boolean {
  // Scopes are one text with blanks between them (RFC 8693 section 4.2); a part of a word is another word.
  const texts = rule.kind === 'contains' && typeof claim === 'string' ? claim.split(' ') : textsOf(claim);
  if (rule.kind === 'oneOf') return texts.some((text) => rule.values.includes(text));
  if (rule.kind === 'prefix') return texts.some((text) => text.startsWith(rule.value));
  return texts.includes(rule.value);
}

function textsOf(claim: unknown): string[] {
  const list: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
  return list.flatMap((one) => textOf(one) ?? []);
}

function textOf(claim: unknown): string | undefined {
  if (typeof claim === 'string') return claim;
  return typeof claim === 'boolean' || Number.isSafeInteger(claim) ? String(claim) : undefined;
}

/** Throws MissingClaim. */
function claimAt(claims: Claims, path: readonly string[]): unknown {
  const claim = findClaim(claims, path);
  if (claim === undefined || claim === null) throw new MissingClaim(path);
  return claim;
}

function findClaim(claims: Claims, path: readonly string[]): unknown {
  let current: unknown = claims;
  for (const name of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, name)) return undefined;
    current = (current as Record<string, unknown>)[name];
  }
  return current;
}

const maxValue = 4096;

/**
 * The claim as the value of a field, UTF-8 as bytes; '' where the token lacks it. Undefined where it could not stand there, or
 * would be read as another: line breaks, a list whose items hold commas, a map.
 */
export function claimValue(claims: Claims, path: readonly string[]): string | undefined {
  const claim = findClaim(claims, path);
  if (claim === undefined || claim === null) return '';
  const list: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
  const texts = list.map(textOf);
  if (texts.some((text) => text === undefined || (Array.isArray(claim) && text.includes(',')))) return undefined;
  const value = texts.join(',');
  if (value.length > maxValue || /[\u0000-\u001f\u007f]/.test(value) || value.trim() !== value) return undefined;
  return Buffer.from(value).toString('latin1');
}
