// `defaults.security.clientCert` of the gateway and of a policy: whether routes that say nothing of their own may be called
// without a client certificate.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import { closedMap, flag } from './atoms.ts';
import { key } from './key.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { reportEmpty } from './reading.ts';
import { routeClientCertExample } from './route-client-cert.ts';

/** `defaults` of a policy; those of the gateway have more. Who may call a route is the one thing of `security` that has a default. */
export const routeDefaultsKeys = {
  security: key(
    closedMap({
      clientCert: key(
        closedMap({
          required: key(flag, {
            says: 'Default {default}. false: anonymous clients may call.',
            default: true,
            page: 'own. Where the block is written: routes that write no `security.clientCert` need a client certificate. [Below](#securityclientcert).',
          }),
        }),
        { says: 'For routes that write no security.clientCert of their own.', example: routeClientCertExample },
      ),
    }),
    { oursAlone: true },
  ),
};
export const routeDefaultsShape = closedMap(routeDefaultsKeys);
type RouteDefaultsShape = z.output<typeof routeDefaultsShape>;

/** `around` holds `defaults`. Where it is not written: `inherited`. */
export function readRoutesRequireClientCert(
  shape: Pick<RouteDefaultsShape, 'security'> | undefined,
  around: Cursor,
  inherited: boolean,
  problems: ProblemList,
): boolean {
  const security = around.down('defaults', 'security');
  const clientCert = shape?.security?.clientCert;
  reportEmpty(around.down('defaults'), 'security', problems);
  reportEmpty(security, 'clientCert', problems);
  reportEmpty(security.down('clientCert'), 'required', problems);
  if (clientCert === undefined) return inherited;
  return clientCert.required;
}

/** Whether it is written that routes are open; where nothing is written: `inherited`. */
export function readRoutesSaidOpen(
  shape: Pick<RouteDefaultsShape, 'security'> | undefined,
  inherited: boolean,
): boolean {
  const clientCert = shape?.security?.clientCert;
  return clientCert === undefined ? inherited : !clientCert.required;
}
