// `certManager`: Goma gets a certificate for each host of a route from ACME or Vault. So do we, where the block says whom to ask and nothing
// that we do not do; else the host needs a certificate that is given, which is seen when they are loaded (loading/check-orders.ts).
import { z } from 'zod';
import { wildcardHost } from '../base/host.ts';
import type { Cursor } from '../yaml/cursor.ts';
import { findNearest } from '../yaml/nearest.ts';
import type { Place } from '../yaml/place.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { quote } from '../yaml/tree.ts';
import { flag, map, text } from './atoms.ts';
import type { CertificateOrder, CertificatePair, RouteConfig } from './gateway-config.ts';
import { acmeOfGoma, isSource, type NoSource, vaultOfGoma } from './goma-certificates.ts';
import { key } from './key.ts';
import { pairOf } from './pair-sources.ts';
import type { WrittenRoute } from './route.ts';
import type { SourceSettings } from './source-config.ts';

const known = key(text, {});

const acmeShape = map({
  email: known,
  directoryUrl: known,
  storageFile: known,
  termsAccepted: key(flag, {}),
  challengeType: known,
  dnsProvider: known,
  credentials: map({ apiToken: known }).optional(),
  eab: map({ kid: known, hmacKey: known }).optional(),
  insecureSkipVerify: key(flag, {}),
  // Of versions before 0.13.
  directoryURL: known,
  storage: known,
  entrypoint: known,
  challenge: map({ type: known, provider: known, credentials: map({ apiToken: known }).optional() }).optional(),
});

const vaultShape = map({
  address: known,
  token: known,
  role: known,
  mount: known,
  namespace: known,
  ttl: known,
  storageFile: known,
});

const ways = { acme: acmeShape.optional(), vault: vaultShape.optional() };

export const certManagerShape = map({
  defaultProvider: known,
  providers: z
    .record(z.string(), map({ type: known, ...ways }), { error: () => 'expected a map of names and providers' })
    .optional(),
  provider: known,
  ...ways,
});
type CertManagerShape = z.output<typeof certManagerShape>;

export const certManagerPage = {
  says: 'Certificates of the hosts of routes from an ACME server that is named, or from Vault.',
  page: 'Goma. A certificate for each host of a route, from the ACME server that `directoryUrl` names (`http-01`; `termsAccepted: true`) or from Vault ([sources](certificates.md)). Where it names none, asks for `dns-01`, a wildcard or `insecureSkipVerify`, the host needs a certificate that is given: else it is an error, unless the route says `tls: {provider: none}`. Account and certificates are kept beside `storageFile`, in `countersign-acme`.',
} as const;

/** Goma's name of the one provider that stands at the top of the block. */
const unnamed = 'default';

type Ways = Pick<CertManagerShape, 'acme' | 'vault'>;
type Provider = {
  readonly name: string;
  readonly type: string;
  readonly isActive: boolean;
  readonly ways: Ways;
};

export type WrittenCertManager = { readonly shape: CertManagerShape; readonly at: Cursor; readonly place: Place };

type MainFile = {
  readonly certManager?: CertManagerShape | undefined;
  readonly certificateManager?: CertManagerShape | undefined;
};

/** The block under its name or the deprecated one, which counts where the other is not there. */
export function findCertManager(main: MainFile, root: Cursor, problems: ProblemList): WrittenCertManager | undefined {
  if (main.certificateManager !== undefined)
    problems.warn(
      'deprecated_key',
      root.keyPlace('certificateManager'),
      'certificateManager is the deprecated name of certManager',
      'Write certManager.',
    );
  const name = main.certManager === undefined ? 'certificateManager' : 'certManager';
  const shape = main[name];
  return shape && { shape, at: root.down(name), place: root.keyPlace(name) };
}

/** What is ordered, as pairs that a source delivers; and for which hosts Goma would order one and we do not. */
export type Orders = { readonly pairs: readonly CertificatePair[]; readonly missing: readonly CertificateOrder[] };

const noOrders: Orders = { pairs: [], missing: [] };

