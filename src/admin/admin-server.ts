// The admin listener: liveness, readiness, metrics, the record of seen clients, and the way to the control process (API and console). Loopback by default; it knows nothing of
// traffic, and gives away no configuration but what is wrong with it, to who holds the token of the reload endpoint. A browser on this machine is no way in: what is more than health is shown only
// to who asks by a name that no stranger can point here (DNS rebinding).
import { constants, createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from '../base/node-http.ts';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isIP } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import { safeJson } from '../base/safe-json.ts';
import type { ReloadEndpoint } from '../config/gateway-config.ts';
import { hostOfAuthority } from '../routing/host-of-authority.ts';
import { metricsContentType } from '../telemetry/metrics.ts';

/** A reader that takes nothing for so long is cut off. */
const answerMs = 10_000;

const misdirected =
  'this host name is not known here: ask by IP address or localhost, or add the name to monitoring.allowedHosts\n';

const noConsole =
  'There is no console here: it comes with a store, gateway.store: {url: "sqlite:countersign.db"} (docs/operations.md).\n';

const maxHeadBytes = 8192;

// As the API declares all that it refuses: nobody knows yet which path it is for.
const tooLargeBody = JSON.stringify({
  type: 'urn:countersign:problem:too_large',
  title: 'request line and header fields are too large',
  status: 431,
  code: 'too_large',
  detail: `Request line and header fields may have ${maxHeadBytes} bytes together.`,
});
const tooLargeHead = `HTTP/1.1 431 Request Header Fields Too Large\r
Content-Type: application/problem+json\r
Content-Length: ${tooLargeBody.length}\r
Connection: close\r
\r
${tooLargeBody}`;

const ownPaths: ReadonlySet<string> = new Set([
  '/healthz',
  '/readyz',
  '/trust/identities',
  '/trust/certificates',
  '/drift',
]);

const text = 'text/plain; charset=utf-8';
const json = 'application/json';

type Answer = {
  readonly status: number;
  readonly type: string;
  readonly body: string | Buffer | Iterable<string>;
  readonly fields?: Readonly<Record<string, string>>;
};

export type ReloadView = {
  /** As the configuration that is active now has it; undefined: none. */
  readonly endpoint: () => ReloadEndpoint | undefined;
  readonly run: () => Promise<{ readonly status: number; readonly body: object }>;
  /** Somebody at this address asked without the token. */
  readonly refused: (address: string) => void;
};

/** The same object until there is another certificate. */
export type AdminCertificate = {
  readonly chainPem: string;
  readonly keyPem: string;
  /** Also the names under which it is asked. */
  readonly names: readonly string[];
};

export type AdminView = {
  readonly ready: () => { readonly ok: boolean; readonly detail: string };
  /** Prometheus text exposition, UTF-8. */
  readonly metrics: () => Promise<Buffer>;
  /** The record of seen clients as JSON, in pieces; undefined: none is kept. */
  readonly identities?: (() => Promise<Iterable<string>>) | undefined;
  /** Every certificate in use, for people (certificate-list.ts). */
  readonly certificates: () => readonly object[];
  /** What runs against what is meant, likewise. */
  readonly drift: () => readonly object[];
  /** undefined: monitoring.enableMetrics is false; likewise the two below. */
  readonly metricsPath: string | undefined;
  readonly liveness: boolean;
  readonly readiness: boolean;
  /** What it shows, over TLS; undefined: plain HTTP. */
  readonly certificate?: (() => AdminCertificate) | undefined;
  /** PEM of the CAs whose client certificates are asked for, never required; the same array until there are others. undefined: none is. */
  readonly clientCas?: (() => readonly string[]) | undefined;
  /** Canonical names, besides localhost. */
  readonly allowedHosts: readonly string[];
  readonly reload: ReloadView;
  /** Answers requests for the API and the console, which is all that is not named above; undefined: there is none. */
  readonly control?: ((request: IncomingMessage, response: ServerResponse) => Promise<void>) | undefined;
};

/**
 * Serves GET and HEAD of /healthz, /readyz, /trust/identities, /trust/certificates, /drift and the metrics path, and POST of the reload endpoint. Errors of
 * `listen` are passed on.
 */
export class AdminServer {
  readonly #server: Server;
  /** What listens where the view has a certificate. */
  readonly #secure: TlsServer | undefined;
  #used: AdminCertificate | undefined;
  #usedCas: readonly string[] | undefined;
  readonly #view: AdminView;

