// Finds out, before any worker listens, whether the addresses are free, and which port an address with port 0 gets.
// Workers share a port with SO_REUSEPORT, under which a second gateway by the same user would silently take half of the
// connections: so the primary first binds each address without it, alone, and lets go before the workers come.
import { createServer } from 'node:net';
import { UsageError } from '../base/usage-error.ts';
import type { EntryPoint } from '../config/gateway-config.ts';

/** The port to listen on. Errors: UsageError with one sentence (address in use, not permitted, not an address of this host). */
export async function reservePort(entryPoint: Pick<EntryPoint, 'host' | 'port'>): Promise<number> {
  const { host, port } = entryPoint;
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(new UsageError(explainListenError(error, host, port))),
    );
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      const chosen = address !== null && typeof address === 'object' ? address.port : port;
      server.close(() => resolve(chosen));
    });
  });
}

/**
 * Keeps a port that the system chose until the workers have it: between the choice and their listening another process may
 * be given the same one. A port that was asked for by number is not held: clients know it, and would be accepted by nobody.
 * Call the result to let go.
 */
export async function holdPort(
  entryPoint: Pick<EntryPoint, 'host' | 'port'>,
  chosen: number | undefined,
): Promise<() => void> {
  if (entryPoint.port !== 0 || chosen === undefined) return () => {};
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    // Taken already: then the workers will say so.
    server.once('error', () => resolve(() => {}));
    server.listen({ host: entryPoint.host, port: chosen, reusePort: true }, () => resolve(() => void server.close()));
  });
}

export function explainListenError(error: NodeJS.ErrnoException, host: string, port: number): string {
  const where = addressText(host, port);
  switch (error.code) {
    case 'EADDRINUSE':
      return `cannot listen on ${where}: another process does already`;
    case 'EACCES':
      return `cannot listen on ${where}: ports below 1024 need CAP_NET_BIND_SERVICE (or a higher port behind a redirect)`;
    case 'EADDRNOTAVAIL':
      return `cannot listen on ${where}: this machine has no such address`;
    default:
      return `cannot listen on ${where}: ${error.message}`;
  }
}

/** `host:port`, IPv6 in brackets. */
export function addressText(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
