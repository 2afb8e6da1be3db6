// Certificates in any order made into what goes on the wire: the leaf that the key belongs to, then each issuer, then the
// certificates of other ways, never a root. What belongs to nothing is reported. Whether a pair is fit for use is
// certificate-pair.ts.
import type { KeyObject } from 'node:crypto';
import type { CertificateFacts } from './facts.ts';
import { isIssuedBy, isSelfIssued } from './issuer.ts';
import { escapeForLog } from '../base/log-text.ts';
import { type MaterialProblem, materialWarning } from '../base/material-problem.ts';
import { openCertificate } from './opened-certificate.ts';
import { type WayOptions, WaysUp } from './ways-up.ts';

export type OrderedChain = {
  /** Undefined only where there was no certificate at all. */
  readonly leaf: CertificateFacts | undefined;
  /** The best way up: leaf first, each followed by its issuer as far as they are there, the self-signed root included. */
  readonly chain: readonly CertificateFacts[];
  /**
   * What a server or client presents: the best way, then what leads up by another way, so that whoever trusts only the other root
   * finds it. Never a self-signed root above the leaf, which nobody needs from us.
   */
  readonly sent: readonly CertificateFacts[];
  /** What leads up and is not sent: it has expired, or is weak and another certificate of the same CA is not. */
  readonly useless: readonly CertificateFacts[];
  /** Who issued the leaf, be it a root or expired. */
  readonly issuer: CertificateFacts | undefined;
  readonly problems: readonly MaterialProblem[];
};

export type ChainOptions = WayOptions & {
  /** Whether a certificate belongs to the private key; absent: there is none. */
  readonly fits?: ((facts: CertificateFacts) => boolean) | undefined;
  /** How messages call the file. */
  readonly name?: string;
};

/** Certificates that are sent at most: the other side may take no more, and each costs it something. */
const maxSent = 16;

/**
 * Orders certificates. The leaf is the one that `fits`; without a key (or where it fits none) the first that issued
 * none of the others, end-entity certificates before CAs.
 */
export function orderChain(certificates: readonly CertificateFacts[], options: ChainOptions = {}): OrderedChain {
  const name = options.name ?? 'certificate file';
  const distinct = [...new Map(certificates.map((facts) => [facts.sha256, facts])).values()];
  const leaf = findOwn(distinct, options) ?? findLeaf(distinct);
  if (leaf === undefined) return { leaf, chain: [], sent: [], useless: [], issuer: undefined, problems: [] };
  const above = new WaysUp(leaf, distinct, options);
  const chain = above.best();
  const way = chain.filter((facts) => facts === leaf || !isSelfIssued(facts));
  const others = above.useful.filter((facts) => !way.includes(facts) && !isSelfIssued(facts));
  const sent = [...way, ...others].slice(0, maxSent);
  const { useless, reached } = above;
  const problems = distinct
    .filter((facts) => facts !== leaf && !reached.includes(facts))
    .map((facts) => notSent(facts, leaf, name, 'is not part of the chain of'));
  for (const facts of others)
    if (!sent.includes(facts)) problems.push(notSent(facts, leaf, name, 'is one too many for'));
  return { leaf, chain, sent, useless, issuer: reached[0], problems };
}

function notSent(facts: CertificateFacts, leaf: CertificateFacts, name: string, why: string): MaterialProblem {
  const message = `${name}: "${escapeForLog(facts.subject, 120)}" ${why} "${escapeForLog(leaf.subject, 120)}"; it is not sent`;
  return materialWarning(
    'unrelated_certificate',
    message,
    'Take it out, or put the certificate in that it belongs to.',
  );
}

/** The one that the key fits; after a renewal with the same key the one that is valid. */
function findOwn(certificates: readonly CertificateFacts[], { fits, now }: ChainOptions): CertificateFacts | undefined {
  if (fits === undefined) return undefined;
  const own = certificates.filter(fits);
  return own.find((facts) => now === undefined || (facts.notBefore <= now && now <= facts.notAfter)) ?? own[0];
}

/** True where the private key belongs to the certificate. */
export function fitsKey(facts: CertificateFacts, key: KeyObject): boolean {
  try {
    return openCertificate(facts.der).checkPrivateKey(key);
  } catch {
    return false;
  }
}

function findLeaf(certificates: readonly CertificateFacts[]): CertificateFacts | undefined {
  const tips = certificates.filter(
    (facts) =>
      !certificates.some(
        (other) => other !== facts && other.subjectKey !== facts.subjectKey && isIssuedBy(other, facts),
      ),
  );
  return tips.find((facts) => !facts.isCa) ?? tips[0] ?? certificates[0];
}
