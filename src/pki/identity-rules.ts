// What a certificate must be besides well issued: pins, then names (edge.md, order of checks: pins AND names; fingerprints
// OR SPKI). The same on both legs.
import { hash } from 'node:crypto';
import type { CertificateFacts } from './facts.ts';
import type { Judgement } from './judge.ts';
import { findSanRule, type SanRule } from './san-rule.ts';

export type IdentityRulesOptions = {
  readonly allowedSANs: readonly SanRule[] | undefined;
  readonly allowedFingerprints: readonly string[] | undefined;
  readonly allowedSPKI: readonly string[] | undefined;
};

export class IdentityRules {
  /** Hexadecimal SHA-256 over the rules: equal for equal rules only. */
  readonly digest: string;
  /** Whether names are asked for at all. */
  readonly hasNames: boolean;
  readonly #sans: readonly SanRule[] | undefined;
  readonly #fingerprints: ReadonlySet<string> | undefined;
  readonly #spki: ReadonlySet<string> | undefined;

  constructor({ allowedSANs, allowedFingerprints, allowedSPKI }: IdentityRulesOptions) {
    this.#sans = allowedSANs;
    this.#fingerprints = allowedFingerprints && new Set(allowedFingerprints);
    this.#spki = allowedSPKI && new Set(allowedSPKI);
    this.hasNames = allowedSANs !== undefined;
    this.digest = hash('sha256', JSON.stringify([allowedSANs, allowedFingerprints, allowedSPKI].map((x) => x ?? null)));
  }

  /** undefined where the certificate satisfies all of them; else pin_mismatch or name_mismatch. */
  judge(leaf: CertificateFacts): Judgement | undefined {
    if (this.#fingerprints !== undefined || this.#spki !== undefined) {
      const pinned = this.#fingerprints?.has(leaf.sha256) === true || this.#spki?.has(leaf.spkiSha256) === true;
      if (!pinned) return { code: 'pin_mismatch', detail: 'neither its fingerprint nor its key is pinned' };
    }
    if (this.#sans === undefined || findSanRule(this.#sans, leaf.sans) !== undefined) return undefined;
    return { code: 'name_mismatch', detail: 'none of its names is allowed' };
  }
}
