// One piece of work of the CRL thread: bytes or a file in, CRLs with their indexes out. Pure but for reading the file, so that
// tests and `pki show` can do without a thread.
import { hash } from 'node:crypto';
import { readCrlFile, splitCrls } from './file.ts';
import { buildCrlIndex } from './serial-index.ts';
import { findCrlIssuer } from './issuer.ts';
import { readCrl } from './reader.ts';
import type { CrlFacts, IndexedCrl } from './crl-set.ts';
import { readFacts } from '../certs/facts-reader.ts';

export type CrlOrder = {
  /** How messages call the source. */
  readonly name: string;
  readonly from: { readonly path: string } | { readonly bytes: Uint8Array };
  /** DER of the CAs that may have signed it. */
  readonly issuers: readonly Uint8Array[];
  /** Digests of CRLs that were built with the same issuers before: they come back as they are. */
  readonly known: readonly string[];
};

export type BuiltCrl = IndexedCrl | { readonly knownDigest: string };

/** Throws CrlRefusal where any part of it cannot be used. */
export function buildCrls({ name, from, issuers, known }: CrlOrder): BuiltCrl[] {
  const bytes =
    'path' in from ? readCrlFile(from.path) : Buffer.from(from.bytes.buffer, from.bytes.byteOffset, from.bytes.length);
  const candidates = issuers.map((der) => readFacts(Buffer.from(der)));
  return splitCrls(bytes).map((der) => {
    const digest = hash('sha256', der, 'hex');
    if (known.includes(digest)) return { knownDigest: digest };
    const crl = readCrl(der);
    const issuer = findCrlIssuer(crl, candidates);
    const { number, thisUpdate, nextUpdate, covers, distributionPoints, entries } = crl;
    const facts: CrlFacts = {
      source: name,
      issuer: crl.issuer,
      issuerKey: crl.issuerKey,
      issuerSpki: issuer.spkiSha256,
      number,
      thisUpdate,
      nextUpdate,
      entries: entries.count,
      covers,
      distributionPoints,
      digest,
    };
    return { facts, index: buildCrlIndex(der, entries) };
  });
}
