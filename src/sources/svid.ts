// Whether what is delivered as an SVID is one (standard X509-SVID): its URI is the ID that was promised, it is a leaf, and its chain leads
// to a CA of the bundle that came with it. That the key is its own is verified with every pair.
import { X509Certificate } from 'node:crypto';
import { Fault } from '../base/fault.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { readSvid } from '../certs/spiffe.ts';
import { AnchorSet } from '../trust/anchor-set.ts';
import { findPath } from '../trust/path-search.ts';
import { TrustBundle } from '../trust/trust-bundle.ts';
import type { ReceivedSvid } from './workload-messages.ts';

/** Why it is none; undefined where it is one. For a sentence that starts with the SVID. `now`: milliseconds since the epoch. */
export function findSvidFlaw({ id, chain, bundle }: ReceivedSvid, now: number): string | undefined {
  try {
    const [leaf, ...above] = chain.map((pem) => new X509Certificate(pem));
    if (leaf === undefined) return 'has no certificate';
    const facts = readFacts(leaf.raw);
    const found = readSvid(facts);
    if (!('id' in found)) return `is no X509-SVID: ${found.detail}`;
    if (found.id !== id) return 'is a certificate for another SPIFFE ID than it says';
    const { bundle: anchors } = TrustBundle.parse(bundle.join(''), { name: 'its bundle', now });
    if (anchors === undefined) return 'comes with a bundle that holds no CA that can be used';
    const path = findPath({
      leaf: facts,
      certificate: leaf,
      sent: above,
      anchors: AnchorSet.of(anchors),
      read: readFacts,
      now,
    });
    return path === undefined ? 'was not issued by any CA of the bundle that came with it' : undefined;
  } catch (error) {
    return `cannot be read (${error instanceof Fault ? (error.detail ?? error.code) : 'OpenSSL refuses it'})`;
  }
}
