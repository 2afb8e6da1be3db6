// A certificate and its key verified as one thing that the gateway presents, on the client side as a server, on the backend side as a client:
// every defect a distinct code and a message that names the file and the remedy.
import { encodePem } from '../asn1/der-writer.ts';
import { orderChain, type OrderedChain } from '../certs/chain.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { verifyAnchorKey, verifyDates, verifyStrength } from './certificate-checks.ts';
import { clientAuth, hasPurposeForSome, serverAuth } from '../certs/extended-key-usage.ts';
import { isSelfIssued } from '../certs/issuer.ts';
import { refuseForeignBlocks } from '../certs/foreign-blocks.ts';
import { describeExpiry, isNearExpiry } from '../certs/expiry.ts';
import { escapeForLog } from '../base/log-text.ts';
import { MaterialReading } from '../certs/material-memory.ts';
import { isKeyPart } from '../certs/private-key.ts';
import { hasErrors, materialError, type MaterialProblem, materialWarning } from '../base/material-problem.ts';
import { findSystemIssuer, type TrustBundle } from './trust-bundle.ts';

export type PairOptions = {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** An expired leaf is a warning: at a reload it must not keep every other change out. Default: an error. */
  readonly tolerateExpired?: boolean;
  /** How messages call the two files. */
  readonly certName?: string;
  readonly keyName?: string;
  /** Anchors that the other side is known to have; the built-in roots always count as known. */
  readonly anchors?: readonly Pick<TrustBundle, 'findIssuer'>[];
  /** Who parses, and may have parsed the same before. */
  readonly reading?: MaterialReading;
};

export type CheckedPair = {
  readonly leaf: CertificateFacts | undefined;
  /** What goes on the wire, leaf first, without the root; undefined where a problem is an error. */
  readonly chainPem: string | undefined;
  readonly keyPem: string | undefined;
  /** As Node calls it; '' where there is no key. */
  readonly keyType: string;
  readonly chain: readonly CertificateFacts[];
  /** Who issued the leaf, where the file has it; a root is not sent. */
  readonly issuer: CertificateFacts | undefined;
  readonly problems: readonly MaterialProblem[];
};

/** A pair for the client side. Which hosts it covers is not looked at: several pairs may share them. */
export function checkServerPair(certPem: string, keyPem: string, options: PairOptions): CheckedPair {
  return checkPair(certPem, keyPem, options, { usage: serverAuth, word: 'serverAuth', side: 'server' });
}

/** A pair for the backend side: what the gateway shows to a backend. */
export function checkClientPair(certPem: string, keyPem: string, options: PairOptions): CheckedPair {
  return checkPair(certPem, keyPem, options, { usage: clientAuth, word: 'clientAuth', side: 'client' });
}

type Purpose = { usage: string; word: string; side: 'server' | 'client' };

function checkPair(certPem: string, keyPem: string, options: PairOptions, purpose: Purpose): CheckedPair {
  const certName = options.certName ?? 'the certificate';
  const keyName = options.keyName ?? 'the key';
  const { reading = new MaterialReading() } = options;
  const parsed = reading.certificates(certPem, certName);
  const key = reading.privateKey(keyPem, keyName);
  const fits = key.key === undefined ? undefined : reading.fitting(keyPem, key.key);
  const isWeak = (facts: CertificateFacts): boolean => verifyStrength(facts) !== undefined;
  const ordered = orderChain(parsed.certificates, { fits, name: certName, now: options.now, isWeak });
  const aboutKey = (problem: MaterialProblem): MaterialProblem => ({ ...problem, about: 'key' });
  // One file for both may hold both; of two files, what belongs into the other is of no use.
  const isOne = certPem === keyPem;
  const { leaf } = ordered;
  // Of a file of which a part cannot be read nobody knows what belongs to what: that part may be the leaf.
  const isWhole = !hasErrors(parsed.problems);
  const isLeaf = leaf !== undefined && fits?.(leaf) === true;
  const problems = [
    ...parsed.problems,
    ...refuseForeignBlocks(parsed.others, (label) => isOne && isKeyPart(label), certName, 'certificate'),
    ...key.problems.map(aboutKey),
    ...refuseForeignBlocks(isOne ? [] : key.others, () => false, keyName, 'private key').map(aboutKey),
    ...(isWhole ? ordered.problems : []),
  ];
  if (leaf !== undefined && isWhole && key.key !== undefined && !isLeaf) {
    problems.push(
      aboutKey(
        materialError(
          'key_mismatch',
          `${keyName} is not the key of ${certName} (${describe(leaf)}, ${leaf.key})`,
          'Give the key that the certificate was requested with; after a renewal replace both files.',
        ),
      ),
    );
  }
  if (leaf !== undefined && (isWhole || isLeaf)) problems.push(...verifyPresented(leaf, certName, purpose, options));
  if (leaf !== undefined && isWhole) problems.push(...verifyAbove(leaf, ordered, certName, options));
  const { sent } = ordered;
  const usable = leaf !== undefined && key.key !== undefined && !hasErrors(problems);
  return {
    leaf,
    chain: sent,
    issuer: ordered.issuer,
    chainPem: usable ? sent.map((facts) => encodePem('CERTIFICATE', facts.der)).join('') : undefined,
    keyPem: usable ? key.keyPem : undefined,
    keyType: key.key?.asymmetricKeyType ?? '',
    problems,
  };
}

