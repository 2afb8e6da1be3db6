// `certManager`: Goma gets certificates from ACME or Vault. This version gets none, so what matters is for which hosts one would
// have been ordered: whether those that are given cover them is seen when they are loaded (loading/check-orders.ts).
import { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import { findNearest } from '../yaml/nearest.ts';
import type { Place } from '../yaml/place.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { quote } from '../yaml/tree.ts';
import { flag, map, text } from './atoms.ts';
import type { CertificateOrder, RouteConfig } from './gateway-config.ts';
import { key } from './key.ts';
import type { WrittenRoute } from './route.ts';

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
  says: 'Certificates are not fetched; the hosts that they would be for need certificates that are given.',
  page: 'Goma. Certificates are not fetched from ACME or Vault: those that are given are served (warning). A host of a route for which Goma would order one, and which none covers, is an error, unless the route says `tls: {provider: none}`.',
  inert: true,
} as const;

/** Goma's name of the one provider that stands at the top of the block. */
const unnamed = 'default';

type Ways = Pick<CertManagerShape, 'acme' | 'vault'>;
type Provider = { readonly name: string; readonly type: string; readonly isActive: boolean };

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

/** Which certificates Goma would order for the routes that are served; says that none is. */
export function readOrders(
  manager: WrittenCertManager | undefined,
  written: readonly WrittenRoute[],
  routes: readonly RouteConfig[],
  problems: ProblemList,
): CertificateOrder[] {
  if (manager === undefined) return [];
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
    return [];
  }
  problems.warn(
    'unsupported_key',
    manager.place,
    'certManager is not supported: certificates are not fetched from ACME or Vault, those of gateway.tls are served',
    'Give certificates as files under gateway.tls; changed files are picked up.',
  );
  const [first] = at.isBroken('defaultProvider') ? providers.filter(({ isActive }) => isActive) : providers;
  const isOnly = providers.length === 1 || at.isBroken('defaultProvider');
  const byDefault = shape.defaultProvider ?? (isOnly ? first?.name : undefined);
  const providerOf = new Map(written.map((route) => [route.shape.name, route]));
  return routes.flatMap(({ name: route, hosts, place }) => {
    const named = providerOf.get(route);
    const wanted = named === undefined ? byDefault : chooseProvider(named, providers, byDefault, problems);
    const provider = providers.find(({ name, isActive }) => isActive && name === wanted);
    return provider === undefined ? [] : hosts.map((host) => ({ route, host, provider: provider.name, place }));
  });
}

function findProviders(shape: CertManagerShape, at: Cursor): Provider[] {
  const named = Object.entries(shape.providers ?? {}).map(([name, { type = '', ...block }]) => ({
    name,
    type,
    isActive: isActive(type, block, at.down('providers', name)),
  }));
  if (named.length > 0) return named;
  const { provider: type = shape.vault?.address === undefined ? 'acme' : 'vault' } = shape;
  const one = { name: unnamed, type, isActive: isActive(type, shape, at) };
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
