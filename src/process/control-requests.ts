// Requests of the admin entry point, passed on to the control process over one connection that nobody else can reach: a pair of
// sockets that the fork made, HTTP/2 between them. Bounded in size, number and time; an answer may stream.
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../base/clock.ts';
import {
  certificateField,
  maxBodyBytes,
  primaryFields,
  remoteField,
  type ShownCertificate,
} from '../control/messages.ts';

/** Requests at one time, streams of events among them. */
const maxRequests = 64;
/** Until the head of an answer; longer than the control process waits for anything itself. */
const headMs = 40_000;
/** Without a byte of an answer that streams, or without a client that takes one. */
const idleMs = 60_000;

const refusals = {
  not_running: {
    status: 503,
    title: 'the control process is not running at the moment',
    detail: 'The control process of this gateway is being started. Traffic goes on meanwhile. Try again in a moment.',
  },
  too_many: {
    status: 503,
    title: 'too many requests at once',
    detail: 'The gateway answers many requests for its console and API at this moment. Try again in a moment.',
  },
  too_late: {
    status: 504,
    title: 'the control process did not answer in time',
    detail: 'The control process of this gateway did not answer in time. Traffic goes on meanwhile. Try again.',
  },
  too_large: { status: 413, title: 'the body is too large', detail: 'Send less at once.' },
  bad_request: {
    status: 400,
    title: 'the request cannot be understood',
    detail: 'One of its fields cannot be passed on: see what your client or a proxy adds.',
  },
} as const;
export type Refusal = keyof typeof refusals;

export class RequestLine {
  readonly #session: ClientHttp2Session;
  #open = 0;

  constructor(socket: Duplex) {
    const { connect } = process.getBuiltinModule('node:http2');
    this.#session = connect('http://control', { createConnection: () => socket });
    // Its end is that of the process, which is told apart.
    this.#session.on('error', () => {});
  }

  /** Undefined where there are too many. Throws for a head that HTTP/2 cannot say. */
  open(head: Record<string, string | readonly string[]>): ClientHttp2Stream | undefined {
    if (this.#open >= maxRequests || this.#session.destroyed) return undefined;
    const stream = this.#session.request(head as never, { endStream: false });
    this.#open++;
    stream.once('close', () => this.#open--);
    return stream;
  }

  close(): void {
    this.#session.destroy();
  }
}

export function refuseRequest(
  { method, url = '', headers }: IncomingMessage,
  response: ServerResponse,
  code: Refusal,
): void {
  // An answer that began and cannot be finished must not look complete.
  if (response.headersSent) return void response.destroy();
  const { status, title, detail } = refusals[code];
  // A person who opens the console: nothing of it is there that could ask again.
  const isPage = method === 'GET' && !url.startsWith('/api/') && (headers.accept ?? '').includes('text/html');
  const willPass = status === 503 || status === 504;
  const body = isPage
    ? pageOf(title, detail, willPass)
    : JSON.stringify({ type: `urn:countersign:problem:${code}`, title, status, code, detail });
  response.writeHead(status, {
    'content-type': isPage ? 'text/html; charset=utf-8' : 'application/problem+json',
    ...(isPage && { 'content-security-policy': "default-src 'none'; frame-ancestors 'none'" }),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
    ...(status === 503 && { 'retry-after': '1' }),
    // What else comes of a body is not read.
    connection: 'close',
  });
  response.end(body);
}

/** Its texts are ours: nothing in them has to be escaped. */
function pageOf(title: string, detail: string, willPass: boolean): string {
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    willPass ? '<meta http-equiv="refresh" content="2">' : '',
    `<title>Countersign: ${title}</title></head><body><main><h1>Countersign</h1><p>${detail}</p>`,
    willPass ? '<p>This page asks again by itself, every 2 seconds.</p>' : '',
    '</main></body></html>\n',
  ].join('');
}

/** `shown`: the certificate of the connection, judged for this request; undefined where none was shown. */
export async function passOn(
  request: IncomingMessage,
  response: ServerResponse,
  line: RequestLine,
  clock: Pick<Clock, 'after'>,
  shown?: ShownCertificate,
): Promise<void> {
  const body = await readBody(request);
  if (body === undefined) return refuseRequest(request, response, 'too_large');
  let stream: ClientHttp2Stream | undefined;
  try {
    stream = line.open(headOf(request, shown));
  } catch {
    return refuseRequest(request, response, 'bad_request');
  }
  if (stream === undefined) return refuseRequest(request, response, 'too_many');
  const asked = stream;
  // Whoever asked went away.
  response.once('close', () => asked.close(8));
  asked.end(body);
  const head = await headFrom(asked, clock);
  if (typeof head === 'string') {
    asked.close(8);
    return refuseRequest(request, response, head);
  }
  const { ':status': status = 502, ...fields } = head;
  response.writeHead(Number(status), fieldsOf(fields));
  asked.setTimeout(idleMs, () => asked.close(8));
  response.setTimeout(idleMs, () => response.destroy());
  await pipeline(asked, response).catch(() => response.destroy());
}

/** Undefined where it is too large. How long it may take the server limits. Rejects where the client goes away. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) return undefined;
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > maxBodyBytes) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

async function headFrom(
  stream: ClientHttp2Stream,
  clock: Pick<Clock, 'after'>,
): Promise<IncomingHttpHeaders | Refusal> {
  return new Promise((resolve) => {
    const cancel = clock.after(headMs, () => resolve('too_late'));
    stream.once('response', (head) => {
      cancel();
      resolve(head);
    });
    stream.once('close', () => {
      cancel();
      resolve('not_running');
    });
    stream.on('error', () => {});
  });
}

/** Of one connection, or said by HTTP/2 in another way. */
const notPassed: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

function headOf(
  request: IncomingMessage,
  shown: ShownCertificate | undefined,
): Record<string, string | readonly string[]> {
  const head: Record<string, string | readonly string[]> = {
    ':method': request.method ?? 'GET',
    ':path': request.url ?? '/',
    ':authority': request.headers.host ?? '',
  };
  const named = (request.headers.connection ?? '').toLowerCase().split(/\s*,\s*/);
  for (const [name, value] of Object.entries(request.headers))
    if (value !== undefined && !notPassed.has(name) && !primaryFields.has(name) && !named.includes(name))
      head[name] = value;
  head[remoteField] = request.socket.remoteAddress ?? 'unknown';
  if (shown !== undefined) head[certificateField] = Buffer.from(JSON.stringify(shown)).toString('base64url');
  return head;
}

function fieldsOf(fields: IncomingHttpHeaders): Record<string, string | string[]> {
  const kept = Object.entries(fields).filter(([name, value]) => value !== undefined && !name.startsWith(':'));
  return {
    // Of an answer of the API; the console's files say more of their own.
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    ...(Object.fromEntries(kept) as Record<string, string | string[]>),
  };
}
