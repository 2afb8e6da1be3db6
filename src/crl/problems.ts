// What is wrong with the CRLs that a configuration asks for, as problems at the places where it asks. A file that is wrong is an
// error; a server that is down is a warning, since clients are verified by onMissing until it is there, and a gateway that does
// not start serves nobody.
import { materialWarning, type MaterialProblem } from '../base/material-problem.ts';
import { escapeForLog } from '../base/log-text.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { isSelfIssued, looksIssuedBy } from '../certs/issuer.ts';
import type { Place } from '../yaml/place.ts';
import type { Problem } from '../yaml/problem.ts';
import { describeCrl, type IndexedCrl, scopeOf } from './crl-set.ts';
import { refusalProblem } from './rejection.ts';
import type { CrlReading } from './source-reader.ts';
import type { CrlGroupSpec, CrlSourceSpec } from './wanted.ts';

/** What one source of a group is asked for; `known`: the CRLs that there are for the group. */
export type ReadingOf = { readonly group: CrlGroupSpec; readonly known: readonly IndexedCrl[] };

/** `now`: milliseconds since the epoch. */
export function readingProblems(
  { source }: CrlSourceSpec,
  { crls, failures }: CrlReading,
  { group, known }: ReadingOf,
  now: number,
): Problem[] {
  const { place } = source;
  const refused = failures.map(({ source: name, refusal }): Problem => {
    const problem = refusalProblem(refusal, name);
    return at(place, 'url' in source ? { ...problem, severity: 'warning' } : problem);
  });
  const stale = crls.filter(({ facts }) => now > facts.nextUpdate);
  return [...refused, ...stale.map((crl) => at(place, staleProblem(crl, group, known, now)))];
}

/** Codes of what keeps out everybody whom a CA vouches for, though the configuration can be used. */
export const refusesEverybody: ReadonlySet<string> = new Set(['crl_stale_refused', 'crl_missing']);

function staleProblem(
  { facts }: IndexedCrl,
  { refuseStale }: CrlGroupSpec,
  known: readonly IndexedCrl[],
  now: number,
): MaterialProblem {
  const message = `${describeCrl(facts)} is out of date`;
  const isReplaced = known.some((one) => scopeOf(one.facts) === scopeOf(facts) && now <= one.facts.nextUpdate);
  if (isReplaced) return materialWarning('crl_stale', `${message}; a newer one counts`, 'Take it out.');
  if (refuseStale.length === 0)
    return materialWarning('crl_stale', `${message}; it counts all the same (onStale: allow)`, 'Publish a newer one.');
  const refusers = [...new Set(refuseStale)].slice(0, maxShown).join(', ');
  const whom = facts.covers === 'ca' ? 'every CA' : 'everybody';
  return materialWarning(
    'crl_stale_refused',
    `${message}: ${refusers} refuses ${whom} whom "${escapeForLog(facts.issuer, 120)}" vouches for (onStale: deny)`,
    'Publish a newer one; onStale: allow lets them in until it is there.',
  );
}

/** Policies and routes that are named. */
const maxShown = 5;

/**
 * The usual surprise: with a CRL of the issuing CA alone, nobody passes, for there is none of the root above it. `known`: the
 * CRLs that there are for the group.
 */
export function gapProblems({ sources, uses }: CrlGroupSpec, known: readonly IndexedCrl[]): Problem[] {
  if (uses.length === 0) return [];
  const signers = new Set(known.map(({ facts }) => facts.issuerSpki));
  const cas = (sources[0]?.issuers ?? []).map((der) => readFacts(Buffer.from(der)));
  const missing = cas.filter(({ spkiSha256 }) => !signers.has(spkiSha256));
  return uses.flatMap(({ what, scope, place }) =>
    missing.flatMap((ca) => {
      // Without `scope: chain` a CA that only issues CAs has nothing to say.
      if (scope === 'leaf' && cas.some((one) => one !== ca && looksIssuedBy(one, ca))) return [];
      const name = `"${escapeForLog(ca.subject, 120)}"`;
      const message = `${what}: there is no CRL of ${name}: whatever it issued is refused (onMissing: deny)`;
      const hint =
        scope === 'chain' && isSelfIssued(ca)
          ? 'Add its CRL to sources, or write `scope: leaf` where only CRLs of issuing CAs exist.'
          : 'Add its CRL to sources.';
      return [at(place, materialWarning('crl_missing', message, hint))];
    }),
  );
}

function at(place: Place, { severity, code, message, hint }: MaterialProblem): Problem {
  return { severity, code, place, message, hint };
}
