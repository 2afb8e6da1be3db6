// Every screen and its path: a line here, a folder in screens/. What a screen shows is in its URL (`useUrlState`), so that a link
// to it can be sent to somebody else; values of the query are text.
import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router';
import type { ComponentType } from 'react';
import { Failed, NoSuchPage } from './shell/dead-ends.tsx';
import { Shell } from './shell/shell.tsx';

type Screen = () => Promise<{ readonly default: ComponentType }>;
export type Search = Readonly<Record<string, string>>;

const root = createRootRoute({
  component: Shell,
  notFoundComponent: NoSuchPage,
  validateSearch: (search: Record<string, unknown>): Search =>
    Object.fromEntries(Object.entries(search).map(([name, value]) => [name, String(value)])),
});

function screen<const P extends string>(path: P, load: Screen) {
  return createRoute({ getParentRoute: () => root, path, component: lazyRouteComponent(load) });
}

const routeTree = root.addChildren([
  screen('/', async () => import('./screens/overview/overview.tsx')),
  screen('/start', async () => import('./screens/start/start.tsx')),
  screen('/relations/$id', async () => import('./screens/relation/relation.tsx')),
  screen('/alerts', async () => import('./screens/alerts/alerts.tsx')),
  screen('/services', async () => import('./screens/services/services.tsx')),
  screen('/services/new', async () => import('./screens/services/new-service.tsx')),
  screen('/services/$id', async () => import('./screens/services/service.tsx')),
  screen('/clients', async () => import('./screens/clients/clients.tsx')),
  screen('/clients/$id', async () => import('./screens/clients/client-policy.tsx')),
  screen('/routes', async () => import('./screens/routes/routes.tsx')),
  screen('/routes/new', async () => import('./screens/routes/new-route.tsx')),
  screen('/routes/$id', async () => import('./screens/routes/route.tsx')),
  screen('/certificates', async () => import('./screens/certificates/certificates.tsx')),
  screen('/certificates/new', async () => import('./screens/certificates/new-certificate.tsx')),
  screen('/certificates/$id', async () => import('./screens/certificates/certificate.tsx')),
  screen('/ca-bundles/new', async () => import('./screens/certificates/new-ca-bundle.tsx')),
  screen('/ca-bundles/$id', async () => import('./screens/certificates/ca-bundle.tsx')),
  screen('/handshakes', async () => import('./screens/handshakes/handshakes.tsx')),
  screen('/test', async () => import('./screens/test-request/test-request.tsx')),
  screen('/changes', async () => import('./screens/changes/changes.tsx')),
  screen('/changes/$revision', async () => import('./screens/changes/change.tsx')),
  screen('/gateways', async () => import('./screens/changes/gateways.tsx')),
  screen('/trust-audit', async () => import('./screens/trust-audit/trust-audit.tsx')),
  screen('/users', async () => import('./screens/users/users.tsx')),
  screen('/tokens', async () => import('./screens/users/tokens.tsx')),
  screen('/setup', async () => import('./screens/set-up/set-up.tsx')),
  screen('/account', async () => import('./screens/account/account.tsx')),
]);

export const router = createRouter({
  routeTree,
  defaultPreload: 'intent',
  // The data has its own cache.
  defaultPreloadStaleTime: 0,
  scrollRestoration: true,
  defaultErrorComponent: Failed,
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => {
    const pairs = Object.entries(search).filter(([, value]) => value !== undefined && value !== '');
    const text = new URLSearchParams(pairs as [string, string][]).toString();
    return text === '' ? '' : `?${text}`;
  },
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
