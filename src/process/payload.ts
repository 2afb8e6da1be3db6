// The rules of a configuration as they are sent to workers: in pieces, put together by the worker.
import type { GatewayConfig } from '../config/gateway-config.ts';
import type { LoadedPolicy, LoadedRoute, LoadedRules } from '../loading/loaded.ts';

/** What a worker needs of a configuration, with the port that was chosen: plain HTTP redirects to it. */
export function rulesFor(
  { config: whole, policies, routes }: LoadedRules,
  securePort: number | undefined,
): LoadedRules {
  // Who is told of alerts, and the secrets for it, is nothing to a worker.
  const config = { ...withoutAdminSecrets(whole), alerts: [] };
  if (securePort === undefined) return { config, policies, routes };
  const { entryPoints } = config;
  const webSecure = { ...entryPoints.webSecure, port: securePort };
  return { config: { ...config, entryPoints: { ...entryPoints, webSecure } }, policies, routes };
}

/** Who serves traffic knows nothing of who signs in at the console. */
function withoutAdminSecrets(config: GatewayConfig): GatewayConfig {
  const { entryPoints } = config;
  if (entryPoints.admin.oidc === undefined) return config;
  return { ...config, entryPoints: { ...entryPoints, admin: { ...entryPoints.admin, oidc: undefined } } };
}

/** So large that a worker takes some ten milliseconds to unpack it. */
const routesPerPiece = 250;
const policiesPerPiece = 25;

export type PayloadPiece = { readonly policies: readonly LoadedPolicy[]; readonly routes: readonly LoadedRoute[] };

/**
 * What grows with the configuration, in pieces, and the rest: a worker that unpacked 49,000 routes at once would serve nobody
 * for two seconds. Payloads in the worker puts them together.
 */
export function cutPayload(loaded: LoadedRules): { readonly head: LoadedRules; readonly pieces: PayloadPiece[] } {
  const { config, policies, routes } = loaded;
  const pieces: PayloadPiece[] = [];
  for (let at = 0; at < policies.length; at += policiesPerPiece)
    pieces.push({ policies: policies.slice(at, at + policiesPerPiece), routes: [] });
  for (let at = 0; at < routes.length; at += routesPerPiece)
    pieces.push({ policies: [], routes: routes.slice(at, at + routesPerPiece) });
  const bare = { ...config, routes: [], tls: { ...config.tls, policies: [] } };
  return { head: { ...loaded, config: bare, policies: [], routes: [] }, pieces };
}

/** The worker's side of it: one payload at a time, the last that was begun. */
export class Payloads {
  #id = 0;
  #policies: LoadedPolicy[] = [];
  #routes: LoadedRoute[] = [];

  add(id: number, { policies, routes }: PayloadPiece): void {
    this.#begin(id);
    this.#policies.push(...policies);
    this.#routes.push(...routes);
  }

  /** Call it when all pieces are there: messages keep their order. */
  complete(id: number, head: LoadedRules): LoadedRules {
    this.#begin(id);
    const [policies, routes] = [this.#policies, this.#routes];
    this.#begin(0);
    const gateway = head.config.tls.gateway.name;
    const tls = {
      ...head.config.tls,
      policies: policies.map((policy) => policy.config).filter(({ name }) => name !== gateway),
    };
    const config = { ...head.config, tls, routes: routes.map((route) => route.config) };
    return { ...head, config, policies, routes };
  }

  #begin(id: number): void {
    if (this.#id === id) return;
    this.#id = id;
    this.#policies = [];
    this.#routes = [];
  }
}
