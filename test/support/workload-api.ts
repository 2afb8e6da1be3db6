// A SPIFFE agent of the tests' own: the Workload API by gRPC over a Unix socket, which rotates, is killed, comes back, sends what it
// should not. Messages are written here by hand, from the standard's field numbers, so that what reads them is not tested by itself.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { rmSync } from 'node:fs';
import grpc from '@grpc/grpc-js';
import { openTempDir } from './temp.ts';
import { Feed } from './wait-for.ts';

/** PEM. */
export type AgentSvid = {
  readonly id: string;
  readonly chain: string;
  readonly key: string;
  readonly bundle: string;
  readonly hint?: string;
};

/** PEM of CAs by trust domain. */
export type AgentBundles = Readonly<Record<string, string>>;

type Call = grpc.ServerWritableStream<Buffer, Buffer>;
type Method = 'FetchX509SVID' | 'FetchX509Bundles';

export class WorkloadApi {
  readonly #dir = openTempDir('agent');
  #server: grpc.Server | undefined;
  readonly #calls = new Map<Call, Method>();
  #svids: readonly AgentSvid[] = [];
  #bundles: AgentBundles = {};
  #raw: Buffer | undefined;
  #refusal: grpc.status | undefined;
  #silent = false;
  /** Each stream that is opened. */
  readonly opened = new Feed<Method>('streams of the agent');

  /** As it stands in a configuration. */
  get socket(): string {
    return `unix://${this.#dir.file('agent.sock')}`;
  }

  async start(): Promise<this> {
    const server = new grpc.Server();
    const method = (name: Method) => ({
      path: `/SpiffeWorkloadAPI/${name}`,
      requestStream: false,
      responseStream: true,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    });
    server.addService(
      { svid: method('FetchX509SVID'), bundles: method('FetchX509Bundles') },
      {
        svid: (call: Call) => this.#serve(call, 'FetchX509SVID'),
        bundles: (call: Call) => this.#serve(call, 'FetchX509Bundles'),
      },
    );
    const address = `unix:${this.#dir.file('agent.sock')}`;
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
    this.#server = server;
    return this;
  }

  /** At once, with every stream cut; the socket is gone. */
  kill(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
    this.#calls.clear();
    rmSync(this.#dir.file('agent.sock'), { force: true });
  }

  /** From now on, and to everybody who listens. */
  tell({
    svids = this.#svids,
    bundles = this.#bundles,
  }: {
    svids?: readonly AgentSvid[];
    bundles?: AgentBundles;
  }): void {
    this.#svids = svids;
    this.#bundles = bundles;
    this.#raw = undefined;
    this.#refusal = undefined;
    this.#silent = false;
    for (const [call, method] of this.#calls) call.write(this.#message(method));
  }

  /** The same bytes whatever is asked. */
  tellRaw(bytes: Buffer): void {
    this.#raw = bytes;
    for (const call of this.#calls.keys()) call.write(bytes);
  }

  /** Every stream ends with this status, and every new one. */
  refuse(status: grpc.status): void {
    this.#refusal = status;
    for (const call of this.#calls.keys()) call.emit('error', { code: status, details: 'no identity issued' });
    this.#calls.clear();
  }

  /** Streams are opened, and nothing is said on them. */
  fallSilent(): void {
    this.#silent = true;
  }

  get streams(): number {
    return this.#calls.size;
  }

  [Symbol.dispose](): void {
    this.kill();
    this.#dir.remove();
  }

  #serve(call: Call, method: Method): void {
    // The standard: whoever does not say this was made to ask by somebody else.
    const isMarked = call.metadata.get('workload.spiffe.io')[0] === 'true';
    const refusal = isMarked ? this.#refusal : grpc.status.INVALID_ARGUMENT;
    if (refusal !== undefined) {
      call.emit('error', { code: refusal, details: 'no identity issued' });
      return;
    }
    this.#calls.set(call, method);
    call.on('cancelled', () => this.#calls.delete(call));
    this.opened.push(method);
    if (!this.#silent) call.write(this.#message(method));
  }

  #message(method: Method): Buffer {
    if (this.#raw !== undefined) return this.#raw;
    if (method === 'FetchX509Bundles') return bundlesMessage(this.#bundles);
    return Buffer.concat(this.#svids.map((svid) => field(1, svidMessage(svid))));
  }
}

const same = (bytes: Buffer): Buffer => bytes;

function svidMessage({ id, chain, key, bundle, hint = '' }: AgentSvid): Buffer {
  const pkcs8 = createPrivateKey(key).export({ format: 'der', type: 'pkcs8' });
  const parts = [field(1, Buffer.from(id)), field(2, derOf(chain)), field(3, pkcs8), field(4, derOf(bundle))];
  return Buffer.concat(hint === '' ? parts : [...parts, field(5, Buffer.from(hint))]);
}

function bundlesMessage(bundles: AgentBundles): Buffer {
  const entries = Object.entries(bundles).map(([domain, pem]) =>
    field(2, Buffer.concat([field(1, Buffer.from(`spiffe://${domain}`)), field(2, derOf(pem))])),
  );
  return Buffer.concat(entries);
}

function derOf(pem: string): Buffer {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  return Buffer.concat(blocks.map((block) => new X509Certificate(block).raw));
}

/** A field of bytes, as protocol buffers write it. */
export function field(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    bytes.push(rest < 128 ? rest : (rest % 128) | 0x80);
    if (rest < 128) return Buffer.from(bytes);
  }
}
