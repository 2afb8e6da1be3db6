// The backend of `--only fairness`, in a process of its own: answers small requests, swallows `/sink`, never ends `/endless`,
// never begins `/never`. Arguments: port, certificate, key, CA of those who may call.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { ServerResponse } from 'node:http';

const [port = '', cert = '', key = '', ca = ''] = process.argv.slice(2);
const json = '{"ok":true}';
const largePieces = 160;
/** Small, so that what is answered to one keeps no other waiting. */
const piece = Buffer.alloc(65_536, 'x');

const tls = { cert: readFileSync(cert), key: readFileSync(key), ca: readFileSync(ca), requestCert: true };
const server = createServer({ ...tls, rejectUnauthorized: true }, (incoming, response) => {
  incoming.on('error', () => {});
  response.on('error', () => {});
  if (incoming.url === '/never') return;
  if (incoming.url === '/endless') pour(response, Infinity);
  else if (incoming.url === '/large') pour(response, largePieces);
  else {
    incoming.resume();
    incoming.on('end', () => response.writeHead(200, { 'content-length': json.length }).end(json));
  }
});
server.keepAliveTimeout = 0;
server.requestTimeout = 0;
server.headersTimeout = 0;
server.listen(Number(port), '127.0.0.1');

function pour(response: ServerResponse, pieces: number): void {
  let left = pieces;
  const more = (): void => {
    while (left > 0 && !response.destroyed) {
      left -= 1;
      if (!response.write(piece)) return;
    }
    response.end();
  };
  response.on('drain', more);
  more();
}
