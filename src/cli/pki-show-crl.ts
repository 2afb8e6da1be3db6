// A CRL for `pki show`: what it says of itself, its first entries, and whether its signature is that of a CA among the files.
import { dayMs } from '../base/clock.ts';
import { findCrlIssuer } from '../crl/issuer.ts';
import { buildCrlIndex, CrlIndex } from '../crl/serial-index.ts';
import type { ParsedCrl } from '../crl/reader.ts';
import { refusalOf } from '../crl/rejection.ts';
import { describeReason } from '../crl/crl-set.ts';
import { isoSeconds } from '../certs/expiry.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { escapeForLog } from '../base/log-text.ts';

const maxShown = 512;
const maxEntries = 5;

/** Label and value of each line. `cas`: the certificates among the files. */
export function describeCrlLines(crl: ParsedCrl, cas: readonly CertificateFacts[], now: number): [string, string][] {
  const { issuer, number, thisUpdate, nextUpdate, covers, distributionPoints, entries, signed } = crl;
  const index = new CrlIndex(buildCrlIndex(crl.der, entries));
  const scope = { all: 'all certificates', leaf: 'end-entity certificates only', ca: 'CA certificates only' }[covers];
  const lines: [string, string][] = [
    ['issuer', issuer === '' ? '(empty)' : escapeForLog(issuer, maxShown)],
    ['number', number ?? '(none)'],
    ['valid', `${isoSeconds(thisUpdate)} to ${isoSeconds(nextUpdate)}, ${describeRest(thisUpdate, nextUpdate, now)}`],
    ['covers', scope],
    ...distributionPoints.map((url): [string, string] => ['', `of ${escapeForLog(url, maxShown)}`]),
    ['revoked', `${entries.count} ${entries.count === 1 ? 'certificate' : 'certificates'}`],
    ...index.first(maxEntries).map((serial): [string, string] => {
      const found = index.find(serial);
      return ['', `${serial}  ${isoSeconds(found?.revokedAt ?? 0)}  ${describeReason(found?.reason ?? 0)}`];
    }),
  ];
  if (entries.count > maxEntries) lines.push(['', `and ${entries.count - maxEntries} more`]);
  lines.push(['signed', `by ${signed.algorithm}; ${describeSignature(crl, cas)}`]);
  if (crl.authorityKeyId !== undefined) lines.push(['key id', `issuer's ${crl.authorityKeyId}`]);
  return lines;
}

function describeSignature(crl: ParsedCrl, cas: readonly CertificateFacts[]): string {
  try {
    findCrlIssuer(crl, cas);
    return 'the signature is good';
  } catch (error) {
    const { code, message } = refusalOf(error);
    if (code !== 'crl_issuer_unknown') return `NOT GOOD: ${message}`;
    return cas.some(({ subjectKey }) => subjectKey === crl.issuerKey)
      ? 'not verified: the CA of that name among the files has another key'
      : 'not verified: give the file of that CA as well';
  }
}

function describeRest(thisUpdate: number, nextUpdate: number, now: number): string {
  if (now < thisUpdate) return 'not valid yet';
  const days = Math.floor(Math.abs(nextUpdate - now) / dayMs);
  const text = days === 1 ? '1 day' : `${days} days`;
  return now > nextUpdate ? `out of date for ${text}` : `${text} left`;
}
