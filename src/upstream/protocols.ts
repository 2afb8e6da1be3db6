// The protocols that backends may be spoken to in, in the order of preference that ALPN offers, and the choice among them
// once a connection is up. HTTP/2 will be one more entry.
import { TLSSocket } from 'node:tls';
import type { BackendConnection, ConnectionOwner } from '../http/backend-connection.ts';
import { Http1BackendConnection, type Http1BackendOptions } from '../http1/client.ts';
import type { OpenSocket } from '../http1/read-buffer.ts';

export type BackendProtocol = {
  /** RFC 7301 name. */
  readonly alpn: string;
  /** Takes a socket that is connected and, for TLS, verified. */
  open(open: OpenSocket, options: Http1BackendOptions, owner: ConnectionOwner): BackendConnection;
};

const http1: BackendProtocol = {
  alpn: 'http/1.1',
  open({ socket, readBuffer }, options, owner) {
    return new Http1BackendConnection(socket, options, owner, readBuffer);
  },
};

export class BackendProtocols {
  /** For ALPN, best first. */
  readonly names: readonly string[];
  readonly #all: readonly BackendProtocol[];
  readonly #fallback: BackendProtocol;

  /** The last one is spoken where nothing was negotiated: plain TCP, servers without ALPN. */
  constructor(preferred: readonly BackendProtocol[] = [], fallback: BackendProtocol = http1) {
    this.#all = [...preferred, fallback];
    this.#fallback = fallback;
    this.names = this.#all.map(({ alpn }) => alpn);
  }

  open(open: OpenSocket, options: Http1BackendOptions, owner: ConnectionOwner): BackendConnection {
    const { socket } = open;
    const chosen = socket instanceof TLSSocket ? socket.alpnProtocol : false;
    const protocol = this.#all.find(({ alpn }) => alpn === chosen) ?? this.#fallback;
    return protocol.open(open, options, owner);
  }
}
