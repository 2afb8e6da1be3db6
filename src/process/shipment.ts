// A loaded configuration as it is kept by the primary and sent to workers: without what travels by itself.
import type { LoadedConfig } from '../gateway/loaded.ts';

/** The keys of CRLs stay; the CRLs themselves are with their keeper, which lets go of them when newer ones come. */
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
