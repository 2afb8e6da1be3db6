// What a route says of its backends, as a target for a handshake that only looks: for the commands that go to backends.
import { systemClock } from '../base/clock.ts';
import { materialName } from '../certs/material.ts';
import type { Ref } from '../config/ref.ts';
import type { CrlLookup } from '../crl/subscriber.ts';
import { backendTarget } from '../diagnosis/backend-target.ts';
import type { Target } from '../diagnosis/target.ts';
import { AnchorSets, backendMaterial } from '../gateway/compile-routes.ts';
import type { LoadedRoute } from '../loading/loaded.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import { TlsIdentity } from '../upstream/tls-identity.ts';

/** `path`: what to GET at the end; undefined: that of the health check, else `/`. */
export type LookOptions = { readonly path: string | undefined; readonly timeoutMs: number };

type RouteEndpoint = LoadedRoute['config']['backends'][number];

export class BackendTargets {
  readonly route: LoadedRoute;
  readonly identity: TlsIdentity;
  readonly #anchors: ReturnType<AnchorSets['find']>;
  readonly #options: LookOptions;

  /** `anchors`: one for all routes that are looked at. */
  constructor(route: LoadedRoute, crls: CrlLookup, options: LookOptions, anchors = new AnchorSets()) {
    const { config, tls } = route;
    this.route = route;
    this.#options = options;
    this.#anchors = anchors.find(tls.rootCAs, config.tls.partialChain);
    this.identity = new TlsIdentity(backendMaterial(config, tls, this.#anchors, crls));
  }

  pathOf(endpoint: RouteEndpoint): string {
    return this.#options.path ?? this.route.config.healthCheck?.path ?? `${endpoint.basePath}/`;
  }

  /** Of a backend over TLS. Throws UsageError where our certificate cannot be used. */
  find(endpoint: RouteEndpoint & Endpoint): Target {
    const { config, tls } = this.route;
    return backendTarget({
      endpoint,
      identity: this.identity,
      client: tls.clientPair,
      anchors: tls.rootCAs === undefined ? undefined : this.#anchors,
      minVersion: config.tls.minVersion,
      maxVersion: config.tls.maxVersion,
      files: filesOf(this.route),
      names: namesOf(this.route),
      path: this.pathOf(endpoint),
      timeoutMs: this.#options.timeoutMs,
      now: systemClock.now(),
    });
  }
}

/** As messages call rootCAs and clientCert. */
export function namesOf({ config: { tls } }: LoadedRoute): {
  rootCAs: string | undefined;
  clientCert: string | undefined;
} {
  return {
    rootCAs: tls.rootCAs?.map(materialName).join(', '),
    clientCert: tls.clientCert && materialName(tls.clientCert),
  };
}

/** What can be named in a command: material without a file, or one that may be a secret, cannot. */
function filesOf({ config: { tls } }: LoadedRoute): Target['files'] {
  const path = (ref: Ref | undefined): string | undefined =>
    ref !== undefined && 'path' in ref && ref.label === undefined ? ref.path : undefined;
  const one = tls.rootCAs?.length === 1 ? tls.rootCAs[0] : undefined;
  const [ca, cert, key] = [path(one), path(tls.clientCert), path(tls.clientKey)];
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  };
}
