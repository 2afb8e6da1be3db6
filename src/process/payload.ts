// A loaded configuration as it is kept by the primary and sent to workers: without what travels by itself.
import type { LoadedConfig, LoadedPolicy, LoadedRoute } from '../loading/loaded.ts';

/** The keys of CRLs stay; the CRLs themselves are with their publisher, which lets go of them when newer ones come. */
export function withoutReadings(loaded: LoadedConfig): LoadedConfig {
  return { ...loaded, crls: loaded.crls.map(({ key }) => ({ key, feeds: [] })) };
}

/** For a worker, with the port that was chosen: plain HTTP redirects to it. */
export function packFor(loaded: LoadedConfig, securePort: number | undefined): LoadedConfig {
  const shipped = { ...loaded, crls: [] };
  if (securePort === undefined) return shipped;
  const { config } = loaded;
  const { entryPoints } = config;
  const webSecure = { ...entryPoints.webSecure, port: securePort };
  return { ...shipped, config: { ...config, entryPoints: { ...entryPoints, webSecure } } };
}

/** So large that a worker takes some ten milliseconds to unpack it. */
const routesPerPiece = 250;
const policiesPerPiece = 25;

export type ShipmentPiece = { readonly policies: readonly LoadedPolicy[]; readonly routes: readonly LoadedRoute[] };

/**
 * What grows with the configuration, in pieces, and the rest: a worker that unpacked 49,000 routes at once would serve nobody
 * for two seconds. Payloads in the worker puts them together.
 */
export function cutPayload(loaded: LoadedConfig): { readonly head: LoadedConfig; readonly pieces: ShipmentPiece[] } {
  const { config, policies, routes } = loaded;
  const pieces: ShipmentPiece[] = [];
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

  add(id: number, { policies, routes }: ShipmentPiece): void {
    this.#begin(id);
    this.#policies.push(...policies);
    this.#routes.push(...routes);
  }

  /** Call it when all pieces are there: messages keep their order. */
  complete(id: number, head: LoadedConfig): LoadedConfig {
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
