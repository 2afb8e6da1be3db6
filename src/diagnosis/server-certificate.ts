// The server's side of the diagnosis: its certificate, the chain, the name. Verified by the same functions as the backend side of the
// gateway; OpenSSL's own verdict is where the diagnosis starts.
import { X509Certificate } from 'node:crypto';
import { Fault } from '../base/fault.ts';
import { AnchorSet } from '../trust/anchor-set.ts';
import { rawOfBest } from '../trust/best-reason.ts';
import { type ChainRequest, type ChainResult, establishChain } from '../trust/establish-chain.ts';
import { IdentityRules } from '../trust/identity-rules.ts';
import type { Requirements } from '../trust/verify-standing.ts';
import { orderChain } from '../certs/chain.ts';
import { diagnose } from '../trust/diagnose.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { commonNameCovers, coversHost, explainNotCovered } from '../certs/host-coverage.ts';
import { isSelfIssued } from '../certs/issuer.ts';
import { quoteSubject, findTop } from '../trust/issuer-diagnosis.ts';
import { defaultKeyFloor, verifyStrength, verifyDates } from '../trust/certificate-checks.ts';
import { clientAuth, hasPurpose, serverAuth } from '../certs/extended-key-usage.ts';
import { escapeForLog } from '../base/log-text.ts';
import { loadSystemBundle } from '../trust/trust-bundle.ts';
import type { TlsEvidence } from './probe-tls.ts';
import { broken, passed, type Step, type StepId, unclear } from './step.ts';
import type { Target } from './target.ts';

export type ServerSteps = {
  /** Up to the first that broke. */
  readonly steps: readonly Step[];
  /** As far as they could be read, in the order of the wire. */
  readonly certificates: readonly CertificateFacts[];
};

/** Steps certificate, chain and name. Never throws. */
export function verifyServer(evidence: TlsEvidence, target: Target, now: number): ServerSteps {
  const certificates: CertificateFacts[] = [];
  try {
    for (const der of evidence.certificates ?? []) certificates.push(readFacts(der));
  } catch (error) {
    const cause = escapeForLog(error instanceof Fault ? (error.detail ?? error.code) : String(error), 300);
    const which = `certificate ${certificates.length + 1} of ${evidence.certificates?.length ?? 0}`;
    const failure = { code: 'malformed_cert', cause: `${which}: ${cause}`, raw: evidence.verifyError ?? '' } as const;
    return { steps: [broken('certificate', 'cannot be read', failure)], certificates };
  }
  const [leaf] = certificates;
  if (leaf === undefined) {
    const failure = { code: 'malformed_cert', cause: 'the server sent no certificate', raw: '' } as const;
    return { steps: [broken('certificate', 'none', failure)], certificates };
  }
  const steps: Step[] = [];
  for (const [name, verify] of [
    ['certificate', verifyCertificate],
    ['chain', verifyChain],
    ['name', verifyName],
  ] as const) {
    const step = verifySafely(name, () => verify(leaf, { evidence, target, now, certificates }));
    steps.push(step);
    if (step.status === 'failed') break;
  }
  return { steps, certificates };
}

/** What readFacts let pass can still be unreadable in a corner that only one verify looks into. */
function verifySafely(name: StepId, verify: () => Step): Step {
  try {
    return verify();
  } catch (error) {
    const cause = escapeForLog(error instanceof Fault ? (error.detail ?? error.code) : String(error), 300);
    return broken(name, 'cannot be judged', { code: 'malformed_cert', cause, raw: '' });
  }
}

type Context = {
  readonly evidence: TlsEvidence;
  readonly target: Target;
  readonly now: number;
  readonly certificates: readonly CertificateFacts[];
};

