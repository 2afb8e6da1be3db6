// Asking a server once more, differently, where that tells which of several causes it is: in plain HTTP, with all versions and
// ciphers, with other application protocols, with a small ClientHello. Each on a connection of its own, none with our certificate.
import tls, { type SecureContextOptions } from 'node:tls';
import { connectFirst, TimeLeft } from './connect.ts';
import { type ProbeEvidence, probeTls } from './probe-tls.ts';
import type { Target } from './target.ts';

export type Place = { readonly address: string; readonly port: number };

const limitMs = 1500;

// The connection preface and an empty SETTINGS frame (RFC 9113 section 3.4): enough for the server's own SETTINGS.
export const http2Question = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);

/** Whether HTTP/2 is what we speak: agreed on, or the only protocol offered to a server that heeds no ALPN (prior knowledge). */
export function isHttp2({ alpn }: { readonly alpn: string }, { alpn: offered }: Target): boolean {
  return alpn === 'h2' || (alpn === '' && offered.length === 1 && offered[0] === 'h2');
}

export class SecondLook {
  readonly #place: Place;
  readonly #target: Target;
  readonly #time: TimeLeft;

  constructor(place: Place, target: Target, time: TimeLeft) {
    this.#place = place;
    this.#target = target;
    this.#time = time;
  }

  /** Version and cipher with everything on offer; undefined where that is not enough either. */
  async findWhatItSpeaks(): Promise<string | undefined> {
    const found = await this.#probe({ minVersion: 'TLSv1', maxVersion: 'TLSv1.3', ciphers: 'ALL:@SECLEVEL=0' }, []);
    return found === undefined || !hasAgreed(found) ? undefined : `${found.version}, ${found.cipher}`;
  }

  /** What the server chooses of those in use, '' for none of them; undefined where it refuses these too. */
  async findApplicationProtocol(): Promise<string | undefined> {
    const found = await this.#probe({}, ['h2', 'http/1.1', 'http/1.0', 'mqtt', 'postgresql']);
    return found === undefined || !hasAgreed(found) ? undefined : found.alpn;
  }

  /** True where it takes HTTP/2 when that is offered, and speaks it. */
  async speaksHttp2(): Promise<boolean> {
    const found = await this.#probe({}, ['h2'], http2Question);
    // A frame header of type SETTINGS on stream 0.
    return found !== undefined && found.answer.length >= 9 && found.answer[3] === 4;
  }

  /** How many bytes a ClientHello without a post-quantum group has, where the server answers that. */
  async takesSmallHello(): Promise<{ readonly helloBytes: number } | undefined> {
    const groups = 'X25519:P-256:P-384:P-521';
    const found = await this.#probe(
      { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', ecdhCurve: groups },
      this.#target.alpn,
    );
    return found === undefined || found.firstBytes[0] !== 22 ? undefined : found.transcript;
  }

  /** True where it answers a plain HTTP request. */
  async answersPlainHttp(): Promise<boolean> {
    const { socket } = await this.#connect();
    if (socket === undefined) return false;
    return new Promise((resolve) => {
      const settle = (isHttp: boolean): void => {
        cancel();
        socket.destroy();
        resolve(isHttp);
      };
      const cancel = this.#time.clock.after(limitMs, () => settle(false));
      socket.on('error', () => settle(false));
      socket.once('close', () => settle(false));
      socket.once('data', (chunk: Buffer) => settle(chunk.toString('latin1', 0, 5) === 'HTTP/'));
      socket.write(`HEAD / HTTP/1.1\r\nHost: ${this.#target.wanted}\r\nConnection: close\r\n\r\n`);
    });
  }

  async #probe(
    options: SecureContextOptions,
    alpn: readonly string[],
    question?: Buffer,
  ): Promise<ProbeEvidence | undefined> {
    const { socket, time } = await this.#connect();
    if (socket === undefined) return undefined;
    const { serverName } = this.#target;
    // Nothing is told to it and nothing of it is believed: which CAs we trust does not matter.
    const context = tls.createSecureContext({ ca: [], ...options });
    return probeTls(socket, { context, serverName, alpn, roundTripMs: 0, question: () => question }, time);
  }

  /** A second look has time of its own: after a timeout nothing is left of the first one's. */
  async #connect(): Promise<{
    readonly socket: Awaited<ReturnType<typeof connectFirst>>['socket'];
    readonly time: TimeLeft;
  }> {
    const time = new TimeLeft(this.#time.clock, limitMs);
    const { address, port } = this.#place;
    const { socket } = await connectFirst([address], port, time, this.#target.proxyProtocol);
    return { socket, time };
  }
}

function hasAgreed({ version, certificates, established }: ProbeEvidence): boolean {
  return version !== '' && (certificates !== undefined || established);
}
