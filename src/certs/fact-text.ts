// Single facts of a certificate as text for header fields, in the spelling of nginx's variables where it has one: printable
// ASCII, whatever the certificate says, and '' for what it does not have.
import type { CertificateFacts, San, SanType } from './facts.ts';
import { findSpiffeId } from './spiffe.ts';

export const factTexts = {
  subject: (leaf: CertificateFacts) => nameText(leaf.subject),
  issuer: (leaf: CertificateFacts) => nameText(leaf.issuer),
  serial: (leaf: CertificateFacts) => leaf.serial.toUpperCase(),
  fingerprint: (leaf: CertificateFacts) => leaf.sha256,
  spiffe: (leaf: CertificateFacts) => findSpiffeId(leaf)?.id ?? '',
  sans: (leaf: CertificateFacts) => leaf.sans.map(sanText).join(','),
  dns: (leaf: CertificateFacts) => valuesOf(leaf, 'DNS'),
  uri: (leaf: CertificateFacts) => valuesOf(leaf, 'URI'),
  email: (leaf: CertificateFacts) => valuesOf(leaf, 'EMAIL'),
} as const;

/** RFC 4514 text in ASCII: every other character as the `\xx` pairs of its UTF-8 bytes (section 2.4). */
export function asciiName(text: string): string {
  return text.replace(
    /[^\x20-\x7e]/gu,
    (char) => `\\${[...Buffer.from(char)].map((byte) => byte.toString(16).toUpperCase().padStart(2, '0')).join('\\')}`,
  );
}

/** A space at the end of a field is nobody's (RFC 9110 section 5.5): the `\ ` there becomes `\20`, which means the same. */
function nameText(name: string): string {
  return asciiName(name).replace(/\\ $/, '\\20');
}

/** The names of one type, joined by commas: no value contains one. */
function valuesOf({ sans }: CertificateFacts, wanted: SanType): string {
  return sans.flatMap(({ type, value }) => (type === wanted ? [percentEncode(value)] : [])).join(',');
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
