// Where the CAs of a bundle come from, instead of files: a source that delivers them while the gateway runs. The keys stand beside
// `ca`; one of the ways is taken.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { bundleEndpointExample, bundleEndpointShape, readBundleEndpoint } from './bundle-endpoint-source.ts';
import { execExample, execShape, readExec } from './exec-source.ts';
import { key } from './key.ts';
import { labelOf } from './pair-sources.ts';
import { reportEmpty } from './reading.ts';
import type { SourcedRef } from './ref.ts';
import type { SourceConfig, SourceSettings } from './source-config.ts';
import { readSpiffeAnchors, spiffeAnchorsShape, spiffeBundleExample } from './spiffe-source.ts';
import { readVaultBundle, vaultBundleShape, vaultExample } from './vault-source.ts';

/** Beside `ca`. */
export const bundleSourceKeys = {
  exec: key(execShape, {
    says: 'A command that prints the CA certificates, in place of ca.',
    page: 'own. A command that prints the CA certificates, in place of `ca`.',
    example: execExample,
    oursAlone: true,
    table: 'exec',
  }),
  spiffe: key(spiffeAnchorsShape, {
    says: 'The CAs of a trust domain from the SPIFFE Workload API, in place of ca.',
    page: 'own. The CAs of a trust domain from the SPIFFE Workload API, in place of `ca`.',
    example: spiffeBundleExample,
    oursAlone: true,
    table: 'spiffesources',
  }),
  spiffeBundle: key(bundleEndpointShape, {
    says: 'The CAs of a trust domain from its SPIFFE bundle endpoint, in place of ca.',
    page: 'own. The CAs of a trust domain from its SPIFFE bundle endpoint, in place of `ca`.',
    example: bundleEndpointExample,
    oursAlone: true,
    table: 'spiffebundle',
  }),
  vault: key(vaultBundleShape, {
    says: 'The CA of a PKI engine of OpenBao or Vault, in place of ca.',
    page: 'own. `{address, mount, namespace, ca}`: the CA and chain of a PKI engine of OpenBao or Vault, in place of `ca`.',
    example: vaultExample,
    oursAlone: true,
  }),
};

type BundleSourceShape = {
  readonly [K in keyof typeof bundleSourceKeys]?: z.output<(typeof bundleSourceKeys)[K]>;
};

const ways = ['exec', 'spiffe', 'spiffeBundle', 'vault'] as const;

/** What is to be referred to; undefined where it cannot be read (reported); `files` where none of the keys is there. */
export function readBundleSource(
  shape: BundleSourceShape,
  at: Cursor,
  id: string,
  problems: ProblemList,
): SourcedRef | 'files' | undefined {
  for (const name of ways) reportEmpty(at, name, problems);
  const written = ways.filter((name) => at.holds(name));
  const [way, other] = written;
  if (way === undefined) return ways.some((name) => at.isEmpty(name)) ? undefined : 'files';
  const beside = other ?? (at.holds('ca') ? 'ca' : undefined);
  if (beside !== undefined) {
    problems.error(
      'contradiction',
      at.keyPlace(beside),
      `both ${way} and ${beside} are given: a bundle comes from one place`,
      'Keep one of them; a policy may name several bundles.',
    );
    return undefined;
  }
  const settings = readSettings(way, shape, at.down(way), problems);
  return settings && anchorsOf(settings, way, at, id);
}

function readSettings(
  way: (typeof ways)[number],
  shape: BundleSourceShape,
  at: Cursor,
  problems: ProblemList,
): SourceSettings | undefined {
  switch (way) {
    case 'exec':
      return readExec(shape.exec, at, problems);
    case 'spiffe':
      return readSpiffeAnchors(shape.spiffe, at, problems);
    case 'spiffeBundle':
      return readBundleEndpoint(shape.spiffeBundle, at, problems);
    default:
      return readVaultBundle(shape.vault, at, problems);
  }
}

/** Of what a source delivers, as CAs. */
export function anchorsOf(settings: SourceSettings, way: string, at: Cursor, id: string): SourcedRef {
  const { place } = at.down(way);
  const label = labelOf(way, at, id);
  const sourced: SourceConfig = { ...settings, want: 'anchors', mayStartWithout: false, label, place };
  return { place, part: 'anchors', sourced, label };
}
