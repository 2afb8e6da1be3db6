// Where a backend listens. The TLS side of it is tls-identity.ts; both together key pools and health checks.
import { isIP } from 'node:net';

export type Endpoint = {
  readonly scheme: 'http' | 'https';
  /** Host name or IP address without brackets. */
  readonly host: string;
  readonly port: number;
};

/** `host:port`, IPv6 in brackets: short id for logs and metrics, unique per address. */
export function endpointLabel({ host, port }: Endpoint): string {
  return `${bracketed(host)}:${port}`;
}

/** Value of Host for this endpoint (RFC 9110 section 7.2): the port only where it is not the scheme's own. */
export function endpointAuthority({ scheme, host, port }: Endpoint): string {
  return port === (scheme === 'https' ? 443 : 80) ? bracketed(host) : `${bracketed(host)}:${port}`;
}

export function endpointKey(endpoint: Endpoint): string {
  return `${endpoint.scheme}://${endpointLabel(endpoint)}`;
}

function bracketed(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}