  constructor(view: AdminView) {
    this.#view = view;
    this.#server = createServer({ maxHeaderSize: maxHeadBytes, requestTimeout: 10_000, headersTimeout: 5_000 });
    this.#server.maxConnections = 256;
    this.#server.on('request', (request, response) => void this.#answer(request, response));
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      if (error.code === 'HPE_HEADER_OVERFLOW' && socket.writable) socket.end(tooLargeHead);
      else socket.destroy();
    });
    this.#secure = view.certificate && this.#makeSecure(view.certificate, view.clientCas);
  }

  /** Resolves with the port. */
  async listen(host: string, port: number): Promise<number> {
    const listener = this.#secure ?? this.#server;
    return new Promise((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(port, host, () => {
        listener.off('error', reject);
        listener.on('error', () => {});
        const address = listener.address();
        resolve(address !== null && typeof address === 'object' ? address.port : port);
      });
    });
  }

  close(): void {
    this.#secure?.close();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** TLS in front of the same server. Its certificate is that of the moment, for each connection anew. */
  #makeSecure(current: () => AdminCertificate, clientCas: AdminView['clientCas']): TlsServer {
    // Renegotiation could bring another certificate under a connection that goes on.
    const secureOptions = constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION;
    const options = {
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: 10_000,
      // What is shown is judged by whoever asks for it; nobody is turned away for it here. No session is resumed: each connection
      // is a handshake of its own, with the CAs of its moment.
      ...(clientCas && { requestCert: true, rejectUnauthorized: false, secureOptions }),
    } as const;
    const secure = createTlsServer(options, (socket) => this.#server.emit('connection', socket));
    secure.maxConnections = this.#server.maxConnections;
    secure.prependListener('connection', () => {
      const next = current();
      const cas = clientCas?.();
      if (next === this.#used && cas === this.#usedCas) return;
      try {
        secure.setSecureContext({ ...options, cert: next.chainPem, key: next.keyPem, ...(cas && { ca: [...cas] }) });
        this.#used = next;
        this.#usedCas = cas;
      } catch {
        // It was checked when it was loaded; where it cannot be used all the same, nobody ends for it, and the one before stays.
      }
    });
    secure.on('tlsClientError', (_error, socket) => socket.destroy());
    return secure;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { control } = this.#view;
      if (control !== undefined && this.#isForControl(request) && this.#isAllowed(request.headers.host))
        return await control(request, response);
      const { status, type, body, fields } = await this.#route(request);
      response.writeHead(status, {
        ...fields,
        'content-type': type,
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      });
      if (request.method === 'HEAD') response.end();
      else if (typeof body === 'string' || Buffer.isBuffer(body)) response.end(body);
      else {
        response.setTimeout(answerMs, () => response.destroy());
        await pipeline(Readable.from(body, { objectMode: false }), response);
      }
    } catch {
      // An answer that began and cannot be finished must not look complete.
      if (response.headersSent) response.destroy();
      else response.writeHead(500).end();
    }
  }

  async #route(request: IncomingMessage): Promise<Answer> {
    const path = (request.url ?? '').split('?')[0];
    if (this.#view.control !== undefined && this.#isForControl(request))
      return { status: 421, type: text, body: misdirected };
    const endpoint = this.#view.reload.endpoint();
    if (endpoint !== undefined && path === endpoint.path) return this.#reload(request, endpoint);
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return { status: 405, type: text, body: 'GET and HEAD only\n' };
    if (path === '/healthz' && this.#view.liveness) return { status: 200, type: text, body: 'ok\n' };
    if (path === '/readyz' && this.#view.readiness) {
      const { ok, detail } = this.#view.ready();
      return { status: ok ? 200 : 503, type: text, body: `${detail}\n` };
    }
    if (!this.#isAllowed(request.headers.host)) return { status: 421, type: text, body: misdirected };
    if (path === this.#view.metricsPath) {
      return { status: 200, type: metricsContentType, body: await this.#view.metrics() };
    }
    if (path === '/trust/identities' && this.#view.identities !== undefined) {
      return { status: 200, type: json, body: await this.#view.identities() };
    }
    if (path === '/trust/certificates') {
      return { status: 200, type: json, body: safeJson({ certificates: this.#view.certificates() }) };
    }
    if (path === '/drift') return { status: 200, type: json, body: safeJson({ drift: this.#view.drift() }) };
    return {
      status: 404,
      type: text,
      body: path === '/' && this.#view.control === undefined ? noConsole : 'not found\n',
    };
  }

  /** Everything but what is answered here; that a path is switched off makes none of the console of it. */
  #isForControl({ url = '' }: IncomingMessage): boolean {
    const path = url.split('?')[0];
    const { metricsPath = '/metrics', reload } = this.#view;
    return !ownPaths.has(path ?? '') && path !== metricsPath && path !== reload.endpoint()?.path;
  }

  /** Whoever may not ask learns nothing: not even whether the token was near. */
  async #reload(request: IncomingMessage, endpoint: ReloadEndpoint): Promise<Answer> {
    const isMeant =
      endpoint.host === undefined ? this.#isAllowed(request.headers.host) : isHost(request, endpoint.host);
    if (!isMeant) return { status: 421, type: text, body: misdirected };
    if (request.method !== 'POST') return { status: 405, type: text, body: 'POST only\n', fields: { allow: 'POST' } };
    if (!holdsToken(request.headers.authorization, endpoint.tokenSha256)) {
      this.#view.reload.refused(request.socket.remoteAddress ?? 'unknown');
      return {
        status: 401,
        type: json,
        body: '{"status":"error","error":"unauthorized"}\n',
        fields: { 'www-authenticate': 'Bearer' },
      };
    }
    const { status, body } = await this.#view.reload.run();
    return { status, type: json, body: `${safeJson(body)}\n` };
  }

  /** No browser leaves Host out, and an address in it cannot be pointed elsewhere. */
  #isAllowed(authority: string | undefined): boolean {
    if (authority === undefined) return true;
    const host = hostOfAuthority(authority);
    if (host === undefined) return false;
    const names = this.#view.certificate?.().names ?? [];
    return host === 'localhost' || isIP(host) !== 0 || this.#view.allowedHosts.includes(host) || names.includes(host);
  }
}

function isHost(request: IncomingMessage, host: string): boolean {
  return request.headers.host !== undefined && hostOfAuthority(request.headers.host) === host;
}

/** Hashes are compared, in constant time: neither the length of the token nor where it differs can be measured. */
function holdsToken(authorization: string | undefined, tokenSha256: string): boolean {
  const [, token] = /^Bearer +([\x21-\x7e]+) *$/i.exec(authorization ?? '') ?? [];
  if (token === undefined) return false;
  return timingSafeEqual(createHash('sha256').update(token).digest(), Buffer.from(tokenSha256, 'hex'));
}
