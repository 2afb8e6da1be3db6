// What a server may dislike about the certificate that we showed it, as far as it can be seen from here: our own file, what the
// server asks for, and the CAs that we were given. A server that refuses without saying why leaves nothing else to go by.
import type { FaultCode } from '../base/fault.ts';
import { escapeForLog } from '../base/log-text.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { findNamesake, isSelfIssued, looksIssuedBy } from '../certs/issuer.ts';
import { verifyDates } from '../trust/certificate-checks.ts';
import { quoteSubject } from '../trust/issuer-diagnosis.ts';
import { describeNamesake } from '../trust/namesake.ts';
import type { OwnCertificate, Target, TargetWords } from './target.ts';
import type { CertificateRequest } from './transcript.ts';

export type Doubt = { readonly code: FaultCode; readonly message: string };

const ownCodes: ReadonlySet<string> = new Set<FaultCode>(['expired', 'not_yet_valid', 'wrong_purpose']);

/** The surest first. `request` undefined: it was not seen. */
export function findDoubts(
  { own, anchors, words }: Target,
  request: CertificateRequest | undefined,
  now: number,
): Doubt[] {
  if (own === undefined) return [];
  const doubts: Doubt[] = own.doubts
    .filter(({ code }) => ownCodes.has(code))
    .map(({ code, message }) => ({ code: code as FaultCode, message: escapeForLog(message, 400) }));
  const path = climb(own);
  for (const ca of path.slice(1)) {
    const late = verifyDates(ca, now);
    if (late !== undefined && late.code !== 'ok')
      doubts.push({ code: late.code, message: `${quoteSubject(ca)}, sent above our certificate: ${late.detail}` });
  }
  const top = path.at(-1) ?? own.leaf;
  const ours = anchors?.bundle.certificates ?? [];
  const namesake = findNamesake(top, ours);
  if (namesake !== undefined) {
    doubts.push({ code: 'untrusted_issuer', message: describeNamesake(top, namesake, words.cas) });
  }
  const unnamed = request === undefined ? undefined : findUnnamed(path, request, ours, words);
  return unnamed === undefined ? doubts : [...doubts, unnamed];
}

/** Of what is sent, the leaf and what stands above it; the server must have the issuer of the last. */
function climb({ leaf, chain }: OwnCertificate): readonly CertificateFacts[] {
  const path = [leaf];
  for (let top = leaf; !isSelfIssued(top); ) {
    const next = chain.find((ca) => ca.isCa && looksIssuedBy(top, ca) && !path.includes(ca));
    if (next === undefined) break;
    path.push((top = next));
  }
  return path;
}

function findUnnamed(
  path: readonly CertificateFacts[],
  { authorities, authorityKeys }: CertificateRequest,
  ours: readonly CertificateFacts[],
  { cas, file }: TargetWords,
): Doubt | undefined {
  const isNamed = ({ issuerKey, subjectKey }: CertificateFacts): boolean =>
    authorityKeys.has(issuerKey) || authorityKeys.has(subjectKey);
  const top = path.at(-1);
  if (top === undefined || authorities.length === 0 || path.some(isNamed)) return undefined;
  const issuer = `"${escapeForLog(top.issuer, 120)}"`;
  const missing = ours.find((ca) => ca.subjectKey === top.issuerKey && authorityKeys.has(ca.issuerKey));
  if (missing !== undefined && !isSelfIssued(missing)) {
    const message = `our file ends with ${quoteSubject(top)} and lacks its issuer ${issuer}, an intermediate below a CA that the server names; ${cas} has it, append it to ${file}`;
    return { code: 'missing_intermediate', message };
  }
  const message = `the issuer of our certificate, ${issuer}, is not among the CAs that the server names; if it is an intermediate below one of them, append it to ${file}`;
  return { code: 'untrusted_issuer', message };
}
