// Two CAs of one name: what comes of making a CA twice, the commonest mistake with certificates of one's own. Names fit, keys do not.
import { escapeForLog } from '../base/log-text.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { quoteSubject } from './issuer-diagnosis.ts';

/** `namesake`: as findNamesake found it (certs/issuer.ts). `where`: how the reader knows what holds it. */
export function describeNamesake(facts: CertificateFacts, namesake: CertificateFacts, where: string): string {
  const ids =
    facts.authorityKeyId === undefined || namesake.subjectKeyId === undefined
      ? ''
      : ` (key id ${namesake.subjectKeyId}, wanted ${facts.authorityKeyId})`;
  return `${quoteSubject(facts)} was issued by "${escapeForLog(facts.issuer, 120)}" with another key than the CA of that name in ${where}${ids}: was the CA made twice?`;
}
