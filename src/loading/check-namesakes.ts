// Certificates of ours beside CAs of the configuration that bear the name of their issuer and did not issue them: a CA that was made
// twice. Who is to accept our certificate has that CA most likely, and will refuse it.
import type { CertificateFacts } from '../certs/facts.ts';
import { findNamesake, isSelfIssued } from '../certs/issuer.ts';
import { materialWarning } from '../base/material-problem.ts';
import { describeNamesake } from '../trust/namesake.ts';
import type { MaterialLoader } from './material-loader.ts';

const hint =
  'Have it issued again with the key of that CA, or give the CA that issued it in its place; `countersign pki show` on both files compares their keys.';

/** To be called when all is read. */
export function checkNamesakes(loader: MaterialLoader): void {
  const byName = new Map<string, { readonly name: string; readonly ca: CertificateFacts }[]>();
  for (const { name, bundle } of loader.bundles) {
    for (const ca of bundle.certificates) {
      const same = byName.get(ca.subjectKey);
      if (same === undefined) byName.set(ca.subjectKey, [{ name, ca }]);
      else same.push({ name, ca });
    }
  }
  for (const { place, end } of loader.pairs) {
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
