// The first bytes of a client, as far as they tell the server name that it asks for: they are looked at and kept, for the target to
// read them again.
import type { Socket } from 'node:net';
import { canonicalHostName } from '../base/host.ts';
import type { FaultCode } from '../base/fault.ts';
import { ClientHelloReader, type ClientHelloResult } from '../downstream/client-hello.ts';
import { alert } from '../downstream/early-refusal.ts';

/** What a client sent that drips its bytes must not fill memory with the bookkeeping of small buffers. */
const maxPieces = 32;

export interface FirstBytesOwner {
  /** The socket is paused. `bytes`: all that has come. */
  onHello(hello: Exclude<ClientHelloResult, { readonly kind: 'more' }>, bytes: readonly Buffer[]): void;
  /** The client has ended before. */
  onNoHello(): void;
}

export class FirstBytes {
  readonly #socket: Socket;
  readonly #owner: FirstBytesOwner;
  readonly #reader = new ClientHelloReader();
  #bytes: Buffer[] = [];

  constructor(socket: Socket, owner: FirstBytesOwner) {
    this.#socket = socket;
    this.#owner = owner;
  }

  begin(): void {
    this.#socket.on('data', this.#onData);
    this.#socket.on('end', this.#onEnd);
  }

  readonly #onEnd = (): void => this.#owner.onNoHello();

  readonly #onData = (chunk: Buffer): void => {
    if (this.#bytes.push(chunk) > maxPieces) this.#bytes = [Buffer.concat(this.#bytes)];
    const result = this.#reader.read(chunk);
    if (result.kind === 'more') return;
    this.#socket.off('data', this.#onData);
    this.#socket.off('end', this.#onEnd);
    this.#socket.pause();
    this.#owner.onHello(result, this.#bytes);
  };
}

/** Why nobody is asked for it, and what the client is told in TLS. */
export type HelloRefusal = {
  readonly code: Extract<FaultCode, 'malformed_handshake' | 'not_tls' | 'unknown_sni'>;
  readonly detail: string;
  readonly remedy?: string;
  readonly lastWords?: Buffer;
};

/** The server name in its canonical form; undefined for none that could be one. Or why this is no ClientHello. */
export function readServerName(
  hello: Exclude<ClientHelloResult, { readonly kind: 'more' }>,
): { readonly said: string; readonly name: string | undefined } | HelloRefusal {
  if (hello.kind === 'malformed')
    return { code: 'malformed_handshake', detail: hello.detail, lastWords: alert.decodeError };
  if (hello.kind === 'not_tls') return { code: 'not_tls', detail: 'the first bytes are not TLS' };
  const { serverName } = hello;
  return { said: serverName ?? '', name: serverName === undefined ? undefined : canonicalHostName(serverName) };
}

export function refuseName(said: string): HelloRefusal {
  return {
    code: 'unknown_sni',
    detail: said === '' ? 'no server name was sent' : 'no forward has this server name',
    remedy: 'Add the name to `sni` of a forward of this port.',
    lastWords: alert.unrecognizedName,
  };
}
