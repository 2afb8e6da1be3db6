// What was agreed on in a handshake, and with what the other side signs, as metrics. Every label comes from a table: a peer can
// choose among its entries, not add to them.
import type { CertificateFacts } from '../certs/facts.ts';
import { readSignatureAlgorithm } from '../certs/signature-algorithm.ts';
import type { MetricCatalogue } from '../telemetry/metrics.ts';
import type { Verdict } from './verdict.ts';

type Negotiated = Pick<Verdict, 'version' | 'cipher' | 'group' | 'resumed' | 'leaf'>;

/** A handshake that came to a verdict. */
export function countNegotiated(
  { tlsCiphers, tlsGroups, tlsCertificates }: Pick<MetricCatalogue, 'tlsCiphers' | 'tlsGroups' | 'tlsCertificates'>,
  leg: 'client' | 'backend',
  { version, cipher, group, resumed, leaf }: Negotiated,
): void {
  // Both are OpenSSL's own names, of what our configuration allows.
  tlsCiphers.labels({ leg, version, cipher }).inc();
  if (!resumed) tlsGroups.labels({ leg, group: group ?? 'other' }).inc();
  if (leaf !== undefined) tlsCertificates.labels({ leg, ...signatureOf(leaf) }).inc();
}

const keys: ReadonlySet<string> = new Set([
  'RSA 1024',
  'RSA 2048',
  'RSA 3072',
  'RSA 4096',
  'RSA-PSS 2048',
  'RSA-PSS 3072',
  'RSA-PSS 4096',
  'EC P-256',
  'EC P-384',
  'EC P-521',
  'Ed25519',
  'Ed448',
  'ML-DSA-44',
  'ML-DSA-65',
  'ML-DSA-87',
]);

type Signature = { readonly key: string; readonly signature: string };
const known = new WeakMap<CertificateFacts, Signature>();

function signatureOf(leaf: CertificateFacts): Signature {
  const before = known.get(leaf);
  if (before !== undefined) return before;
  const algorithm = readSignatureAlgorithm(leaf) ?? '';
  const found = {
    key: keys.has(leaf.key) ? leaf.key : 'other',
    // An algorithm without a name is its OID, which a CA chooses.
    signature: /^[A-Z][A-Za-z0-9 -]+$/.test(algorithm) ? algorithm : 'other',
  };
  known.set(leaf, found);
  return found;
}
