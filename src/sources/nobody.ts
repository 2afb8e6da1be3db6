// CAs for a trust domain that has none any more: a certificate of a CA whose key is thrown away, so that nobody is trusted. An empty set
// of anchors means something else to everyone who reads one.
import { mintCa } from '../certs/test-ca.ts';

/** PEM. */
export async function nobodyCa(): Promise<string> {
  const { certPem } = await mintCa({ cn: 'Countersign: nobody', days: 3650 });
  return certPem;
}
