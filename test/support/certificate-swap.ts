// A client that presents a certificate without having its key, or one that nobody can read: no TLS library does that, so a real one
// speaks TLS 1.2 through this, where its Certificate message (RFC 5246 section 7.4.6) is still in the clear and is replaced.
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';

const handshakeRecord = 22;
const certificateMessage = 11;
const changeCipherSpecRecord = 20;

export type Swap = { readonly port: number; close(): void };

/** Listens on loopback and passes on to `port`; a Certificate message of the client becomes one of these certificates (DER). */
export async function openSwap(port: number, certificates: readonly Buffer[]): Promise<Swap> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((client) => {
    const target = net.connect(port, '127.0.0.1');
    for (const socket of [client, target]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        client.destroy();
        target.destroy();
      });
    }
    const rewrite = new Rewriter(certificates);
    client.on('data', (chunk: Buffer) => target.write(rewrite.take(chunk)));
    target.pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Takes records apart as they come, and puts handshake messages into records of their own, until the client encrypts. */
class Rewriter {
  readonly #certificates: readonly Buffer[];
  #bytes = Buffer.alloc(0);
  #isEncrypted = false;

  constructor(certificates: readonly Buffer[]) {
    this.#certificates = certificates;
  }

  take(chunk: Buffer): Buffer {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    const out: Buffer[] = [];
    while (this.#bytes.length >= 5) {
      const length = this.#bytes.readUInt16BE(3);
      if (this.#bytes.length < 5 + length) break;
      const record = this.#bytes.subarray(0, 5 + length);
      this.#bytes = this.#bytes.subarray(5 + length);
      if (record[0] === changeCipherSpecRecord) this.#isEncrypted = true;
      out.push(record[0] === handshakeRecord && !this.#isEncrypted ? this.#rewrite(record) : record);
    }
    return Buffer.concat(out);
  }

  /** OpenSSL puts whole messages into each record. */
  #rewrite(record: Buffer): Buffer {
    const messages: Buffer[] = [];
    for (let at = 5; at < record.length; ) {
      const end = at + 4 + record.readUIntBE(at + 1, 3);
      messages.push(record[at] === certificateMessage ? this.#certificate() : record.subarray(at, end));
      at = end;
    }
    const body = Buffer.concat(messages);
    return Buffer.concat([record.subarray(0, 3), uint(body.length, 2), body]);
  }

  #certificate(): Buffer {
    const list = Buffer.concat(this.#certificates.flatMap((der) => [uint(der.length, 3), der]));
    return Buffer.concat([Buffer.from([certificateMessage]), uint(list.length + 3, 3), uint(list.length, 3), list]);
  }
}

function uint(value: number, bytes: number): Buffer {
  const out = Buffer.alloc(bytes);
  out.writeUIntBE(value, 0, bytes);
  return out;
}
