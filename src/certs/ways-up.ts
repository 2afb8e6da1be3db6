// All ways from a leaf upwards through the certificates of one file. A CA may have several certificates there: renewed ones, and
// cross-certificates of several roots. Which of them are of use to anybody, and which way is the best.
import type { CertificateFacts } from './facts.ts';
import { isIssuedBy, isSelfIssued } from './issuer.ts';

export type WayOptions = {
  /** Milliseconds since the epoch; absent: what has expired is as good as the rest. */
  readonly now?: number;
  /** Of certificates that many refuse. */
  readonly isWeak?: (facts: CertificateFacts) => boolean;
};

/** Certificates above a leaf that are looked at; the issuers of further ones are not looked for. */
const maxReached = 64;

export class WaysUp {
  /** Everything above the leaf on whatever way: its issuers first, each in the order of the file. */
  readonly reached: readonly CertificateFacts[];
  /** What has expired, and what is weak where another certificate of the same CA is not: it helps nobody. */
  readonly useless: readonly CertificateFacts[];
  readonly useful: readonly CertificateFacts[];
  readonly #leaf: CertificateFacts;
  readonly #issuers = new Map<CertificateFacts, readonly CertificateFacts[]>();
  readonly #options: WayOptions;
  /** Those that are good as is some way above them, as far as it is here. */
  readonly #leadUpWell = new Set<CertificateFacts>();

  constructor(leaf: CertificateFacts, certificates: readonly CertificateFacts[], options: WayOptions) {
    this.#leaf = leaf;
    this.#options = options;
    const reached = new Set([leaf]);
    for (const one of reached) {
      const issuers =
        isSelfIssued(one) || reached.size > maxReached ? [] : certificates.filter((other) => isIssuedBy(one, other));
      this.#issuers.set(one, issuers);
      for (const issuer of issuers) reached.add(issuer);
    }
    reached.delete(leaf);
    this.reached = [...reached];
    this.useless = this.reached.filter((facts) => this.#isUseless(facts));
    this.useful = this.reached.filter((facts) => !this.useless.includes(facts));
    for (let before = -1; before < this.#leadUpWell.size; ) {
      before = this.#leadUpWell.size;
      for (const facts of this.reached) if (this.#isGood(facts) && this.#isLedUp(facts)) this.#leadUpWell.add(facts);
    }
  }

  #isLedUp(facts: CertificateFacts): boolean {
    const issuers = this.#issuers.get(facts) ?? [];
    return issuers.length === 0 || issuers.some((issuer) => this.#leadUpWell.has(issuer));
  }

  /** Leaf first, through certificates that are of use, to a root or as far as they lead; no CA twice. */
  best(): readonly CertificateFacts[] {
    const way = [this.#leaf];
    for (let top: CertificateFacts | undefined = this.#leaf; top !== undefined; ) {
      top = this.#choose(
        (this.#issuers.get(top) ?? []).filter(
          (facts) => this.useful.includes(facts) && !way.some((below) => isSameCa(below, facts)),
        ),
      );
      if (top !== undefined) way.push(top);
    }
    return way;
  }

  /** Good ones before others; of those the form with an issuer, which reaches further than a root. Else the file's order. */
  #choose(issuers: readonly CertificateFacts[]): CertificateFacts | undefined {
    const rank = (facts: CertificateFacts): number =>
      (this.#leadUpWell.has(facts) ? 0 : this.#isGood(facts) ? 2 : 4) + (isSelfIssued(facts) ? 1 : 0);
    const [first] = issuers.toSorted((a, b) => rank(a) - rank(b));
    // Renewed by the same CA: the one that lasts longer.
    const renewed = issuers.filter(
      (facts) => first && facts.issuerKey === first.issuerKey && rank(facts) === rank(first),
    );
    return renewed.toSorted((a, b) => b.notAfter - a.notAfter)[0];
  }

  #isGood(facts: CertificateFacts): boolean {
    const { now, isWeak } = this.#options;
    return (now === undefined || (facts.notBefore <= now && now <= facts.notAfter)) && isWeak?.(facts) !== true;
  }

  #isUseless(facts: CertificateFacts): boolean {
    const { now, isWeak } = this.#options;
    if (now !== undefined && now > facts.notAfter) return true;
    return isWeak?.(facts) === true && this.reached.some((other) => isSameCa(other, facts) && this.#isGood(other));
  }
}

function isSameCa(one: CertificateFacts, other: CertificateFacts): boolean {
  return one.subjectKey === other.subjectKey && one.spkiSha256 === other.spkiSha256;
}
