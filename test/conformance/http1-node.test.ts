// The same bytes to Node's own HTTP parser and to ours: what each takes for requests. Where they differ, the table says
// why; a difference that is not in the table fails, and so does an entry that no longer differs.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { createServer } from '../../src/base/node-http.ts';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { FieldBlock } from '../../src/http/field.ts';
import { Listening, RawClient, serve } from './http1-harness.ts';

const h = 'Host: a.test\r\n';
const post = `POST / HTTP/1.1\r\n${h}`;
const chunked = `${post}Transfer-Encoding: chunked\r\n\r\n`;
const last = '0\r\n\r\n';
/** Follows each message: whoever took the message for shorter or longer than the other sees something else here. */
const next = `GET /next HTTP/1.1\r\n${h}Connection: close\r\n\r\n`;

/** Taken by both in the same way, or refused by both. */
const agreed: string[] = [
  `GET / HTTP/1.1\r\n${h}\r\n`,
  `\r\nGET / HTTP/1.1\r\n${h}\r\n`,
  `GET /a?b=c HTTP/1.1\r\n${h}X: \xe4\r\n\r\n`,
  `GET / HTTP/1.1\r\n${h}X:\r\nY: \t z \t\r\n\r\n`,
  `OPTIONS * HTTP/1.1\r\n${h}\r\n`,
  `${post}Content-Length: 5\r\n\r\nhello`,
  `${post}Content-Length: 005\r\n\r\nhello`,
  `${chunked}5\r\nhello\r\n${last}`,
  `GET / HTTP/1.1\r\n${h}Content-Length: 5\r\n\r\nhello`,
  `GET // HTTP/1.1\r\n${h}\r\n`,
  `GET /\\a"<>{}| HTTP/1.1\r\n${h}\r\n`,
  `${chunked}5;a=b\r\nhello\r\n${last}`,
  `${chunked}5;a="b;c"\r\nhello\r\n0;d\r\n\r\n`,
  `${chunked}5\r\nhello\r\n0\r\nX: y\r\n\r\n`,
  `${post}transfer-encoding:CHUNKED\r\n\r\n5\r\nhello\r\n${last}`,
  // Refused by both.
  `GET / HTTP/1.1\r\n\r\n`,
  `GET / HTTP/1.1\r\n${h}X : y\r\n\r\n`,
  `GET / HTTP/1.1\r\n${h}: y\r\n\r\n`,
  `GET / HTTP/1.1\r\n${h}X\r\n\r\n`,
  `GET / HTTP/1.1\r\n${h}X: a\0b\r\n\r\n`,
  `GET / HTTP/1.1\r\n${h}X: a\rb\r\n\r\n`,
  `GET / HTTP/1.1\r\n${h}X: a\nTransfer-Encoding: chunked\r\n\r\n`,
  `GET / HTTP/1.1\n${h}\r\n`,
  `GET / HTTP/3.0\r\n${h}\r\n`,
  `GET /a b HTTP/1.1\r\n${h}\r\n`,
  `G(T / HTTP/1.1\r\n${h}\r\n`,
  `${post}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`,
  `${post}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`,
  `${post}Content-Length: 5, 5\r\n\r\nhello`,
  `${post}Content-Length: +5\r\n\r\nhello`,
  `${post}Content-Length: 5 5\r\n\r\nhello`,
  `${post}Content-Length: 0x5\r\n\r\nhello`,
  `${post}Content-Length: 99999999999999999999\r\n\r\n`,
  `${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n${last}`,
  `${post}Transfer-Encoding: chunked, gzip\r\n\r\n${last}`,
  `${post}Transfer-Encoding: xchunked\r\n\r\n${last}`,
  `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n${last}`,
  `${chunked}5\nhello\r\n${last}`,
  `${chunked}5\r\nhello\n${last}`,
  `${chunked}5\r\nhelloX\r\n${last}`,
  `${chunked}5;a\nb\r\nhello\r\n${last}`,
  `${chunked}5;a\rb\r\nhello\r\n${last}`,
  `${chunked}-5\r\nhello\r\n${last}`,
  `${chunked}0x5\r\nhello\r\n${last}`,
  `${chunked}5 \r\nhello\r\n${last}`,
  `${chunked}fffffffffffffffff\r\nhello\r\n${last}`,
  `${chunked}0\r\nX : y\r\n\r\n`,
  `${chunked}0\r\n\n`,
  `GET a HTTP/1.1\r\n${h}\r\n`,
  `GET /\xe4 HTTP/1.1\r\n${h}\r\n`,
  `GET / HTTP/1.1 \r\n${h}\r\n`,
  `GET\t/ HTTP/1.1\r\n${h}\r\n`,
  `GET /\r\n${h}\r\n`,
  `GET / HTTP/1.2\r\n${h}\r\n`,
  `GET / HTTP/2.0\r\n${h}\r\n`,
  `GET / HTTP/1.1\r\n${h}X: a\r\n b\r\n\r\n`,
  `GET / HTTP/1.1\r\n ${h}\r\n`,
  `GET / HTTP/1.1\r\n${h}X: \x07\r\n\r\n`,
  `GET / HTTP/1.1\r\n${h}X: \x7f\r\n\r\n`,
  `GET / HTTP/1.1\r\n${h}X@: y\r\n\r\n`,
  `GET / HTTP/1.1\r\n${h}X\xe4: y\r\n\r\n`,
  `GET / HTTP/1.1\r\n${h}Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n${last}`,
  `${post}Content-Length: \r\n\r\n`,
  `${post}Content-Length: -1\r\n\r\n`,
  `${post}Content-Length: 9007199254740993\r\n\r\n`,
  `${post}Content-Length: 5\r\nTransfer-Encoding: identity\r\n\r\nhello`,
  `${post}Transfer-Encoding: gzip\r\n\r\n${last}`,
  `${post}Transfer-Encoding: identity\r\n\r\n${last}`,
  `${post}Transfer-Encoding: \r\n\r\n${last}`,
  `${post}Transfer-Encoding: chunked, chunked\r\n\r\n${last}`,
  `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n${last}`,
  `${post}Transfer-Encoding:\x0bchunked\r\n\r\n${last}`,
  `${post}Transfer-Encoding: "chunked"\r\n\r\n${last}`,
  `${post}Transfer-Encoding\t: chunked\r\n\r\n${last}`,
  `POST / HTTP/1.0\r\n${h}Transfer-Encoding: chunked\r\n\r\n${last}`,
  `${chunked}5 ;a\r\nhello\r\n${last}`,
  `${chunked}5; a = b\r\nhello\r\n${last}`,
  `${chunked}5;\r\nhello\r\n${last}`,
  `${chunked}5;a b\r\nhello\r\n${last}`,
  `${chunked}5;a="b\r\nhello\r\n${last}`,
  `${chunked} 5\r\nhello\r\n${last}`,
  `${chunked}\r\n\r\n`,
  `${chunked}5_\r\nhello\r\n${last}`,
  `${chunked}5\r\nhello\r${last}`,
  `${chunked}5\rhello\r\n${last}`,
  `${chunked}0\r\nContent-Length: 5\r\n\r\n`,
  `${chunked}0\r\nTransfer-Encoding: chunked\r\n\r\n`,
  `${chunked}0\r\nX: a\r\n b\r\n\r\n`,
  `${chunked}0\r\nX: a\nY: b\r\n\r\n`,
  `${chunked}0\r\nX\r\n\r\n`,
  `GET / HTTP/1.1\r\n${h}Connection: Upgrade\r\nUpgrade: x\r\n\r\n`,
];