function verifyCertificate(leaf: CertificateFacts, { evidence, now, target }: Context): Step {
  const text = describeCertificate(leaf);
  if (!target.demands.verify) return passed('certificate', text);
  const raw = evidence.verifyError ?? '';
  const found = verifyDates(leaf, now) ?? verifyStrength(leaf);
  if (found !== undefined && found.code !== 'ok')
    return broken('certificate', text, { code: found.code, cause: `the server's certificate: ${found.detail}`, raw });
  if (hasPurpose(leaf, serverAuth)) return passed('certificate', text);
  const cause = 'it is not made for a server: its extended key usage lacks serverAuth';
  return broken('certificate', text, { code: 'wrong_purpose', cause, raw });
}

const maxSansShown = 5;

/** One line: subject, issuer, names, dates, key, purpose. */
export function describeCertificate(facts: CertificateFacts): string {
  const names = facts.sans.map(({ type, value }) => `${type}:${escapeForLog(value, 80)}`);
  const shown = names.length === 0 ? 'no SAN' : names.slice(0, maxSansShown).join(', ');
  const more = names.length > maxSansShown ? `, and ${names.length - maxSansShown} more` : '';
  const dates = `${dayOf(facts.notBefore)} to ${dayOf(facts.notAfter)}`;
  return `${quoteSubject(facts)} from "${escapeForLog(facts.issuer, 120)}"; ${shown}${more}; ${dates}; ${facts.key}; ${purposeOf(facts)}`;
}

function dayOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}

function purposeOf(facts: CertificateFacts): string {
  if (facts.extendedKeyUsage === undefined) return 'any purpose';
  const found = [hasPurpose(facts, serverAuth) ? 'serverAuth' : '', hasPurpose(facts, clientAuth) ? 'clientAuth' : ''];
  return found.filter((word) => word !== '').join(' and ') || 'neither serverAuth nor clientAuth';
}

function verifyChain(leaf: CertificateFacts, { evidence, target, now, certificates }: Context): Step {
  const { anchors, own, demands } = target;
  const where = target.words.cas;
  const count = `${certificates.length} ${certificates.length === 1 ? 'certificate' : 'certificates'} sent`;
  const notes = noteOddities(certificates);
  if (!demands.verify) return unclear('chain', `${count}, not judged: insecureSkipVerify`, notes);
  const constraints = evidence.verifyError === '' ? 'openssl' : 'unasked';
  const requirements = { ...standing, revocations: demands.revocations };
  const found = establish(certificates, anchors ?? AnchorSet.of(loadSystemBundle()), {
    now,
    constraints,
    requirements,
  });
  const path = found.known;
  const openssl = target.keepsBack && evidence.verifyError !== '' ? undefined : evidence.verifyError;
  const raw = openssl ?? reasonWithoutOpenssl(found);
  const { refusal } = found;
  // OpenSSL knows no CRL of ours, and where it was not asked nothing else.
  if (raw === '' && refusal !== undefined && refusal.code !== 'ok')
    return broken(
      'chain',
      `${count}, judged against ${where}`,
      { code: refusal.code, cause: refusal.detail, raw },
      notes,
    );
  if (raw !== '') {
    const known =
      own === undefined
        ? {}
        : {
            known: {
              findIssuers: (facts: CertificateFacts) =>
                own.chain.filter((ca) => ca.isCa && ca.subjectKey === facts.issuerKey),
            },
          };
    const verified = diagnose({
      raw: rawOfBest(raw, found),
      leg: 2,
      leaf,
      chain: certificates.slice(1),
      bundle: anchors?.bundle,
      anchor: path?.anchor,
      now,
      peer: 'the server',
      ...known,
    });
    const code = verified.code === 'ok' ? 'untrusted_issuer' : verified.code;
    return broken('chain', `${count}, judged against ${where}`, { code, cause: verified.detail, raw }, notes);
  }
  const top = findTop(leaf, certificates);
  const lent = path?.chain.find((ca) => !certificates.some(({ sha256 }) => sha256 === ca.sha256));
  if (lent !== undefined)
    notes.push(
      `the server did not send the intermediate ${quoteSubject(lent)}; ${where} had it, clients with the root only will fail`,
    );
  const anchor = path?.anchor ?? (isSelfIssued(top) ? top : undefined);
  return passed(
    'chain',
    `${count}, up to ${anchor === undefined ? 'an anchor' : quoteSubject(anchor)} in ${where}`,
    notes,
  );
}

