// The extensions of a certificate one by one (RFC 5280 section 4.2), for those who look for a particular one. The facts of
// every certificate are read before (facts-reader.ts), which refuses doubles, excess and what is not well formed.
import { type DerCursor, derTag, readObjectId } from '../asn1/der.ts';
import type { CertificateFacts } from './facts.ts';
import { splitCertificate } from './facts-reader.ts';

export type CertificateExtension = {
  /** Dotted. */
  readonly oid: string;
  readonly critical: boolean;
  /** Over the content of extnValue. */
  readonly value: DerCursor;
};

/** In the order of the certificate. Throws Fault('malformed_cert'). */
export function* eachExtension({ der }: Pick<CertificateFacts, 'der'>): Generator<CertificateExtension> {
  const { cursor, extensions } = splitCertificate(der);
  if (extensions === undefined) return;
  const list = cursor.inside(extensions);
  while (!list.done) {
    const extension = list.enter(derTag.sequence, 'extension');
    const { content, end } = extension.expect(derTag.objectId, 'extension');
    const critical = extension.tag === derTag.boolean && der[extension.next('extension').content] !== 0;
    const value = cursor.inside(extension.expect(derTag.octetString, 'extension'));
    yield { oid: readObjectId(der, content, end), critical, value };
  }
}
