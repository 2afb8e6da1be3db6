// The protocols that clients may speak, and the choice among them once a connection is accepted and, over TLS, verified.
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { ClientConnection, ClientConnectionOwner } from '../http/client-connection.ts';
import type { RequestHandler } from '../http/exchange.ts';
import { Http1ServerConnection } from '../http1/server.ts';
import type { Http1ServerOptions } from '../http1/server-options.ts';
import { Http2ServerConnection } from '../http2/server.ts';
import type { Http2ServerOptions } from '../http2/server-options.ts';
import { UndecidedConnection } from './undecided-connection.ts';

/** A connection that HTTP may begin on. `transport`: the TCP socket below TLS, `socket` itself where there is none. */
export type AcceptedSocket = { readonly socket: Socket; readonly transport: Socket };

export type ClientProtocolOptions = Omit<Http1ServerOptions, 'secure' | 'transport'> &
  Http2ServerOptions & {
    /** Clients over TLS that do not offer it by ALPN may begin with it all the same (RFC 9113 section 3.3). */
    readonly priorKnowledge: boolean;
  };

export type ClientProtocol = {
  /** RFC 7301 name. */
  readonly alpn: string;
  open(
    accepted: AcceptedSocket,
    options: ClientProtocolOptions,
    handler: RequestHandler,
    owner: ClientConnectionOwner,
  ): ClientConnection;
};

const http1: ClientProtocol = {
  alpn: 'http/1.1',
  open({ socket, transport }, options, handler, owner) {
    return new Http1ServerConnection(socket, { ...options, secure: socket !== transport, transport }, handler, owner);
  },
};

export const http2Protocol: ClientProtocol = {
  alpn: 'h2',
  open({ socket }, options, handler, owner) {
    return new Http2ServerConnection(socket, options, handler, owner);
  },
};

export class ClientProtocols {
  readonly #preferred: readonly ClientProtocol[];
  readonly #fallback: ClientProtocol;

  /** The last one is spoken where nothing was negotiated: plain TCP, clients without ALPN. */
  constructor(preferred: readonly ClientProtocol[] = [], fallback: ClientProtocol = http1) {
    this.#preferred = preferred;
    this.#fallback = fallback;
  }

  open(
    accepted: AcceptedSocket,
    options: ClientProtocolOptions,
    handler: RequestHandler,
    owner: ClientConnectionOwner,
  ): ClientConnection {
    const { socket } = accepted;
    const chosen = socket instanceof TLSSocket ? socket.alpnProtocol : false;
    const protocol = this.#preferred.find(({ alpn }) => alpn === chosen) ?? this.#fallback;
    // A client that names protocols and none of ours was refused; over plain TCP HTTP/2 is not spoken.
    const isUndecided = options.priorKnowledge && socket instanceof TLSSocket && chosen === false;
    if (!isUndecided) return protocol.open(accepted, options, handler, owner);
    return new UndecidedConnection(
      socket,
      options,
      (isHttp2, of) => (isHttp2 ? http2Protocol : this.#fallback).open(accepted, options, handler, of),
      owner,
    );
  }
}
