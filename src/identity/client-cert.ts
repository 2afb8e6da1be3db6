// Client-Cert and Client-Cert-Chain (RFC 9440): the certificate that passed, and those between it and the anchor, each a byte
// sequence of a structured field (RFC 9651 section 3.3.5). The anchor is left out: backends that verify have it, those that
// do not gain nothing by being told (section 2.3 allows either).
import type { ForwardClientCertConfig } from '../config/gateway-config.ts';
import type { Identity } from '../pki/verdict.ts';
import { base64Der } from './certificate-text.ts';
import { fitting, maxFieldBytes, tooLarge } from './field-limits.ts';

/** The two fields, or what is asked for of them; a chain that is not known, and one without members, is no field. */
export function clientCertFields(
  { leaf, chain, chainKnown }: Identity,
  wanted: ForwardClientCertConfig['rfc9440'],
): [name: string, value: string][] {
  if (!wanted.clientCert) return [];
  const fields: [string, string][] = [['Client-Cert', fitting('Client-Cert', byteSequence(leaf.der))]];
  if (!wanted.chain || !chainKnown || chain.length < 2) return fields;
  const above = chain.slice(1);
  const bytes = above.reduce((sum, { der }) => sum + der.length, 0);
  if (bytes > maxFieldBytes) throw tooLarge(`a chain of ${bytes} bytes`);
  fields.push([
    'Client-Cert-Chain',
    fitting('Client-Cert-Chain', above.map(({ der }) => byteSequence(der)).join(', ')),
  ]);
  return fields;
}

function byteSequence(der: Buffer): string {
  return `:${base64Der(der)}:`;
}
