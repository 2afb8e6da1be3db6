// Stands in front of pebble where an ACME server is to do what pebble 2.4 never does: renewal information (RFC 9773), rate limits, orders
// that hang, answers that are garbage. Everything else goes through as it is, and pebble believes to be called by its name.
import { once } from 'node:events';
import { request } from 'node:https';
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { findFreePort } from './free-port.ts';
import { Feed } from './wait-for.ts';
import type { Authority } from './pki.ts';

export type FrontReply = {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
};

export type FrontRequest = {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly payload: string;
};

/** undefined: pebble answers. */
export type Intercept = (request: FrontRequest) => FrontReply | undefined;
/** What pebble answered, to be made something else of; undefined: as it is. */
export type Rewrite = (request: FrontRequest, body: string) => string | undefined;

/** Renewal information (RFC 9773) in place of that which pebble 2.4 does not have: a window for each certificate; undefined: 404. */
export function suggestRenewal(
  front: AcmeFront,
  windowOf: (id: string) => { start: string; end: string } | undefined,
): void {
  const renewal = front.directory.replace('/dir', '/renewal');
  front.rewrite = ({ path }, body) =>
    path === '/dir' ? JSON.stringify({ ...(JSON.parse(body) as object), renewalInfo: renewal }) : undefined;
  front.intercept = ({ path }) => {
    if (!path.startsWith('/renewal/')) return undefined;
    const suggestedWindow = windowOf(path.slice('/renewal/'.length));
    if (suggestedWindow === undefined) return acmeError('malformed', 404, 'no such certificate');
    return { headers: { 'retry-after': '60' }, body: JSON.stringify({ suggestedWindow }) };
  };
}

export type AcmeFront = {
  readonly directory: string;
  /** Everything that was asked. */
  readonly requests: Feed<FrontRequest>;
  intercept: Intercept | undefined;
  rewrite: Rewrite | undefined;
  close(): void;
};

/** `port`: of pebble. */
export async function startAcmeFront(authority: Authority, port: number): Promise<AcmeFront> {
  const own = await authority.issue({ kind: 'server', sans: ['localhost', '127.0.0.1'] });
  const requests = new Feed<FrontRequest>('requests to the ACME server');
  const server = createServer({ cert: own.chainPem, key: own.keyPem }, (incoming, response) => {
    void serve(incoming, response).catch(() => response.destroy());
  });
  const serve = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await read(incoming);
    const { method = '', url: path = '' } = incoming;
    const asked = { method, path, body, payload: payloadOf(body) };
    requests.push(asked);
    const reply = front.intercept?.(asked);
    if (reply !== undefined) {
      response
        .writeHead(reply.status ?? 200, { 'replay-nonce': `front-${requests.length}`, ...reply.headers })
        .end(reply.body);
      return;
    }
    const call = request({
      host: '127.0.0.1',
      port,
      servername: 'localhost',
      ca: authority.certPem,
      method,
      path,
      headers: incoming.headers,
      agent: false,
    });
    call.end(body);
    const [answer] = (await once(call, 'response')) as [IncomingMessage];
    const text = await read(answer);
    const changed = front.rewrite?.(asked, text) ?? text;
    const { 'content-length': _, 'transfer-encoding': __, connection: ___, ...headers } = answer.headers;
    response.writeHead(answer.statusCode ?? 502, headers).end(changed);
  };
  server.listen(await findFreePort(), '127.0.0.1');
  await once(server, 'listening');
  const address = server.address() as { port: number };
  const front: AcmeFront = {
    directory: `https://localhost:${address.port}/dir`,
    requests,
    intercept: undefined,
    rewrite: undefined,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  return front;
}

async function read(message: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of message.setEncoding('utf8')) text += piece as string;
  return text;
}

function payloadOf(body: string): string {
  if (!body.startsWith('{')) return '';
  const { payload = '' } = JSON.parse(body) as { payload?: string };
  return Buffer.from(payload, 'base64url').toString('utf8');
}

/** A problem document as ACME servers send it. */
export function acmeError(
  type: string,
  status: number,
  detail: string,
  headers: Record<string, string> = {},
): FrontReply {
  const body = JSON.stringify({ type: `urn:ietf:params:acme:error:${type}`, detail, status });
  return { status, headers: { 'content-type': 'application/problem+json', ...headers }, body };
}