/** Where we differ, and why. */
const different: [bytes: string, ours: string, node: string, why: string][] = [
  // We refuse what Node takes.
  [`\r\n\r\nGET / HTTP/1.1\r\n${h}\r\n`, 'refused', 'GET /  + GET /next ', 'RFC 9112 2.2 speaks of one empty line'],
  [`\nGET / HTTP/1.1\r\n${h}\r\n`, 'refused', 'GET /  + GET /next ', 'a bare LF is never a line end'],
  [`GET  / HTTP/1.1\r\n${h}\r\n`, 'refused', 'GET /  + GET /next ', 'RFC 9112 3: a single space'],
  [
    `GET http://u@b.test/x HTTP/1.1\r\n${h}\r\n`,
    'refused',
    'GET http://u@b.test/x  + GET /next ',
    'RFC 9110 4.2.4: userinfo hides the host',
  ],
  [
    `GET ftp://a/ HTTP/1.1\r\n${h}\r\n`,
    'refused',
    'GET ftp://a/  + GET /next ',
    'a scheme that a gateway does not serve',
  ],
  [`GET * HTTP/1.1\r\n${h}\r\n`, 'refused', 'GET *  + GET /next ', 'RFC 9112 3.2.4: OPTIONS only'],
  [`GET /a#b HTTP/1.1\r\n${h}\r\n`, 'refused', 'GET /a#b  + GET /next ', 'RFC 9112 3.2: no fragment on the wire'],
  [`GET / HTTP/1.1\r\nHost: a b\r\n\r\n`, 'refused', 'GET /  + GET /next ', 'RFC 9112 3.2: an invalid Host is 400'],
  [`GET / HTTP/1.1\r\nHost:\r\n\r\n`, 'refused', 'GET /  + GET /next ', 'a gateway cannot route an empty Host'],
  [`GET / HTTP/1.1\r\n${h}${h}\r\n`, 'refused', 'GET /  + GET /next ', 'RFC 9112 3.2: more than one Host is 400'],
  [`GET / HTTP/1.1\r\nHost: a,b\r\n\r\n`, 'refused', 'GET /  + GET /next ', 'a list is no host'],
  [`GET / HTTP/1.1\r\nHost: u@a\r\n\r\n`, 'refused', 'GET /  + GET /next ', 'Host has no userinfo'],
  [`GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n`, 'refused', 'GET /  + GET /next ', 'no such port'],
  [
    `GET / HTTP/1.1\r\n${h}Connection: a b\r\n\r\n`,
    'refused',
    'GET /  + GET /next ',
    'RFC 9110 7.6.1: a list of tokens',
  ],
  [
    `${post}Transfer-Encoding: gzip, chunked\r\n\r\n${last}`,
    'refused',
    'POST /  + GET /next ',
    'we could not undo gzip: 501',
  ],
  [
    `${post}Transfer-Encoding: identity, chunked\r\n\r\n${last}`,
    'refused',
    'POST /  + GET /next ',
    'identity is no coding any more',
  ],
  [
    `${chunked}00000000000000005\r\nhello\r\n${last}`,
    'refused',
    'POST / hello + GET /next ',
    'digits of a size are bounded',
  ],
  [
    `${chunked}5;${'a'.repeat(300)}\r\nhello\r\n${last}`,
    'refused',
    'POST / hello + GET /next ',
    'the line of a chunk is bounded',
  ],
  [
    `${chunked}0\r\nHost: b\r\n\r\n`,
    'refused',
    'POST /  + GET /next ',
    'RFC 9110 6.5.1: routing does not belong in trailers',
  ],
  [
    `GET / HTTP/1.1\r\n${h}${'X: y\r\n'.repeat(130)}\r\n`,
    'refused',
    'GET /  + GET /next ',
    'Node drops fields silently, and only over 2000',
  ],
  [
    `GET /${'a'.repeat(9000)} HTTP/1.1\r\n${h}\r\n`,
    'refused',
    `GET /${'a'.repeat(9000)}  + GET /next `,
    'our request line is bounded by itself',
  ],
  [`CONNECT a.test:443 HTTP/1.1\r\n${h}\r\n`, 'refused', '', 'we say 501, Node closes without a word'],
  // We take what Node refuses.
  [
    `FOO / HTTP/1.1\r\n${h}\r\n`,
    'FOO /  + GET /next ',
    'refused',
    'methods are open (RFC 9110 9.1); Node knows a fixed list',
  ],
  [
    `get / HTTP/1.1\r\n${h}\r\n`,
    'get /  + GET /next ',
    'refused',
    'methods are case-sensitive, so this is another token',
  ],
  [
    `GET / HTTP/1.1\r\n${h}X: ${'y'.repeat(20_000)}\r\n\r\n`,
    'GET /  + GET /next ',
    'refused',
    'our head may have 32 KiB, theirs 16',
  ],
  // We read on where Node does not, or the other way round.
  [
    `GET http://b.test/x HTTP/1.1\r\n${h}\r\n`,
    'GET /x  + GET /next ',
    'GET http://b.test/x  + GET /next ',
    'our target is origin form, the authority beside it (RFC 9112 3.2.2)',
  ],
  [`GET / HTTP/1.1\r\n${h}Expect: tea\r\n\r\n`, 'refused', 'GET /next  + refused', 'both say 417; we close'],
  [
    `GET / HTTP/1.0\r\n\r\n`,
    'GET / ',
    'refused',
    'Node answers bytes after the last request with 400, we throw them away',
  ],
  [
    `GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n`,
    'GET /  + GET /next ',
    'GET / ',
    'this test server of Node announces no length to HTTP/1.0',
  ],
  [
    `GET / HTTP/1.1\r\n${h}Proxy-Connection: close\r\n\r\n`,
    'GET /  + GET /next ',
    'refused',
    'Node takes Proxy-Connection for Connection; RFC 9112 C.2.2 tells us to ignore it',
  ],
];

