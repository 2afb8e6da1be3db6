// Single facts of the client's certificate under names that the operator chose, in the spelling of nginx's variables where
// it has one. Every value is printable ASCII, whatever the certificate says; what a certificate does not have is no field.
import type { CustomIdentityValue, ForwardClientCertConfig } from '../config/gateway-config.ts';
import { factTexts } from '../certs/fact-text.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { base64Der, escapedPem } from './certificate-text.ts';
import { fitting } from './field-limits.ts';

/** Faults: identity_too_large. */
export function customFields(
  leaf: CertificateFacts,
  wanted: ForwardClientCertConfig['custom'],
): [name: string, value: string][] {
  return wanted.flatMap(({ name, value }) => {
    const text = values[value](leaf);
    return text === '' ? [] : [[name, fitting(name, text)]];
  });
}

/** '' where the certificate does not have it. */
const values: Readonly<Record<CustomIdentityValue, (leaf: CertificateFacts) => string>> = {
  pem: (leaf) => escapedPem(leaf.der),
  der: (leaf) => base64Der(leaf.der),
  ...factTexts,
};
