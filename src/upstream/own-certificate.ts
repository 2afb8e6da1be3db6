// The certificate that we show to backends, as sentences to the operator call it: who it is, who issued it, until when.
import { X509Certificate } from 'node:crypto';
import { escapeForLog } from '../base/log-text.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { readFacts } from '../certs/facts-reader.ts';

/** `chainPem`: leaf first. Throws where it holds none. */
export function describeChain(chainPem: string): string {
  return describeOwn(readFacts(new X509Certificate(chainPem).raw));
}

/** `"CN=gateway" from "CN=internal CA", valid until 2027-01-01`. */
export function describeOwn({ subject, serial, issuer, notAfter }: CertificateFacts): string {
  const who = subject === '' ? `certificate ${serial}` : `"${escapeForLog(subject, 120)}"`;
  return `${who} from "${escapeForLog(issuer, 120)}", valid until ${new Date(notAfter).toISOString().slice(0, 10)}`;
}
