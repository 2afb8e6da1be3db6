// What Node says of the peer of a TLS connection: the certificates that it sent, and how OpenSSL verified them. The same on both
// sides and where another server is looked at.
import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

/** `leaf` and what was sent above it, at most `max` certificates together. */
export function sentChain(leaf: X509Certificate | undefined, max: number): X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let next = leaf; next !== undefined && chain.length < max; next = next.issuerCertificate) chain.push(next);
  return chain;
}

/** OpenSSL's verification result as Node reports it; '' where the chain is good. */
export function verifyErrorOf(socket: TLSSocket): string {
  if (socket.authorized) return '';
  // Node's types say Error; mostly it is OpenSSL's code as a string.
  const error: unknown = socket.authorizationError;
  if (error instanceof Error) return (error as NodeJS.ErrnoException).code ?? error.message;
  return typeof error === 'string' && error !== '' ? error : 'UNSPECIFIED';
}
