// Which entry points for traffic a configuration has: for whoever serves them, without what it takes to read them.
import type { GatewayConfig } from './gateway-config.ts';

type EntryPoints = GatewayConfig['entryPoints'];

/** Those that serve traffic and are on. */
export function listEntryPoints({ web, webSecure, more }: EntryPoints): EntryPoints['more'][number][] {
  const goma = [
    { ...web, name: 'web', tls: false },
    { ...webSecure, name: 'webSecure', tls: true },
  ];
  return [...goma.filter(({ enabled }) => enabled), ...more];
}
