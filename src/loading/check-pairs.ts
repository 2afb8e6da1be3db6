// Certificates of ours that can be used and will be refused: the pair of a CA itself, and those beside which the configuration has a
// CA with the name of their issuer that did not issue them. Who is to accept our certificate has that CA most likely.
import type { CertificateFacts } from '../certs/facts.ts';
import { findNamesake, isSelfIssued } from '../certs/issuer.ts';
import { type MaterialProblem, materialWarning } from '../base/material-problem.ts';
import { quoteSubject } from '../trust/issuer-diagnosis.ts';
import { describeNamesake } from '../trust/namesake.ts';
import type { MaterialLoader } from './material-loader.ts';

const hint =
  'Have it issued again with the key of that CA, or give the CA that issued it in its place; `countersign pki show` on both files compares their keys.';

/** To be called when all is read. */
export function checkPairs(loader: MaterialLoader): void {
  const byName = new Map<string, { readonly name: string; readonly ca: CertificateFacts }[]>();
  for (const { name, bundle } of loader.bundles) {
    for (const ca of bundle.certificates) {
      const same = byName.get(ca.subjectKey);
      if (same === undefined) byName.set(ca.subjectKey, [{ name, ca }]);
      else same.push({ name, ca });
    }
  }
  for (const { place, leaf, end, side } of loader.pairs) {
    if (side === 'client' && leaf.isCa) loader.add(place, caItself(leaf));
    if (isSelfIssued(end)) continue;
    const named = byName.get(end.issuerKey) ?? [];
    const namesake = findNamesake(
      end,
      named.map(({ ca }) => ca),
    );
    if (namesake === undefined) continue;
    const where = named.find(({ ca }) => ca === namesake)?.name ?? '';
    // "Append the intermediate" would be the wrong thing to do.
    loader.drop('missing_intermediate', place);
    loader.add(place, materialWarning('issuer_made_twice', describeNamesake(end, namesake, where), hint));
  }
}

function caItself(ca: CertificateFacts): MaterialProblem {
  return materialWarning(
    'ca_as_client',
    `${quoteSubject(ca)} is the certificate of a CA: what the gateway shows to backends is one that a CA issued, and most of them refuse this one`,
    'Issue a client certificate with that CA, as `countersign pki issue client` does, and keep its key away from the gateway.',
  );
}
