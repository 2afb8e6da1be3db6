// Where a key names CA bundles instead of giving CAs: what they hold together, and which revocation lists come with them.
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import type { CaBundleConfig, CrlConfig } from './gateway-config.ts';
import type { NamedMaterial } from './named-material.ts';
import type { Ref } from './ref.ts';

export type BundledCAs = { readonly cas: readonly Ref[]; readonly crl: CrlConfig | undefined };

/** `at`: the list of ids. Undefined where one of them is not there: then an error was reported. */
export function readBundles(
  ids: readonly string[],
  at: Cursor,
  named: NamedMaterial,
  problems: ProblemList,
): BundledCAs | undefined {
  const bundles = ids.map((id, i) => named.findBundle(id, at.down(i), problems));
  const found = bundles.filter((bundle) => bundle !== undefined);
  if (found.length < bundles.length) return undefined;
  return { cas: found.flatMap(({ cas }) => cas), crl: joinCrls(found, at, problems) };
}

/**
 * The lists of all bundles as one: they are looked at under one set of rules, so those rules have to agree. A bundle without
 * lists beside one with some would have every certificate of its CAs refused for want of a list; that is said.
 */
function joinCrls(bundles: readonly CaBundleConfig[], at: Cursor, problems: ProblemList): CrlConfig | undefined {
  const withLists = bundles.filter(({ crl }) => crl !== undefined);
  const crls = withLists.flatMap(({ crl }) => crl ?? []);
  const [first] = crls;
  if (first === undefined) return undefined;
  for (const crl of crls)
    if (crl.onMissing !== first.onMissing || crl.onStale !== first.onStale || crl.scope !== first.scope)
      problems.error(
        'contradiction',
        at.place,
        'the CA bundles have revocation lists with different onMissing, onStale or scope',
        'Make them alike, or write crl here.',
      );
  const bare = bundles.find(({ crl }) => crl === undefined);
  if (bare !== undefined && first.onMissing === 'deny')
    problems.error(
      'contradiction',
      at.place,
      `the CA bundle ${bare.id} has no revocation lists and another one has: every certificate of its CAs would be refused`,
      'Give the bundle a crl, or write crl here.',
    );
  return { ...first, sources: crls.flatMap(({ sources }) => sources) };
}
