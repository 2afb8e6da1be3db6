// The rules of a configuration as they are sent to workers: in pieces, put together by the worker, and without what it has already.
import type { Slices } from '../base/slices.ts';
import type { GatewayConfig } from '../config/gateway-config.ts';
import { isSame } from '../loading/is-same.ts';
import type { LoadedPolicy, LoadedRoute, LoadedRules } from '../loading/loaded.ts';

/** What a worker needs of a configuration, with the port that was chosen: plain HTTP redirects to it. */
export function rulesFor(
  { config: whole, policies, routes }: LoadedRules,
  securePort: number | undefined,
): LoadedRules {
  // Who is told of alerts, and the secrets for it, is nothing to a worker. What has a name stands where it is referred to.
  const named = { certificates: [], caBundles: [], services: [], middlewares: [] };
  const config = { ...withoutAdminSecrets(whole), alerts: [], named };
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

/** So many from there on, of those that the worker serves by now. */
type Kept = { readonly from: number; readonly count: number };

export type PayloadPiece = {
  readonly policies: readonly (LoadedPolicy | Kept)[];
  readonly routes: readonly (LoadedRoute | Kept)[];
};

export type Payload = { readonly head: LoadedRules; readonly pieces: readonly PayloadPiece[] };

/** What was cut last, by what it was cut from: all workers mostly get the same. */
const cut = new WeakMap<LoadedRules, { readonly held: LoadedRules | undefined; readonly payload: Payload }>();

/**
 * What grows with the configuration, in pieces, and the rest: a worker that unpacked 49,000 routes at once would serve nobody
 * for two seconds. Payloads in the worker puts them together. `held`: what the worker serves by; what is the same there, places in
 * files aside, is not sent again.
 */
export async function cutPayload(loaded: LoadedRules, held: LoadedRules | undefined, slices: Slices): Promise<Payload> {
  const known = cut.get(loaded);
  if (known !== undefined && known.held === held) return known.payload;
  const { config } = loaded;
  const policies = await withoutKept(loaded.policies, held?.policies ?? [], slices);
  const routes = await withoutKept(loaded.routes, held?.routes ?? [], slices);
  const pieces: PayloadPiece[] = [];
  for (let at = 0; at < policies.length; at += policiesPerPiece)
    pieces.push({ policies: policies.slice(at, at + policiesPerPiece), routes: [] });
  for (let at = 0; at < routes.length; at += routesPerPiece)
    pieces.push({ policies: [], routes: routes.slice(at, at + routesPerPiece) });
  const bare = { ...config, routes: [], tls: { ...config.tls, policies: [] } };
  const payload = { head: { ...loaded, config: bare, policies: [], routes: [] }, pieces };
  cut.set(loaded, { held, payload });
  return payload;
}

async function withoutKept<T extends LoadedPolicy | LoadedRoute>(
  items: readonly T[],
  held: readonly T[],
  slices: Slices,
): Promise<(T | Kept)[]> {
  const places = new Map(held.map(({ config }, at) => [config.name, at]));
  const rest: (T | Kept)[] = [];
  for (const item of items) {
    const from = places.get(item.config.name);
    const last = rest.at(-1);
    if (from === undefined || !isSame(held[from], item)) rest.push(item);
    else if (last !== undefined && isKept(last) && last.from + last.count === from)
      rest[rest.length - 1] = { from: last.from, count: last.count + 1 };
    else rest.push({ from, count: 1 });
    const pause = slices.pause();
    if (pause !== undefined) await pause;
  }
  return rest;
}

function isKept(item: object): item is Kept {
  return 'count' in item;
}

/** The worker's side of it: one payload at a time, the last that was begun. */
export class Payloads {
  #id = 0;
  #policies: (LoadedPolicy | Kept)[] = [];
  #routes: (LoadedRoute | Kept)[] = [];

  add(id: number, { policies, routes }: PayloadPiece): void {
    this.#begin(id);
    this.#policies.push(...policies);
    this.#routes.push(...routes);
  }

  /** Call it when all pieces are there: messages keep their order. `held`: what is served by now. Throws where it lacks something. */
  complete(id: number, head: LoadedRules, held: LoadedRules | undefined): LoadedRules {
    this.#begin(id);
    const policies = withKept(this.#policies, held?.policies ?? []);
    const routes = withKept(this.#routes, held?.routes ?? []);
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

function withKept<T extends LoadedPolicy | LoadedRoute>(items: readonly (T | Kept)[], held: readonly T[]): T[] {
  const all: T[] = [];
  for (const item of items) {
    if (!isKept(item)) all.push(item);
    else {
      const { from, count } = item;
      if (from + count > held.length) throw new RangeError('the configuration refers to one that is not served here');
      for (let at = from; at < from + count; at++) all.push(held[at] as T);
    }
  }
  return all;
}
