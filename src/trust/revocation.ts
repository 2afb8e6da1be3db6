// What verification asks about revocation. The lists (crl/) and the answers (ocsp/) stand on a floor above this one: they
// implement what is declared here.
import type { CertificateFacts } from '../certs/facts.ts';
import type { VerificationResult } from './certificate-checks.ts';
import type { EstablishedChain } from './established-chain.ts';

/** Certificates known to be revoked: the CRLs of one policy or backend (RFC 5280 section 6.3). */
export type RevocationList = {
  /**
   * undefined where nothing speaks against the chain. `chain` is leaf first; each certificate was issued by the next, the
   * last by `anchor`, which is not looked at itself. `anchor` undefined: the chain is not known, and only the leaf is there.
   * `now`: milliseconds since the epoch.
   */
  verify(
    chain: readonly CertificateFacts[],
    anchor: CertificateFacts | undefined,
    now: number,
  ): VerificationResult | undefined;
  /** Whether a list went out of date between two moments (milliseconds since the epoch) and peers are refused for it. */
  hasStaled(from: number, to: number): boolean;
};

/** How one policy asks about its clients over OCSP (RFC 6960). */
export type OcspSettings = {
  readonly mode: 'soft' | 'hard';
  readonly responder: string | undefined;
  readonly allowedHosts: readonly string[];
  readonly timeoutMs: number;
  readonly refreshMs: number;
};

/** What responders said so far of clients that are connected. */
export type RevocationAnswers = {
  /** undefined where the client may stay. `known` undefined: its chain, and with it who issued it, is not known. */
  verify(
    leaf: CertificateFacts,
    known: EstablishedChain | undefined,
    settings: OcspSettings,
    now: number,
  ): VerificationResult | undefined;
};
