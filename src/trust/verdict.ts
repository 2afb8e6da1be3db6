// The outcome of a TLS handshake on either side, as a value: never a boolean (decision 5).
import type { CertificateFaultCode, FaultCode } from '../base/fault.ts';
import type { CertificateFacts } from '../certs/facts.ts';

/** The fault codes a handshake can end in. */
export type VerdictCode =
  | 'ok'
  // A rule of a route denies requests, not handshakes.
  | Exclude<CertificateFaultCode, 'policy_denied'>
  | Extract<
      FaultCode,
      | 'refused_by_peer'
      | 'protocol_mismatch'
      | 'malformed_handshake'
      | 'not_tls'
      | 'unknown_sni'
      | 'timeout'
      | 'handshake_limit'
    >;

export type Verdict = {
  readonly code: VerdictCode;
  /** The code of OpenSSL or Node underneath; '' where there is none. */
  readonly raw: string;
  /** One sentence for the operator; '' for ok. */
  readonly detail: string;
  /** As in VerificationResult. */
  readonly remedy?: string | undefined;
  /** The certificate that signed the handshake (or the session resumed from it); undefined where none was presented. */
  readonly leaf: CertificateFacts | undefined;
  /** The chain that was sent or built, leaf first, without the anchor; only the leaf where a resumed session lost it (N10). */
  readonly chain: readonly CertificateFacts[];
  /** False where `chain` may lack intermediates (resumed session). */
  readonly chainKnown: boolean;
  /** The anchor that the chain leads to; undefined where it is not known, or the certificate was refused before. */
  readonly anchor: CertificateFacts | undefined;
  readonly resumed: boolean;
  /** 'TLSv1.3', …; '' where the handshake did not get that far. */
  readonly version: string;
  readonly cipher: string;
  /** In which keys were exchanged; undefined where nothing says. */
  readonly group?: string | undefined;
};

/** A client whose certificate passed every check of its policy: the only thing that counts as authenticated. */
export type Identity = {
  readonly leaf: CertificateFacts;
  readonly chain: readonly CertificateFacts[];
  readonly chainKnown: boolean;
  readonly anchor: CertificateFacts | undefined;
};

/** The identity that a verdict proves; undefined for refusals and for clients without a certificate. */
export function findIdentity(verdict: Verdict): Identity | undefined {
  if (verdict.code !== 'ok' || verdict.leaf === undefined) return undefined;
  return { leaf: verdict.leaf, chain: verdict.chain, chainKnown: verdict.chainKnown, anchor: verdict.anchor };
}
