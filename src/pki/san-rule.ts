// Rules over the names in a certificate (edge.md, Matching rules). A rule of one type never looks at names of another, nor
// at the common name (incident 7); a list of rules holds where any rule matches any name.
import type { San, SanType } from './facts.ts';

export type SanRule =
  | {
      readonly kind: 'san';
      readonly type: SanType;
      readonly matcher: 'exact' | 'prefix' | 'suffix' | 'contains' | 'regex';
      readonly value: string;
      readonly ignoreCase: boolean;
      readonly oid: string | undefined;
    }
  | { readonly kind: 'spiffe'; readonly id: string }
  | { readonly kind: 'trustDomain'; readonly domain: string };

/** The first rule that one of the names satisfies; undefined where none does. */
export function findSanRule<R extends SanRule>(rules: readonly R[], sans: readonly San[]): R | undefined {
  return rules.find((rule) => sans.some((san) => matchesSan(rule, san)));
}

function matchesSan(rule: SanRule, san: San): boolean {
  return rule.kind === 'san' && rule.type === san.type && rule.matcher === 'exact' && rule.value === san.value;
}

/** For logs and messages: `URI prefix "spiffe://example.org/"`. */
export function describeSanRule(rule: SanRule): string {
  if (rule.kind === 'spiffe') return `spiffe "${rule.id}"`;
  if (rule.kind === 'trustDomain') return `trustDomain "${rule.domain}"`;
  return `${rule.type} ${rule.matcher} "${rule.value}"`;
}
