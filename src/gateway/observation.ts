// What one worker says of itself when it is asked: the generation that it serves, the certificates in it, its backends. Read off
// what is there; nothing is kept up to date for it.
import { escapeForLog } from '../base/log-text.ts';
import type { LoadedPair } from '../loading/material-loader.ts';
import type { BackendHandshake, BackendHandshakes } from './backend-handshakes.ts';
import { labelsOf } from './backend-gauges.ts';
import type { Generation } from './generation.ts';

/** Plain data for another process. */
export type Observation = {
  readonly generation: number;
  /** Shown to clients or to backends, each once; beyond the limit only counted. */
  readonly certificates: readonly LoadedCertificate[];
  readonly certificateCount: number;
  readonly backends: readonly ObservedBackend[];
  readonly handshakes: readonly BackendHandshake[];
};

export type LoadedCertificate = { readonly sha256: string; readonly serial: string };

/** A backend of a route; `down`: why, where it is. */
export type ObservedBackend = {
  readonly route: string;
  /** host:port. */
  readonly label: string;
  readonly since: number;
  readonly source: 'active' | 'passive';
  readonly down: { readonly code: string; readonly detail: string; readonly help: string } | null;
};

export const maxObservedCertificates = 2_000;
const maxObservedBackends = 5_000;
const maxText = 512;

export function observe(
  { number, loaded, routes, pools }: Generation,
  handshakes: BackendHandshakes | undefined,
): Observation {
  const pairs = new Map<string, LoadedPair>();
  for (const { certificates } of loaded.policies) for (const pair of certificates) pairs.set(pair.sha256, pair);
  for (const { tls } of loaded.routes)
    if (tls.clientPair !== undefined) pairs.set(tls.clientPair.sha256, tls.clientPair);
  const backends: ObservedBackend[] = [];
  for (const { config, cluster } of routes.routes) {
    for (const backend of cluster.backends) {
      if (backends.length >= maxObservedBackends) break;
      const { healthy, reason, since, source } = backend.state();
      const { code = 'down', detail = '', help = '' } = reason ?? {};
      const down = healthy ? null : { code, detail: escapeForLog(detail, maxText), help };
      backends.push({ route: config.name, label: backend.label, since, source, down });
    }
  }
  return {
    generation: number,
    certificates: [...pairs.values()]
      .slice(0, maxObservedCertificates)
      .map(({ sha256, serial }) => ({ sha256, serial })),
    certificateCount: pairs.size,
    backends,
    handshakes: handshakes?.list(labelsOf(pools)) ?? [],
  };
}
