// Single facts of the client's certificate under names that the operator chose, in the spelling of nginx's variables where
// it has one. Every value is printable ASCII, whatever the certificate says; what a certificate does not have is no field.
import type { CustomIdentityValue, ForwardClientCertConfig } from '../config/gateway-config.ts';
import type { CertificateFacts, San } from '../certs/facts.ts';
import { findSpiffeId } from '../certs/spiffe.ts';
import { base64Der, escapedPem } from './certificate-text.ts';
import { fitting } from './field-limits.ts';
import { asciiName } from './xfcc.ts';

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
  subject: (leaf) => nameText(leaf.subject),
  issuer: (leaf) => nameText(leaf.issuer),
  serial: (leaf) => leaf.serial.toUpperCase(),
  fingerprint: (leaf) => leaf.sha256,
  spiffe: (leaf) => findSpiffeId(leaf)?.id ?? '',
  sans: (leaf) => leaf.sans.map(sanText).join(','),
};

/** A space at the end of a field is nobody's (RFC 9110 section 5.5): the `\ ` there becomes `\20`, which means the same. */
function nameText(name: string): string {
  return asciiName(name).replace(/\\ $/, '\\20');
}

/** `TYPE:value`, an OTHER_NAME with its OID before the value. No value contains the `,` between two of them. */
function sanText({ type, value, oid }: San): string {
  return `${type}:${oid === undefined ? '' : `${oid}:`}${percentEncode(value)}`;
}

function percentEncode(text: string): string {
  return text.replace(/[^\x21-\x7e]|[%,;"\\]/gu, (char) =>
    Buffer.from(char).toString('hex').toUpperCase().replaceAll(/../g, '%$&'),
  );
}
