// Another process on a port that is listened on already (SO_REUSEPORT): `node port-thief.ts PORT CERT KEY`. It speaks TLS with a certificate
// of its own choice, asks nobody for one, and answers every request.
import { readFileSync, writeSync } from 'node:fs';
import { createServer as createTcpServer } from 'node:net';
import { createServer } from 'node:tls';

const [port = '', cert = '', key = ''] = process.argv.slice(2);
const tls = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (socket) => {
  socket.on('error', () => {});
  socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'));
});
tls.on('tlsClientError', () => {});
createTcpServer((socket) => tls.emit('connection', socket)).listen(
  { host: '127.0.0.1', port: Number(port), reusePort: true },
  () => writeSync(1, 'listening\n'),
);