/** As a backend of the gateway would be verified, names and pins apart. */
const standing: Requirements = {
  purpose: serverAuth,
  keyFloor: defaultKeyFloor,
  maxDepth: Infinity,
  needsChain: true,
  revocations: undefined,
  ocsp: undefined,
  rules: new IdentityRules({ allowedSANs: undefined, allowedFingerprints: undefined, allowedSPKI: undefined }),
  host: undefined,
};

/** The way to an anchor: names it, and stands in where the handshake broke before OpenSSL's verdict. */
function establish(
  certificates: readonly CertificateFacts[],
  anchors: AnchorSet,
  how: Pick<ChainRequest, 'now' | 'constraints' | 'requirements'>,
): ChainResult {
  const none: ChainResult = { known: undefined, refusal: undefined, isLasting: false };
  try {
    const [leaf] = certificates;
    const [certificate, ...sent] = certificates.map(({ der }) => new X509Certificate(der));
    if (leaf === undefined || certificate === undefined) return none;
    return establishChain({ leaf, certificate, sent, anchors, read: readFacts, paths: undefined, ...how });
  } catch {
    // What OpenSSL cannot read leads nowhere.
    return none;
  }
}

/** '' where nothing speaks against the chain. */
function reasonWithoutOpenssl(found: ChainResult): string {
  const raw = 'UNABLE_TO_VERIFY_LEAF_SIGNATURE';
  if (found.known === undefined) return raw;
  const reason = rawOfBest(raw, found);
  return reason === raw ? '' : reason;
}

/** What is wrong with the list as it was sent, though OpenSSL gets along with it. Other TLS stacks do not. */
function noteOddities(sent: readonly CertificateFacts[]): string[] {
  const { chain, problems } = orderChain(sent);
  const notes = problems
    .filter(({ code }) => code === 'unrelated_certificate')
    .map(({ message }) =>
      message.replace(/^certificate file: /, '').replace(/; it is not sent$/, '; sent for nothing'),
    );
  const place = (facts: CertificateFacts): number => sent.findIndex(({ sha256 }) => sha256 === facts.sha256);
  if (chain.some((facts, index) => index > 0 && place(facts) < place(chain[index - 1] as CertificateFacts)))
    notes.push('sent in the wrong order: each certificate should be followed by its issuer (RFC 8446 section 4.4.2)');
  if (new Set(sent.map(({ sha256 }) => sha256)).size < sent.length) notes.push('a certificate was sent twice');
  const root = sent.slice(1).find((facts) => isSelfIssued(facts));
  if (root !== undefined) notes.push(`the root ${quoteSubject(root)} was sent along: needless, who trusts it has it`);
  return notes;
}

function verifyName(leaf: CertificateFacts, { target }: Context): Step {
  const { wanted, demands } = target;
  if (!demands.verify) return unclear('name', 'not judged: insecureSkipVerify');
  const refusal = demands.rules.verify(leaf);
  if (refusal !== undefined && refusal.code !== 'ok')
    return broken('name', wanted, { code: refusal.code, cause: refusal.detail, raw: '' });
  if (demands.rules.hasNames) return passed('name', 'it is among allowedSANs');
  if (coversHost(leaf, wanted)) return passed('name', `${wanted} is among its names`);
  if (demands.byCommonName && commonNameCovers(leaf, wanted))
    return passed('name', `${wanted} is its common name (nameCheck: commonName)`);
  const cause = `the certificate does not cover ${wanted}: ${explainNotCovered(leaf, wanted)}`;
  return broken('name', wanted, { code: 'name_mismatch', cause, raw: 'ERR_TLS_CERT_ALTNAME_INVALID' });
}
