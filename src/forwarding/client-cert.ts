// Client-Cert and Client-Cert-Chain (RFC 9440): the certificate that passed, and those between it and the anchor in the order
// of TLS, each a byte sequence of a structured field (RFC 9651 section 3.3.5). The anchor is left out, as TLS allows (RFC
// 8446 section 4.4.2): a backend that verifies has it, one that does not would take it from us as it takes the leaf.
import type { ForwardClientCertConfig } from '../config/gateway-config.ts';
import type { Identity } from '../trust/verdict.ts';
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
