// A SPIFFE bundle endpoint of the tests' own: a real https server that serves what it is told to.
import { once } from 'node:events';
import { X509Certificate } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Issued } from '../../src/certs/test-ca.ts';

export class BundleEndpoint {
  #server: Server | undefined;
  #port = 0;
  #tls: Issued;
  /** Status 200 with this text, or another status. */
  answer: string | number = 503;

  constructor(tls: Issued) {
    this.#tls = tls;
  }

  get url(): string {
    return `https://localhost:${this.#port}/bundle`;
  }

  async start(): Promise<this> {
    const { chainPem: cert, keyPem: key } = this.#tls;
    const server = createServer({ cert, key }, (_request, response) => {
      const { answer } = this;
      response.writeHead(typeof answer === 'number' ? answer : 200, { 'content-type': 'application/json' });
      response.end(typeof answer === 'number' ? '' : answer);
    });
    // Clients that refuse us end the handshake with an error.
    server.on('tlsClientError', () => {});
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
    return this;
  }

  /** The port is kept for when it comes back. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }

  use(tls: Issued): void {
    this.#tls = tls;
    this.#server?.setSecureContext({ cert: tls.chainPem, key: tls.keyPem });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** The document of a bundle with these CAs (PEM). */
export function bundleDocument(cas: readonly string[], more: Readonly<Record<string, unknown>> = {}): string {
  const keys = cas.map((pem) => {
    const certificate = new X509Certificate(pem);
    const { kty, ...parameters } = certificate.publicKey.export({ format: 'jwk' });
    return { kty, use: 'x509-svid', ...parameters, x5c: [certificate.raw.toString('base64')] };
  });
  return JSON.stringify({
    keys: [...keys, { kty: 'EC', use: 'jwt-svid', kid: 'x' }],
    spiffe_refresh_hint: 60,
    ...more,
  });
}
