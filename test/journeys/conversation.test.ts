// Requests whose body and answer run at the same time: what one side says reaches the other at once, because the other may
// wait for it before it says more. Nothing is held back until a buffer is full.
import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type Backend, startBackend } from '../support/backend.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { Feed } from '../support/wait-for.ts';

/** Answers each piece of the request body while the rest has not come. */
function converse(request: IncomingMessage, response: ServerResponse): void {
  request.on('error', () => {});
  request.on('data', (piece: Buffer) => response.write(`heard ${piece.toString()}.`));
  request.on('end', () => response.end('over'));
}

describe('a conversation through the gateway', () => {
  const stack = new AsyncDisposableStack();
  after(() => stack.disposeAsync());
  let backend: Backend;
  let gateway: Gateway;

  before(async () => {
    backend = stack.use(await startBackend({ handle: converse }));
    const yaml = `gateway:\n  routes: [{name: all, path: /, target: 'http://127.0.0.1:${backend.port}'}]\n`;
    gateway = stack.use(await startGateway({ yaml }));
  });

  for (const [framing, field, say] of [
    ['chunked', 'Transfer-Encoding: chunked', (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`],
    ['with a length', 'Content-Length: 1000', (text: string) => text],
  ] as const) {
    it(`gets an answer to every small piece of a body ${framing} before the next is sent`, async () => {
      const heard = new Feed<string>('client');
      let text = '';
      const socket = connect(gateway.ports.web, '127.0.0.1');
      stack.defer(() => void socket.destroy());
      socket.on('data', (chunk: Buffer) => heard.push((text += chunk.toString('latin1'))));
      socket.write(`POST / HTTP/1.1\r\nHost: gateway.test\r\n${field}\r\n\r\n`);
      for (const word of ['one', 'two', 'three']) {
        socket.write(say(word));
        await heard.waitFor((all) => all.includes(`heard ${word}.`), { what: `the answer to ${word}` });
      }
      assert.match(text, /^HTTP\/1\.1 200 /);
      socket.destroy();
    });
  }
});
