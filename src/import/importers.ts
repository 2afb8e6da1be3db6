// The importers by the word that the command takes. Each is loaded when it is asked for.
import type { Importer } from './import-config.ts';

export const importers: ReadonlyMap<string, () => Promise<Importer>> = new Map([
  ['envoy', async () => (await import('./envoy-importer.ts')).importEnvoy],
]);
