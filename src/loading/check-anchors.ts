// Whether the CAs that a configuration names can vouch for anybody. What is an anchor among them is said here where nobody said it:
// an intermediate is one only where there is no root, or where that is asked for. What is none, is too weak, or may not issue
// lets nobody in, and a handshake is a bad place to hear of it.
import { materialError, type MaterialProblem, materialWarning } from '../base/material-problem.ts';
import { escapeForLog } from '../base/log-text.ts';
import { clientAuth, hasPurpose, serverAuth } from '../certs/extended-key-usage.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { maySign } from '../certs/key-usage.ts';
import type { Ref } from '../config/ref.ts';
import { AnchorSet, isPartialChain } from '../trust/anchor-set.ts';
import { verifyAnchorKey, verifyStrength } from '../trust/certificate-checks.ts';
import { mayIssue, type TrustBundle } from '../trust/trust-bundle.ts';
import type { MaterialLoader } from './material-loader.ts';

export type NamedBundle = { readonly what: string; readonly bundle: TrustBundle; readonly ref: Ref };
export type Peers = 'clients' | 'servers';

/** `who` names them: `policy NAME`, `route NAME`. `asked`: the partialChain of the configuration, for all bundles together. */
export function checkAnchors(
  who: string,
  peers: Peers,
  asked: boolean | undefined,
  bundles: readonly NamedBundle[],
  loader: MaterialLoader,
): void {
  const partialChain = isPartialChain(
    asked,
    bundles.map(({ bundle }) => bundle),
  );
  for (const { what, bundle, ref } of bundles) {
    const report = (problem: MaterialProblem): void => loader.add(ref.place, problem);
    const anchors = new AnchorSet(bundle, partialChain);
    if (asked !== true && !bundle.hasRoot && bundle.hasIntermediates)
      report(withoutRoot(`${who}: ${what} holds no root CA`, partialChain));
    if (anchors.anchors.length > 0)
      loader.once(`${peers} ${partialChain} ${bundle.digest}`, () => checkEach(what, peers, anchors, report));
  }
}

function withoutRoot(message: string, partialChain: boolean): MaterialProblem {
  return partialChain
    ? materialWarning(
        'partial_chain',
        `${message}: its intermediates are taken for anchors, whoever stands above them`,
        'Write `partialChain: true` to say that it is meant, or give the root.',
      )
    : materialError(
        'partial_chain',
        `${message}, and its intermediates are no anchors here: nobody could be trusted`,
        'Add the root, or write `partialChain: true` to make intermediates anchors.',
      );
}

function checkEach(what: string, peers: Peers, anchors: AnchorSet, report: (problem: MaterialProblem) => void): void {
  const { certificates } = anchors.bundle;
  const useless = certificates.flatMap((facts) => {
    const why = findFlaw(facts, peers, anchors.isAnchor(facts));
    return why === undefined ? [] : [{ facts, why }];
  });
  const isAll = useless.length === certificates.length;
  for (const { facts, why } of useless) {
    const message = `${what}: the CA ${quote(facts)} can vouch for nobody: ${why}`;
    const hint = 'Replace it by a CA that may issue for them, or take it out.';
    report(isAll ? materialError('useless_anchor', message, hint) : materialWarning('useless_anchor', message, hint));
  }
  for (const [first, second] of findNamesakes(anchors.bundle))
    report(
      materialWarning(
        'namesake_anchors',
        `${what}: two CAs with different keys are called ${quote(first)}, and the one with serial ${second.serial} has no key identifier to tell them apart: OpenSSL tries one of them only, and refuses what the other issued`,
        'Take the one out that nobody needs, or have it made anew with a subject key identifier or another name.',
      ),
    );
}

/** Why it vouches for nobody, whatever the date is. */
function findFlaw(facts: CertificateFacts, peers: Peers, isAnchor: boolean): string | undefined {
  if ((isAnchor ? verifyAnchorKey(facts) : verifyStrength(facts)) !== undefined)
    return isAnchor ? `its key is ${facts.key}, which is too short` : (verifyStrength(facts)?.detail ?? '');
  const [purpose, word] = peers === 'clients' ? [clientAuth, 'clientAuth'] : [serverAuth, 'serverAuth'];
  if (!hasPurpose(facts, purpose)) return `its extended key usage lacks ${word}`;
  return mayIssue(facts) && !maySign(facts) ? 'its key usage lacks keyCertSign' : undefined;
}

/** Of each pair of one name and two keys that only a key identifier could tell apart, the first and one without. */
function findNamesakes(bundle: TrustBundle): (readonly [CertificateFacts, CertificateFacts])[] {
  return bundle.certificates.flatMap((facts) => {
    const [first] = bundle.findNamed(facts.subjectKey);
    if (first === undefined || first.spkiSha256 === facts.spkiSha256) return [];
    if (facts.subjectKeyId === undefined) return [[first, facts] as const];
    return first.subjectKeyId === undefined ? [[facts, first] as const] : [];
  });
}

function quote({ subject }: CertificateFacts): string {
  return `"${escapeForLog(subject, 120)}"`;
}