function verifyPresented(
  leaf: CertificateFacts,
  name: string,
  purpose: Purpose,
  options: PairOptions,
): MaterialProblem[] {
  const problems: MaterialProblem[] = [];
  const dates = verifyDates(leaf, options.now);
  if (dates !== undefined) {
    const tolerated = dates.code === 'expired' && options.tolerateExpired === true;
    const report = tolerated ? materialWarning : materialError;
    const hint =
      dates.code === 'expired' ? 'Renew it.' : 'Check the clock of this machine and the date of the certificate.';
    problems.push(report(dates.code, `${name} (${describe(leaf)}): ${dates.detail}`, hint));
  } else if (isNearExpiry(leaf, options.now)) {
    const message = `${name} (${describe(leaf)}) expires ${tellExpiry(leaf, options.now)}`;
    problems.push(materialWarning('expires_soon', message, 'Renew it in time.'));
  }
  const weakness = verifyStrength(leaf);
  if (weakness !== undefined) {
    problems.push(
      materialError(
        'weak_key',
        `${name} (${describe(leaf)}): ${weakness.detail}`,
        'Have it issued again: EC P-256 or RSA 2048, SHA-256.',
      ),
    );
  }
  if (!hasPurposeForSome(leaf, purpose.usage)) {
    problems.push(
      materialError(
        'wrong_purpose',
        `${name} (${describe(leaf)}) is not made for a ${purpose.side}: its extended key usage lacks ${purpose.word}`,
        `Have it issued with the extended key usage ${purpose.word}.`,
      ),
    );
  }
  return problems;
}

/** What is sent above the leaf and what had to be left away, and whether an intermediate is likely to be missing. */
function verifyAbove(
  leaf: CertificateFacts,
  { sent, useless, issuer }: OrderedChain,
  name: string,
  options: PairOptions,
): MaterialProblem[] {
  const problems = [
    ...sent.slice(1).flatMap((facts) => verifyIntermediate(facts, name, options)),
    ...useless.filter((facts) => !isSelfIssued(facts)).map((facts) => notSent(facts, sent, name, options)),
  ];
  // With an intermediate there, what is above it is taken for a root, which need not be sent.
  if (issuer !== undefined || isSelfIssued(leaf)) return problems;
  const known =
    options.anchors?.some((bundle) => bundle.findIssuer(leaf) !== undefined) || findSystemIssuer(leaf) !== undefined;
  if (known) return problems;
  problems.push(
    materialWarning(
      'missing_intermediate',
      `${name} holds only the leaf; its issuer "${escapeForLog(leaf.issuer, 120)}" is no root known here`,
      'If that issuer is an intermediate CA, append its certificate to the file; if it is a root that the other side has, all is well.',
    ),
  );
  return problems;
}

function verifyIntermediate(facts: CertificateFacts, name: string, { now }: PairOptions): MaterialProblem[] {
  const ca = `${name}: the CA ${describe(facts)}`;
  const unusable = verifyAnchorKey(facts);
  if (unusable !== undefined)
    return [
      materialError(
        'weak_intermediate',
        `${ca}: its key is ${facts.key}, which is too short for OpenSSL`,
        'Have the certificate issued by a CA with an RSA key of 2048 bits or EC P-256.',
      ),
    ];
  const problems: MaterialProblem[] = [];
  const weakness = verifyStrength(facts);
  if (weakness !== undefined)
    problems.push(
      materialWarning(
        'weak_intermediate',
        `${ca}: ${weakness.detail}`,
        'Many refuse it: put its certificate that is signed with SHA-256 into the file.',
      ),
    );
  const dates = verifyDates(facts, now);
  if (dates !== undefined)
    problems.push(
      materialWarning(
        `intermediate_${dates.code}`,
        `${ca}: ${dates.detail}`,
        'Put the current certificate of this CA into the file.',
      ),
    );
  else if (isNearExpiry(facts, now))
    problems.push(
      materialWarning(
        'intermediate_expires_soon',
        `${ca} expires ${tellExpiry(facts, now)}`,
        'Have the certificate issued by its successor in time.',
      ),
    );
  return problems;
}

function notSent(
  facts: CertificateFacts,
  sent: readonly CertificateFacts[],
  name: string,
  { now }: PairOptions,
): MaterialProblem {
  const dates = verifyDates(facts, now);
  const why = dates?.detail ?? verifyStrength(facts)?.detail ?? 'it is of no use';
  const replaced = sent.some(
    ({ subjectKey, spkiSha256 }) => subjectKey === facts.subjectKey && spkiSha256 === facts.spkiSha256,
  );
  return materialWarning(
    dates === undefined ? 'weak_intermediate' : `intermediate_${dates.code}`,
    `${name}: the CA ${describe(facts)}: ${why}; it is not sent`,
    replaced
      ? 'Take it out: another certificate of this CA is in the file, and is sent.'
      : 'Put the current certificate of this CA into the file.',
  );
}

function tellExpiry({ notAfter }: CertificateFacts, now: number): string {
  return `${describeExpiry(notAfter, now)}, on ${new Date(notAfter).toISOString()}`;
}

function describe(facts: CertificateFacts): string {
  return `"${escapeForLog(facts.subject, 120)}"`;
}
