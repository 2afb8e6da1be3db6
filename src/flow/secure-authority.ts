// Where a client that came over plain HTTP reaches the same over TLS.
import type { Routed } from './request-context.ts';

/** Host, and port where it is not 443. Undefined where the client named no host. */
export function secureAuthority(context: Routed): string | undefined {
  const { host, serving } = context;
  if (host === '') return undefined;
  const { securePort, redirectPort } = serving;
  // Where TLS is not ours, it ends in front of us, at its usual port.
  const port = redirectPort ?? (securePort === undefined ? 443 : reachedPort(context, securePort));
  return `${host.includes(':') ? `[${host}]` : host}${port === 443 ? '' : `:${port}`}`;
}

/**
 * The port at which this client reaches TLS. Where it calls the port that we listen on nothing is mapped, and ours it is; where it
 * calls port 80 and that is not ours, the usual one. Of another port that is mapped nothing is known.
 */
function reachedPort({ client, exchange }: Routed, securePort: number): number {
  const called = Number(/:(\d+)$/.exec(exchange.head.authority)?.[1] ?? 80);
  return called === 80 && client.peer.localPort !== 80 ? 443 : securePort;
}
