// A server that filters ask, reached as backends are: the same pools, the same verification, the same look-ups of names.
import type { AuthServiceConfig } from '../config/forward-auth-filter.ts';
import type { FilterMaterial } from '../filters/material.ts';
import type { Service } from '../filters/service.ts';
import { AnchorSet } from '../trust/anchor-set.ts';
import { loadSystemBundle, TrustBundle } from '../trust/trust-bundle.ts';
import { endpointAuthority, endpointLabel } from '../upstream/endpoint.ts';
import type { PoolSettings } from '../upstream/pool-settings.ts';
import type { Pools } from '../upstream/pools.ts';
import { ServiceCall } from '../upstream/service-call.ts';

/** Throws where OpenSSL rejects its TLS material. */
export function openService(
  config: AuthServiceConfig,
  { cas, pair }: FilterMaterial,
  pools: Pools,
  settings: PoolSettings,
): Service {
  const { scheme, host, port, verify, serverName } = config;
  const endpoint = { scheme, host, port };
  const identity =
    scheme === 'http'
      ? undefined
      : pools.findIdentity({
          verify,
          anchors: anchorsOf(cas),
          client: pair,
          serverName,
          minVersion: 'TLSv1.2',
          maxVersion: 'TLSv1.3',
        });
  const pool = pools.find(endpoint, identity, settings);
  return {
    label: endpointLabel(endpoint),
    ask: (question, done) => {
      const { method, target, fields, extra, maxBytes, authority = endpointAuthority(endpoint) } = question;
      const request = { method, target, authority, fields, extra, bodyLength: 0, acceptsTrailers: false };
      const call = new ServiceCall(pool, request, maxBytes, done);
      call.start();
      return () => call.cancel();
    },
  };
}

function anchorsOf(cas: string | undefined): AnchorSet {
  const bundle = cas === undefined ? loadSystemBundle() : TrustBundle.parse(cas).bundle;
  if (bundle === undefined) throw new RangeError('CAs that were good when they were loaded cannot be read');
  return AnchorSet.of(bundle, undefined);
}
