// Certificates in any order made into the chain that goes on the wire: the leaf that the key belongs to, then each issuer,
// never the root. What belongs to nothing is reported. Whether a pair is fit for use is certificate-pair.ts.
import { type KeyObject, X509Certificate } from 'node:crypto';
import type { CertificateFacts } from './facts.ts';
import { isIssuedBy, isSelfIssued } from './issuer.ts';
import { escapeForLog } from '../base/log-text.ts';
import { type MaterialProblem, materialWarning } from '../base/material-problem.ts';

export type OrderedChain = {
  /** Undefined only where there was no certificate at all. */
  readonly leaf: CertificateFacts | undefined;
  /** Leaf first, each followed by its issuer as far as they are there, the self-signed root included. */
  readonly chain: readonly CertificateFacts[];
  readonly problems: readonly MaterialProblem[];
};

/**
 * Orders certificates. The leaf is the one that `key` fits; without a key (or where it fits none) the first that issued
 * none of the others, end-entity certificates before CAs.
 */
export function orderChain(
  certificates: readonly CertificateFacts[],
  options: { readonly key?: KeyObject | undefined; readonly name?: string } = {},
): OrderedChain {
  const name = options.name ?? 'certificate file';
  const problems: MaterialProblem[] = [];
  const distinct = [...new Map(certificates.map((facts) => [facts.sha256, facts])).values()];
  const leaf =
    (options.key && distinct.find((facts) => fitsKey(facts, options.key as KeyObject))) ?? findLeaf(distinct);
  if (leaf === undefined) return { leaf, chain: [], problems };
  const chain = [leaf];
  const rest = new Set(distinct);
  rest.delete(leaf);
  for (let top = leaf; !isSelfIssued(top); ) {
    const issuers = [...rest].filter((facts) => isIssuedBy(top, facts));
    // A cross-signed CA comes twice: the form with an issuer reaches further than the self-signed one.
    const next = issuers.find((facts) => !isSelfIssued(facts)) ?? issuers[0];
    if (next === undefined) break;
    chain.push(next);
    rest.delete(next);
    top = next;
  }
  for (const facts of rest) {
    if (chain.some((member) => member.subjectKey === facts.subjectKey && member.spkiSha256 === facts.spkiSha256))
      continue;
    problems.push(
      materialWarning(
        'unrelated_certificate',
        `${name}: "${escapeForLog(facts.subject, 120)}" is not part of the chain of "${escapeForLog(leaf.subject, 120)}"; it is not sent`,
        'Take it out, or put the certificate in that it belongs to.',
      ),
    );
  }
  return { leaf, chain, problems };
}

/** What a server or client sends: the chain without a self-signed root above the leaf, which nobody needs from us. */
export function sentPart(chain: readonly CertificateFacts[]): readonly CertificateFacts[] {
  const last = chain.at(-1);
  return chain.length > 1 && last !== undefined && isSelfIssued(last) ? chain.slice(0, -1) : chain;
}

/** True where the private key belongs to the certificate. */
export function fitsKey(facts: CertificateFacts, key: KeyObject): boolean {
  try {
    return new X509Certificate(facts.der).checkPrivateKey(key);
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
