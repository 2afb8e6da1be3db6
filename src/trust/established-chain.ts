// A certificate with its way to an anchor.
import type { CertificateFacts } from '../certs/facts.ts';
import type { VerificationResult } from './certificate-checks.ts';

export type EstablishedChain = {
  /** Leaf first, without the anchor. */
  readonly chain: readonly CertificateFacts[];
  readonly anchor: CertificateFacts;
  /** What is too weak about it, if anything: time does not change that. */
  readonly weakness: VerificationResult | undefined;
};
