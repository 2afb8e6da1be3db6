// Which fields of clients a configuration takes away: for the gateway that serves it, and for commands that tell what would be.
import type { GatewayConfig } from '../config/gateway-config.ts';
import type { Filter } from '../filters/filter.ts';
import { StripList } from '../forwarding/strip-list.ts';

/** `filters`: of all routes. Throws RangeError where they set what the gateway does. */
export function stripListOf(config: GatewayConfig, filters: readonly Filter[]): StripList {
  // Fields that name a client behind a trusted proxy, or that carry an identity to any backend: nobody may forge them,
  // on no route, since a backend can stand behind several.
  const set = [config, ...config.routes].flatMap(({ forwardClientCert }) =>
    forwardClientCert.custom.map(({ name }) => name),
  );
  const { ipHeaders, trustedHeaders } = config.proxy;
  return new StripList({
    set,
    read: ipHeaders,
    trusted: trustedHeaders,
    allowed: config.allowOverrideHeaders,
    filters: filters.flatMap(({ sets = [] }) => sets),
  });
}
