// The importers by the word that the command takes. Each is loaded when it is asked for.
import type { Importer } from '../import/import-config.ts';

export const importers: ReadonlyMap<string, () => Promise<Importer>> = new Map([
  ['envoy', async () => (await import('../envoy/import-envoy.ts')).importEnvoy],
  ['traefik', async () => (await import('../traefik/import-traefik.ts')).importTraefik],
  ['nginx', async () => (await import('../nginx/import-nginx.ts')).importNginx],
  ['caddy', async () => (await import('../caddy/import-caddy.ts')).importCaddy],
]);
