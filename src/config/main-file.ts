// What whole files hold: the main file (`version`, `gateway`, `middlewares`) and extra files (`routes`, `middlewares`).
import { list, map, text } from './atoms.ts';
import { certManagerPage, certManagerShape } from './cert-manager.ts';
import { gatewayKeys } from './gateway.ts';
import { block, key } from './key.ts';
import { middlewareShape } from './middlewares.ts';
import { routeShape } from './route.ts';
import { ignored, refused } from './support.ts';

/** What Goma's HTTP provider puts around routes and middlewares. */
const bundleKeys = {
  timestamp: ignored('when the file was made does not count'),
  checksum: ignored('the file is not compared with it'),
  metadata: ignored('it is not looked at'),
  signature: ignored('it is not verified: files are trusted as the main file is'),
};

const middlewares = list(middlewareShape);

export const mainFileShape = map({
  version: key(text, { says: 'Version of the configuration format; 2.', page: 'Accepted; `2`.' }),
  gateway: block(gatewayKeys, { restricts: true, table: 'gateway' }),
  middlewares: key(middlewares, {
    default: [],
    oursAlone: true,
    page: '`[{name, type, paths, rule}]`. See [Middlewares](#middlewares).',
  }),
  routes: key(list(routeShape), {
    says: 'Routes may stand here too; Goma reads them from gateway.routes only.',
    page: 'Read as `gateway.routes`, with a warning: Goma reads it in extra files only.',
    table: 'gatewayroutes',
  }),
  acme: ignored('certificates are not fetched', 'Give certificates as files under gateway.tls.'),
  certManager: key(certManagerShape, certManagerPage),
  certificateManager: key(certManagerShape, {
    ...certManagerPage,
    says: 'Deprecated name of certManager.',
    untold: true,
    page: 'Goma, deprecated: see `certManager`.',
  }),
  defaults: refused('leave out what every route is meant to have', 'Write gateway.defaults.'),
  plugins: ignored('plugins are not loaded'),
  ...bundleKeys,
});

export const extraFileShape = map({
  ...bundleKeys,
  version: key(text, {}),
  routes: key(list(routeShape), { default: [] }),
  middlewares: key(middlewares, { default: [] }),
});
