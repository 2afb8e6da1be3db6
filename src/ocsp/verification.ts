// What OCSP findings mean for a client: at the handshake, where an answer is waited for, and for connections that are open,
// where the last one counts while it holds. hard: what is not known to be good is refused. soft: only what is known to be
// revoked is.
import type { CertificateFacts } from '../certs/facts.ts';
import type { VerificationResult } from '../trust/certificate-checks.ts';
import type { Verdict } from '../trust/verdict.ts';
import type { EstablishedChain } from '../trust/established-chain.ts';
import type { OcspSettings, RevocationAnswers } from '../trust/revocation.ts';
import type { OcspChecker, OcspFinding, OcspSubject } from './checker.ts';
import type { OcspFailure } from './failures.ts';

/** Where OCSP could not say that a client is good and the policy lets it in all the same. */
export type OcspSoftFail = { readonly policy: string; readonly problem: string; readonly detail: string };

export type OcspVerification = {
  readonly checker: OcspChecker;
  readonly policy: string;
  readonly settings: OcspSettings;
  /** Must not throw. */
  readonly onSoftFail: (pass: OcspSoftFail) => void;
};

const issuerUnknown: OcspFailure = {
  problem: 'no_responder',
  detail: 'the session was resumed where the issuer of its certificate is not known',
};

const outOfDate: OcspFailure = { problem: 'expired', detail: 'the last answer is out of date' };

/**
 * The final verdict on a client that passed everything else. Returned where it is known already; else `done` gets it, once,
 * later, and the returned function takes that back.
 */
export function verifyByOcsp(
  passed: Verdict,
  ocsp: OcspVerification,
  done: (verdict: Verdict) => void,
): Verdict | (() => void) {
  const { checker, settings, policy } = ocsp;
  const subject = ocspSubject(passed.leaf, passed);
  if (subject === undefined) return conclude(passed, { known: undefined, failure: issuerUnknown }, ocsp);
  const found = checker.find(subject, settings);
  if (found !== undefined) return conclude(passed, found, ocsp);
  let early: Verdict | undefined;
  let waiting = false;
  const cancel = checker.ask(subject, settings, policy, (finding) => {
    const verdict = conclude(passed, finding, ocsp);
    if (waiting) done(verdict);
    else early = verdict;
  });
  waiting = true;
  return early ?? cancel;
}

function conclude(passed: Verdict, finding: OcspFinding, { policy, settings, onSoftFail }: OcspVerification): Verdict {
  const refusal = verifyFinding(finding, settings.mode);
  if (refusal !== undefined) return { ...passed, code: refusal.code, detail: refusal.detail };
  if (finding.known?.answer.status !== 'good') {
    const { problem, detail } = finding.failure ?? { problem: 'unknown', detail: notKnown };
    onSoftFail({ policy, problem, detail });
  }
  return passed;
}

/** The leaf and who issued it; undefined where the chain is not known. */
export function ocspSubject(
  leaf: CertificateFacts | undefined,
  known: { readonly chain: readonly CertificateFacts[]; readonly anchor: CertificateFacts | undefined } | undefined,
): OcspSubject | undefined {
  const { chain, anchor } = known ?? { chain: [], anchor: undefined };
  if (leaf === undefined || anchor === undefined) return undefined;
  return { leaf, issuer: chain[1] ?? anchor };
}

/**
 * A connection that is open may stay on the last answer while that holds, however old, and while its first answer is on the
 * way. undefined where it may.
 */
export function verifyOpen(
  checker: OcspChecker,
  subject: OcspSubject | undefined,
  settings: OcspSettings,
  now: number,
): VerificationResult | undefined {
  if (subject === undefined) return verifyFinding({ known: undefined, failure: issuerUnknown }, settings.mode);
  const last = checker.peek(subject, settings);
  if (last.known === undefined && last.failed === undefined) return undefined;
  const holds =
    last.known !== undefined && (last.known.answer.status === 'revoked' || now <= last.known.answer.validUntil);
  const finding = { known: holds ? last.known : undefined, failure: last.failed?.failure ?? outOfDate };
  return verifyFinding(finding, settings.mode);
}

/** The answers so far, as verification asks for them. */
export class OcspAnswers implements RevocationAnswers {
  readonly #checker: OcspChecker;

  constructor(checker: OcspChecker) {
    this.#checker = checker;
  }

  verify(
    leaf: CertificateFacts,
    known: EstablishedChain | undefined,
    settings: OcspSettings,
    now: number,
  ): VerificationResult | undefined {
    return verifyOpen(this.#checker, ocspSubject(leaf, known), settings, now);
  }
}

const notKnown = 'the responder does not know the certificate';

/** undefined where the client may pass. */
export function verifyFinding(
  { known, failure }: OcspFinding,
  mode: OcspSettings['mode'],
): VerificationResult | undefined {
  if (known?.answer.status === 'revoked') {
    const { revokedAt, reason } = known.answer;
    const when = revokedAt === undefined ? '' : ` on ${new Date(revokedAt).toISOString()}`;
    return { code: 'revoked', detail: `OCSP: revoked${when}${reason === undefined ? '' : `, ${reason}`}` };
  }
  if (known?.answer.status === 'good' || mode === 'soft') return undefined;
  return { code: 'revocation_unknown', detail: `OCSP: ${known === undefined ? (failure?.detail ?? '') : notKnown}` };
}
