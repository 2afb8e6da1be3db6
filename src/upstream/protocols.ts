// The protocols that backends may be spoken to in, in the order of preference that ALPN offers, and the choice among them
// once a connection is up.
import { TLSSocket } from 'node:tls';
import type { BackendHttp2 } from '../config/gateway-config.ts';
import type { BackendConnection, ConnectionOwner } from '../http/backend-connection.ts';
import { Http1BackendConnection, type Http1BackendOptions } from '../http1/client.ts';
import { Http2BackendConnection, type Http2BackendOptions } from '../http2/client.ts';
import type { OpenSocket } from '../http/read-buffer.ts';

export type BackendProtocolOptions = Http1BackendOptions & Http2BackendOptions;

export type BackendProtocol = {
  /** RFC 7301 name. */
  readonly alpn: string;
  /** Takes a socket that is connected and, for TLS, verified. */
  open(open: OpenSocket, options: BackendProtocolOptions, owner: ConnectionOwner): BackendConnection;
};

const http1: BackendProtocol = {
  alpn: 'http/1.1',
  open({ socket, readBuffer }, options, owner) {
    return new Http1BackendConnection(socket, options, owner, readBuffer);
  },
};

export const http2Protocol: BackendProtocol = {
  alpn: 'h2',
  open({ socket, readBuffer }, options, owner) {
    return new Http2BackendConnection(socket, options, owner, readBuffer);
  },
};

export class BackendProtocols {
  readonly #all: readonly BackendProtocol[];
  readonly #fallback: BackendProtocol;

  /** The last one is spoken where nothing was negotiated: plain TCP, servers without ALPN. */
  constructor(preferred: readonly BackendProtocol[] = [], fallback: BackendProtocol = http1) {
    this.#all = [...preferred, fallback];
    this.#fallback = fallback;
  }

  /** For ALPN, best first; never none where `http2` is something that is there. */
  offered(http2: BackendHttp2): readonly string[] {
    const wanted = this.#all.filter(
      ({ alpn }) => http2 === 'auto' || (alpn === http2Protocol.alpn) === (http2 === 'on'),
    );
    return wanted.map(({ alpn }) => alpn);
  }

  open(open: OpenSocket, options: BackendProtocolOptions, owner: ConnectionOwner): BackendConnection {
    const { socket } = open;
    const chosen = socket instanceof TLSSocket ? socket.alpnProtocol : false;
    const protocol = this.#all.find(({ alpn }) => alpn === chosen) ?? this.#fallback;
    return protocol.open(open, options, owner);
  }
}
