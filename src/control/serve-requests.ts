// The requests that the primary passes on, over the one connection that it made with the fork (HTTP/2): read within limits,
// answered by the API or with a file of the console, streamed where the answer streams.
import type { Http2Session, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Api, refuse } from './api.ts';
import { ApiProblem } from './api-problem.ts';
import type { Site } from './console-site.ts';
import { certificateField, maxBodyBytes, primaryFields, remoteField, type ShownCertificate } from './messages.ts';

const { performServerHandshake } = process.getBuiltinModule('node:http2');
const notForms: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK']);
/** For a body to come in. */
const bodyMs = 10_000;

export type Served = { readonly api: Api; readonly site: Site };

/** `fd`: of this end of the connection. `onEnd`: the primary is gone. */
export function serveRequests(fd: number, served: Served, onEnd: () => void): Http2Session {
  const socket = new Socket({ fd, readable: true, writable: true });
  const session = performServerHandshake(socket);
  session.on('stream', (stream, head) => void answer(stream, head, served));
  session.on('error', () => {});
  session.on('close', onEnd);
  return session;
}

async function answer(stream: ServerHttp2Stream, head: IncomingHttpHeaders, served: Served): Promise<void> {
  stream.on('error', () => {});
  try {
    const response = await respond(stream, head, served);
    if (stream.destroyed) return;
    const cookies = response.headers.getSetCookie();
    stream.respond({
      ':status': response.status,
      ...Object.fromEntries(response.headers),
      ...(cookies.length > 0 && { 'set-cookie': cookies }),
    });
    if (head[':method'] === 'HEAD') await response.body?.cancel();
    if (response.body === null || head[':method'] === 'HEAD') stream.end();
    else await pipeline(Readable.fromWeb(response.body), stream);
  } catch {
    // The primary, or whoever asked it, went away; an answer that was begun must not look complete.
    stream.close(stream.rstCode || 2);
  }
}

async function respond(stream: ServerHttp2Stream, head: IncomingHttpHeaders, { api, site }: Served): Promise<Response> {
  const { ':method': method = 'GET', ':path': path = '/', ':authority': authority = '' } = head;
  let body: Buffer;
  try {
    body = await readAll(stream);
  } catch (error) {
    if (error instanceof ApiProblem) return refuse(error);
    throw error;
  }
  const headers = new Headers();
  for (const [name, value] of Object.entries(head))
    if (typeof value === 'string' && !name.startsWith(':') && !primaryFields.has(name)) headers.set(name, value);
  // Methods that the form of a request forbids are answered like others that there are not.
  const taken = notForms.has(method) ? 'UNKNOWN' : method;
  const hasBody = method !== 'GET' && method !== 'HEAD';
  let request: Request;
  try {
    request = new Request(`http://control.invalid${path}`, { method: taken, headers, ...(hasBody && { body }) });
  } catch {
    return refuse(new ApiProblem('bad_request', 'The target or the method of the request is none.'));
  }
  if (!path.startsWith('/api/')) return site.fetch(request);
  const remote = head[remoteField];
  return api.fetch(request, {
    remote: typeof remote === 'string' ? remote : 'unknown',
    authority,
    certificate: readShown(head[certificateField]),
  });
}

/** As the primary wrote it. Throws where it is not: then nobody is let in by it. */
function readShown(field: string | string[] | undefined): ShownCertificate | undefined {
  if (typeof field !== 'string') return undefined;
  return JSON.parse(Buffer.from(field, 'base64url').toString()) as ShownCertificate;
}

async function readAll(stream: ServerHttp2Stream): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  const tooSlow = setTimeout(() => stream.close(8), bodyMs);
  try {
    // The stream stays: it has to carry the refusal.
    for await (const piece of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += piece.length;
      if (size > maxBodyBytes) {
        // What else comes is not kept.
        stream.resume();
        throw new ApiProblem('too_large', `A body may have ${maxBodyBytes} bytes.`);
      }
      pieces.push(piece);
    }
    return Buffer.concat(pieces);
  } finally {
    clearTimeout(tooSlow);
  }
}
