// `defaults.security.clientCert` of the gateway and of a policy: whether routes that say nothing of their own may be called
// without a client certificate.
import type { Cursor } from '../yaml/cursor.ts';
import type { RouteDefaultsShape } from './identity-shape.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { reportEmpty } from './reading.ts';

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
  return clientCert.required ?? true;
}

/** Whether it is written that routes are open; where nothing is written: `inherited`. */
export function readRoutesSaidOpen(
  shape: Pick<RouteDefaultsShape, 'security'> | undefined,
  inherited: boolean,
): boolean {
  const clientCert = shape?.security?.clientCert;
  return clientCert === undefined ? inherited : clientCert.required === false;
}
