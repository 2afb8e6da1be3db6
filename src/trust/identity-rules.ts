// What a certificate must be besides well issued: pins, then names (docs/verification.md, order of checks: pins AND names; fingerprints
// OR SPKI). The same on both sides. Compiled once; a refusal says what was presented and what was wanted.
import { hash } from 'node:crypto';
import type { CertificateFacts, San } from '../certs/facts.ts';
import { readSubjectCommonNames } from '../certs/facts-reader.ts';
import type { VerificationResult } from './certificate-checks.ts';
import { describeCarried, describeSanRules, type SanRule, SanRules } from './san-rule.ts';

export type IdentityRulesOptions = {
  readonly allowedSANs: readonly SanRule[] | undefined;
  readonly allowedFingerprints: readonly string[] | undefined;
  readonly allowedSPKI: readonly string[] | undefined;
};

export class IdentityRules {
  /** Hexadecimal SHA-256 over the rules, wherever in the configuration they stand: equal for equal rules only. */
  readonly digest: string;
  /** Whether names are asked for at all. */
  readonly hasNames: boolean;
  readonly #names: SanRules<SanRule> | undefined;
  readonly #fingerprints: ReadonlySet<string> | undefined;
  readonly #spki: ReadonlySet<string> | undefined;

  /** An empty list admits nobody. Throws SyntaxError for a pattern that is none. */
  constructor({ allowedSANs, allowedFingerprints, allowedSPKI }: IdentityRulesOptions) {
    this.#names = allowedSANs && new SanRules(allowedSANs);
    this.#fingerprints = allowedFingerprints && new Set(allowedFingerprints);
    this.#spki = allowedSPKI && new Set(allowedSPKI);
    this.hasNames = allowedSANs !== undefined;
    const parts = [allowedSANs?.map(ruleKey), allowedFingerprints, allowedSPKI].map((part) => part ?? null);
    this.digest = hash('sha256', JSON.stringify(parts));
  }

  /** undefined where the certificate satisfies all of them; else pin_mismatch or name_mismatch. */
  verify(leaf: CertificateFacts): VerificationResult | undefined {
    if (this.#fingerprints !== undefined || this.#spki !== undefined) {
      const pinned = this.#fingerprints?.has(leaf.sha256) === true || this.#spki?.has(leaf.spkiSha256) === true;
      if (!pinned) return { code: 'pin_mismatch', detail: this.#explainPins(leaf) };
    }
    if (this.#names === undefined || this.#names.find(leaf) !== undefined) return undefined;
    return { code: 'name_mismatch', detail: explainNames(leaf, this.#names) };
  }

  #explainPins({ sha256, spkiSha256 }: CertificateFacts): string {
    const wanted = [
      ...(this.#fingerprints === undefined
        ? []
        : [`its fingerprint ${sha256} is not among those pinned (${this.#fingerprints.size})`]),
      ...(this.#spki === undefined ? [] : [`its key ${spkiSha256} is not among those pinned (${this.#spki.size})`]),
    ];
    return wanted.join(', and ');
  }
}

/** A rule without its place in the configuration. */
function ruleKey(rule: SanRule): readonly unknown[] {
  if (rule.kind === 'spiffe') return ['spiffe', rule.id];
  if (rule.kind === 'trustDomain') return ['trustDomain', rule.domain];
  if (rule.kind !== 'san') return [rule.kind, rule.matcher, rule.value, rule.ignoreCase];
  return ['san', rule.type, rule.matcher, rule.value, rule.ignoreCase, rule.oid ?? null];
}

function explainNames(leaf: CertificateFacts, names: SanRules<SanRule>): string {
  const hint = commonNameFits(leaf, names)
    ? '; its common name would fit, but a common name does not count by itself: it needs a SAN, or a rule over commonName'
    : '';
  return `it carries ${describeCarried(leaf, names.rules)}; allowed: ${describeSanRules(names.rules)}${hint}`;
}

/** The usual mistake of a CA that puts the name where nobody looks any more. */
function commonNameFits(leaf: CertificateFacts, names: SanRules<SanRule>): boolean {
  const sans: San[] = readSubjectCommonNames(leaf).flatMap((value) => [
    { type: 'DNS', value },
    { type: 'EMAIL', value },
    { type: 'URI', value },
  ]);
  // All at once: a certificate with a hundred of them must not cost a hundred times as much.
  return names.find({ ...leaf, sans }) !== undefined;
}