/** Which certificates Goma would order for the routes that are served; says why where one cannot be. `file`: the main one. */
export function readOrders(
  manager: WrittenCertManager | undefined,
  written: readonly WrittenRoute[],
  routes: readonly RouteConfig[],
  file: string,
  problems: ProblemList,
): Orders {
  if (manager === undefined) return noOrders;
  const { shape, at } = manager;
  const providers = findProviders(shape, at);
  if (!providers.some(({ isActive }) => isActive)) {
    if (providers.length > 0 || at.holds('acme'))
      problems.warn(
        'ignored_key',
        manager.place,
        'certManager asks for no certificates: no provider has an `email`',
        'Remove it, or give certificates under gateway.tls.',
      );
    return noOrders;
  }
  const [first] = at.isBroken('defaultProvider') ? providers.filter(({ isActive }) => isActive) : providers;
  const isOnly = providers.length === 1 || at.isBroken('defaultProvider');
  const byDefault = shape.defaultProvider ?? (isOnly ? first?.name : undefined);
  const providerOf = new Map(written.map((route) => [route.shape.name, route]));
  const pairs = new Map<string, CertificatePair>();
  const missing: CertificateOrder[] = [];
  for (const { name: route, hosts, place } of routes) {
    const named = providerOf.get(route);
    const wanted = named === undefined ? byDefault : chooseProvider(named, providers, byDefault, problems);
    const provider = providers.find(({ name, isActive }) => isActive && name === wanted);
    if (provider === undefined) continue;
    for (const host of hosts) {
      const found = sourceOf(provider, wildcardHost(host), file);
      if (!isSource(found)) missing.push({ route, host, provider: provider.name, why: found.why, place });
      else if (!pairs.has(host)) pairs.set(host, orderedPair(found, host, manager.place));
    }
  }
  const [refused] = missing;
  if (refused !== undefined)
    problems.warn(
      'unsupported_key',
      manager.place,
      `certManager orders no certificate for ${refused.host}: ${refused.why}`,
      'What is given under gateway.tls is served for it.',
    );
  return { pairs: [...pairs.values()], missing };
}

function sourceOf({ type, ways: { acme, vault } }: Provider, host: string, file: string): SourceSettings | NoSource {
  return type === 'vault' ? vaultOfGoma(vault ?? {}, host) : acmeOfGoma(acme ?? {}, host, file);
}

function orderedPair(settings: SourceSettings, host: string, place: Place): CertificatePair {
  const label = `${host} (certManager)`;
  return pairOf({ ...settings, want: 'pair', mayStartWithout: settings.kind === 'acme', label, place }, { place });
}

function findProviders(shape: CertManagerShape, at: Cursor): Provider[] {
  const named = Object.entries(shape.providers ?? {}).map(([name, { type = '', ...block }]) => ({
    name,
    type,
    isActive: isActive(type, block, at.down('providers', name)),
    ways: block,
  }));
  if (named.length > 0) return named;
  const { provider: type = shape.vault?.address === undefined ? 'acme' : 'vault' } = shape;
  const one = { name: unnamed, type, isActive: isActive(type, shape, at), ways: shape };
  return shape.provider !== undefined || one.isActive ? [one] : [];
}

/** Goma switches ACME off where no address is given. One that a variable should have held counts, whatever it is. */
function isActive(type: string, { acme, vault }: Ways, at: Cursor): boolean {
  if (type === 'vault') return vault !== undefined;
  return (acme?.email ?? '') !== '' || at.down('acme').isBroken('email');
}

function chooseProvider(
  { shape, at }: WrittenRoute,
  providers: readonly Provider[],
  byDefault: string | undefined,
  problems: ProblemList,
): string | undefined {
  const { provider = '' } = shape.tls;
  if (provider === '') return byDefault;
  if (provider.toLowerCase() === 'none') return undefined;
  const names = providers.map(({ name }) => name);
  if (names.includes(provider)) return provider;
  const near = findNearest(provider, names);
  problems.warn(
    'unknown_provider',
    at.down('tls', 'provider').place,
    `certManager has no provider ${quote(provider)}; Goma takes the default one`,
    near === undefined ? `Known: ${[...names, 'none'].join(', ')}.` : `Did you mean ${near}?`,
  );
  return byDefault;
}
