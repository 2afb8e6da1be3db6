// A web server for one CRL that does what a test says: answers, fails, redirects, hangs. Everything that is asked of it is a
// feed of the If-None-Match values ('' for none).
import type { ServerResponse } from 'node:http';
import { createServer } from '../../src/base/node-http.ts';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { findFreePort } from './free-port.ts';
import { Feed } from './wait-for.ts';

export type CrlServer = {
  readonly url: string;
  readonly asked: Feed<string>;
  /** What it does from now on. */
  answer: (response: ServerResponse, ifNoneMatch: string) => void;
  [Symbol.dispose](): void;
};

/** Sends `der` with an ETag of its own, or 304 to whoever has it. */
export function serving(der: Buffer, etag: string): CrlServer['answer'] {
  return (response, ifNoneMatch) => {
    if (ifNoneMatch === etag) response.writeHead(304).end();
    else response.writeHead(200, { etag, 'content-type': 'application/pkix-crl' }).end(der);
  };
}

export const failing: CrlServer['answer'] = (response) => response.writeHead(404).end('not here');

export async function startCrlServer(answer: CrlServer['answer'] = failing): Promise<CrlServer> {
  const asked = new Feed<string>('CRL server');
  const server = createServer((request, response) => {
    response.on('error', () => {});
    const ifNoneMatch = request.headers['if-none-match'] ?? '';
    asked.push(ifNoneMatch);
    made.answer(response, ifNoneMatch);
  });
  server.listen(await findFreePort(), '127.0.0.1');
  await once(server, 'listening');
  const made: CrlServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/clients.crl`,
    asked,
    answer,
    [Symbol.dispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
  return made;
}
