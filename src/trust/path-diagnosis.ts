// Why OpenSSL refused a certificate whose way to an anchor is there: for what Node calls UNSPECIFIED, which is most of what CAs may
// not do. Each thing is looked for and named with the CA that it is about; nobody is let in by it.
import { X509Certificate } from 'node:crypto';
import { escapeForLog } from '../base/log-text.ts';
import { Fault } from '../base/fault.ts';
import { eachExtension } from '../certs/extensions.ts';
import type { clientAuth, serverAuth } from '../certs/extended-key-usage.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { findViolation, readNameConstraints } from '../certs/name-constraints.ts';
import { type VerificationResult, verifyAnchorKey, verifyChainStrength } from './certificate-checks.ts';
import { quoteSubject } from './issuer-diagnosis.ts';
import { isKnownExtension, verifyIssuingLimits } from './path-constraints.ts';
import type { TrustPath } from './path-search.ts';

/** Throws Fault('malformed_cert'). undefined where nothing is found. */
export function explainPath(
  path: TrustPath,
  purpose: typeof clientAuth | typeof serverAuth,
): VerificationResult | undefined {
  const [leaf, ...between] = path.chain;
  if (leaf === undefined) return undefined;
  const cas = [...between, path.anchor];
  const who = quoteSubject(leaf);
  for (const facts of path.chain) {
    const weak = verifyChainStrength([facts]);
    if (weak !== undefined) return { ...weak, detail: `${whoseWay(who, leaf, facts)}: ${weak.detail}` };
  }
  const weakAnchor = verifyAnchorKey(path.anchor);
  if (weakAnchor !== undefined) {
    const remedy = 'Have that CA make a stronger key, and everything below it issued anew.';
    return { ...weakAnchor, detail: `${who}: its CA ${quoteSubject(path.anchor)}: ${weakAnchor.detail}`, remedy };
  }
  const mute = cas.find((ca) => ca.isCa && !new X509Certificate(ca.der).ca);
  if (mute !== undefined) return lacksCertSign(who, mute);
  for (const facts of [leaf, ...cas]) {
    const unknown = [...eachExtension(facts)].find(({ oid, critical }) => critical && !isKnownExtension(oid));
    if (unknown === undefined) continue;
    const detail = `${whoseWay(who, leaf, facts)} has the critical extension ${unknown.oid}, which is not known here`;
    return {
      code: 'malformed_cert',
      detail,
      remedy: 'Have it issued anew without that extension, or with it not critical.',
    };
  }
  const limits = verifyIssuingLimits(path, purpose);
  if (limits !== undefined) return { ...limits, detail: `${who}: ${limits.detail}` };
  for (const [at, ca] of cas.entries()) {
    const found = explainNames(who, ca, path.chain.slice(0, at + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `"CN=leaf"`, or `"CN=leaf": its CA "CN=x"`. */
function whoseWay(who: string, leaf: CertificateFacts, facts: CertificateFacts): string {
  return facts === leaf ? who : `${who}: its CA ${quoteSubject(facts)}`;
}

export function lacksCertSign(who: string, ca: CertificateFacts): VerificationResult {
  return {
    code: 'untrusted_issuer',
    detail: `${who}: its CA ${quoteSubject(ca)} may not sign certificates: its key usage lacks keyCertSign`,
    remedy: 'Have the certificate of that CA issued with the key usage keyCertSign.',
  };
}

/** Name constraints hold for everything below the CA; of an intermediate, for its directory name. */
function explainNames(
  who: string,
  ca: CertificateFacts,
  below: readonly CertificateFacts[],
): VerificationResult | undefined {
  try {
    const constraints = readNameConstraints(ca);
    if (constraints === undefined) return undefined;
    for (const one of below) {
      const violation = findViolation(constraints, one);
      if (violation === undefined) continue;
      const { name, permitted, excluded } = violation;
      const only = excluded === undefined ? `for ${permitted.slice(0, 5).join(', ')} only` : `not for ${excluded}`;
      return {
        code: 'name_mismatch',
        detail: `${who}: its CA ${quoteSubject(ca)} may not certify ${escapeForLog(name, 120)}: its name constraints are ${escapeForLog(only, 200)}`,
        remedy: 'Have it issued by a CA that may certify this name, or with names that its CA may certify.',
      };
    }
    return undefined;
  } catch (error) {
    const why = error instanceof Fault ? (error.detail ?? error.code) : String(error);
    return {
      code: 'malformed_cert',
      detail: `${who}: the name constraints of its CA ${quoteSubject(ca)} cannot be read: ${escapeForLog(why, 120)}`,
      remedy: 'Have the certificate of that CA issued anew, with name constraints as RFC 5280 section 4.2.1.10 says.',
    };
  }
}