let nodeServer: Server;
let nodePort = 0;
let ours: Awaited<ReturnType<typeof serve>>;

/** What a server took for requests, and how it ended: `METHOD target body` …, then `refused` where it sent a 4xx or 5xx of its own. */
async function outcome(port: number, bytes: string): Promise<string> {
  const client = await RawClient.open(port);
  client.send(bytes + next).socket.end();
  const text = await client.all();
  const taken = [...text.matchAll(/\[\[(.*?)\]\]/gs)].map((match) => match[1]);
  const refused = /HTTP\/1.1 [45]\d\d/.test(text);
  return [...taken, ...(refused ? ['refused'] : [])].join(' + ');
}

before(async () => {
  nodeServer = createServer({ insecureHTTPParser: false }, (request, response) => {
    let body = '';
    request.setEncoding('latin1');
    request.on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => response.end(`[[${request.method} ${request.url} ${body}]]`));
  });
  nodeServer.listen(0, '127.0.0.1');
  await once(nodeServer, 'listening');
  nodePort = (nodeServer.address() as AddressInfo).port;
  ours = await serve({
    onRequest: (exchange) => {
      const listening = new Listening();
      const { method, target } = exchange.head;
      listening.onEnd = () => exchange.respond(200, FieldBlock.empty, `[[${method} ${target} ${listening.text}]]`);
      exchange.receive(listening, 0);
    },
  });
});

after(() => {
  nodeServer.closeAllConnections();
  nodeServer.close();
  ours.close();
});

describe("Node's parser and ours", () => {
  for (const bytes of agreed) {
    it(`agree on ${JSON.stringify(bytes)}`, async () => {
      assert.equal(await outcome(ours.port, bytes), await outcome(nodePort, bytes));
    });
  }
  for (const [bytes, weSay, nodeSays, why] of different) {
    it(`differ on ${JSON.stringify(bytes)}: ${why}`, async () => {
      assert.notEqual(weSay, nodeSays);
      assert.equal(await outcome(ours.port, bytes), weSay);
      assert.equal(await outcome(nodePort, bytes), nodeSays);
    });
  }
});
