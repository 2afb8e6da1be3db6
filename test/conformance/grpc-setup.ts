// gRPC with its own implementation for Node on both ends, without generated code: messages are bytes, what the methods do is theirs.
// Beside it a backend of plain HTTP/2 frames for what no server of gRPC does by itself.
import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import grpc from '@grpc/grpc-js';
import type { Pki } from '../support/pki.ts';
import { Feed } from '../support/wait-for.ts';

const same = (bytes: Buffer): Buffer => bytes;

const method = (path: string, requestStream: boolean, responseStream: boolean) => ({
  path,
  requestStream,
  responseStream,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
});

const services = [
  'test.Echo',
  'test.Denied',
  'test.Certified',
  'test.Small',
  'test.Slow',
  'test.Idle',
  'test.Maintained',
];
const kinds = (service: string) => ({
  unary: method(`/${service}/Unary`, false, false),
  upload: method(`/${service}/Upload`, true, false),
  download: method(`/${service}/Download`, false, true),
  chat: method(`/${service}/Chat`, true, true),
  fail: method(`/${service}/Fail`, false, false),
  hang: method(`/${service}/Hang`, false, false),
  cut: method(`/${service}/Cut`, false, true),
  lazy: method(`/${service}/Lazy`, true, false),
});

/** Message that `Download` sends again and again. */
export const block = Buffer.alloc(65_536, 'b');
export const blocks = 128;

/** What the server of gRPC saw. */
export type Seen = {
  readonly hanging: Feed<grpc.ServerUnaryCall<Buffer, Buffer>>;
  readonly cancelled: Feed<string>;
  /** Blocks of the last `Download` that went out. */
  sent: number;
  /** Ends the wait of `Lazy`, which reads nothing before. */
  readonly wake: PromiseWithResolvers<undefined>;
};

export async function startGrpcBackend(pki: Pki) {
  const seen: Seen = {
    hanging: new Feed('hanging calls'),
    cancelled: new Feed('cancelled calls'),
    sent: 0,
    wake: Promise.withResolvers<undefined>(),
  };
  const credentials = grpc.ServerCredentials.createSsl(
    Buffer.from(pki.internal.certPem),
    [{ private_key: Buffer.from(pki.backend.keyPem), cert_chain: Buffer.from(pki.backend.chainPem) }],
    true,
  );
  const server = new grpc.Server({ 'grpc.max_receive_message_length': -1 });
  for (const service of services) server.addService(kinds(service), makeHandlers(seen));
  // The health service of gRPC is one like any other: SERVING is field 1 with value 1.
  const health = {
    check: method('/grpc.health.v1.Health/Check', false, false),
    watch: method('/grpc.health.v1.Health/Watch', false, true),
  };
  server.addService(health, {
    check: (_call: unknown, done: grpc.sendUnaryData<Buffer>) => done(null, Buffer.from([8, 1])),
    watch: (call: grpc.ServerWritableStream<Buffer, Buffer>) => void call.write(Buffer.from([8, 1])),
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('localhost:0', credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  return { port, seen, stop: () => server.forceShutdown() };
}

function makeHandlers(seen: Seen): grpc.UntypedServiceImplementation {
  const trailers = (): grpc.Metadata => {
    const metadata = new grpc.Metadata();
    metadata.set('x-after', 'the last word');
    metadata.set('x-after-bin', Buffer.from([0, 255, 10]));
    return metadata;
  };
  /** What the client said, said back. */
  const greet = (call: { readonly metadata: grpc.Metadata; sendMetadata(metadata: grpc.Metadata): void }): void => {
    const metadata = new grpc.Metadata();
    for (const name of ['x-before', 'x-before-bin', 'x-forwarded-client-cert', 'te'])
      for (const value of call.metadata.get(name))
        metadata.add(name.endsWith('-bin') ? 'x-got-bin' : `x-got-${name}`, value);
    call.sendMetadata(metadata);
  };
  return {
    unary: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
      greet(call);
      done(null, call.request, trailers());
    },
    upload: (call: grpc.ServerReadableStream<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
      // Who says something before is answered with a head at once.
      if (call.metadata.get('x-before').length > 0) greet(call);
      let length = 0;
      call.on('data', (piece: Buffer) => (length += piece.length));
      call.on('end', () => done(null, Buffer.from(String(length)), trailers()));
    },
    download: (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
      greet(call);
      seen.sent = 0;
      const more = (): void => {
        while (seen.sent < blocks) {
          seen.sent += 1;
          if (!call.write(block)) return void call.once('drain', more);
        }
        call.end(trailers());
      };
      more();
    },
    chat: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
      greet(call);
      call.on('data', (piece: Buffer) => call.write(piece));
      call.on('end', () => call.end(trailers()));
      call.on('cancelled', () => seen.cancelled.push('chat'));
    },
    fail: (_call: unknown, done: grpc.sendUnaryData<Buffer>) =>
      done({ code: grpc.status.FAILED_PRECONDITION, details: 'not “now”: 100 %', metadata: trailers() }),
    hang: (call: grpc.ServerUnaryCall<Buffer, Buffer>) => {
      call.on('cancelled', () => seen.cancelled.push('hang'));
      seen.hanging.push(call);
    },
    cut: (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
      call.write(Buffer.from('one'));
      call.emit('error', { code: grpc.status.DATA_LOSS, details: 'lost', metadata: trailers() });
    },
    lazy: (call: grpc.ServerReadableStream<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
      let length = 0;
      call.on('end', () => done(null, Buffer.from(String(length))));
      void seen.wake.promise.then(() => call.on('data', (piece: Buffer) => (length += piece.length)));
    },
  };
}

/** A stream at the backend of plain frames; `attempt` counts the streams for its path. */
export type RawStream = {
  readonly stream: http2.ServerHttp2Stream;
  readonly attempt: number;
};

/** A backend that does with each stream what `act` says. */
export async function startRawBackend(pki: Pki, act: (path: string, raw: RawStream) => void) {
  const attempts = new Map<string, number>();
  const sessions = new Set<http2.ServerHttp2Session>();
  const server = http2.createSecureServer({
    cert: pki.backend.chainPem,
    key: pki.backend.keyPem,
    ca: pki.internal.certPem,
    requestCert: true,
    rejectUnauthorized: true,
  });
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => undefined);
  });
  server.on('stream', (stream: http2.ServerHttp2Stream, fields: http2.IncomingHttpHeaders) => {
    const path = String(fields[':path']);
    const attempt = (attempts.get(path) ?? 0) + 1;
    attempts.set(path, attempt);
    stream.on('error', () => undefined);
    act(path, { stream, attempt });
  });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const stop = (): void => {
    for (const session of sessions) session.destroy();
    server.close();
  };
  return { port, attempts, stop };
}

/** One message as gRPC frames it. */
export function framed(text: string): Buffer {
  const message = Buffer.from(text);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** How a call ended. */
export type Outcome = {
  readonly code: grpc.status;
  readonly details: string;
  /** Of the gateway's own answers. */
  readonly fault: string | undefined;
  readonly trailers: grpc.Metadata;
  readonly head: grpc.Metadata | undefined;
  readonly messages: readonly Buffer[];
};

/** Calls through the edge at `port`, by the bytes of messages. */
export class GrpcClient {
  readonly #client: grpc.Client;

  constructor(port: number, ca: string, identity?: { readonly keyPem: string; readonly chainPem: string }) {
    const key = identity === undefined ? null : Buffer.from(identity.keyPem);
    const cert = identity === undefined ? null : Buffer.from(identity.chainPem);
    this.#client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createSsl(Buffer.from(ca), key, cert), {
      'grpc.ssl_target_name_override': 'localhost',
      'grpc.default_authority': 'localhost',
      'grpc.max_receive_message_length': -1,
      'grpc.enable_retries': 0,
    });
  }

  close(): void {
    this.#client.close();
  }

  /** `unary` with one message, or any other call that answers with one. */
  async unary(path: string, message: string | Buffer, options: grpc.CallOptions = {}, metadata = new grpc.Metadata()) {
    let reply: Buffer | undefined;
    const call = this.#client.makeUnaryRequest(
      path,
      same,
      same,
      Buffer.from(message),
      metadata,
      options,
      (_error, value) => {
        reply = value;
      },
    );
    return outcomeOf(call, () => (reply === undefined ? [] : [reply]));
  }

  /** A unary call that is still going on. */
  begin(path: string, options: grpc.CallOptions = {}) {
    const call = this.#client.makeUnaryRequest(
      path,
      same,
      same,
      Buffer.from('?'),
      new grpc.Metadata(),
      options,
      () => undefined,
    );
    return { call, outcome: outcomeOf(call, () => []) };
  }

  upload(path: string, metadata = new grpc.Metadata()) {
    let reply: Buffer | undefined;
    const call = this.#client.makeClientStreamRequest(
      path,
      same,
      same,
      metadata,
      (_error: grpc.ServiceError | null, value?: Buffer) => {
        reply = value;
      },
    );
    return { call, outcome: outcomeOf(call, () => (reply === undefined ? [] : [reply])) };
  }

  /** Nothing is read before `read`. */
  download(path: string, metadata = new grpc.Metadata()) {
    const call = this.#client.makeServerStreamRequest(path, same, same, Buffer.from('?'), metadata);
    return reading(call);
  }

  chat(path: string, metadata = new grpc.Metadata(), options: grpc.CallOptions = {}) {
    const call = this.#client.makeBidiStreamRequest(path, same, same, metadata, options);
    return reading(call);
  }
}

function reading<C extends grpc.ClientReadableStream<Buffer> | grpc.ClientDuplexStream<Buffer, Buffer>>(call: C) {
  const messages = new Feed<Buffer>('messages');
  const all: Buffer[] = [];
  // The outcome says it all.
  call.on('error', () => undefined);
  const outcome = outcomeOf(call, () => all);
  const read = (): void => {
    call.on('data', (piece: Buffer) => {
      all.push(piece);
      messages.push(piece);
    });
  };
  return { call, outcome, messages, read };
}

async function outcomeOf(call: Pick<grpc.ClientUnaryCall, 'on'>, messages: () => readonly Buffer[]): Promise<Outcome> {
  let head: grpc.Metadata | undefined;
  call.on('metadata', (metadata: grpc.Metadata) => (head = metadata));
  const status = await new Promise<grpc.StatusObject>((resolve) => void call.on('status', resolve));
  const fault = status.metadata.get('countersign-fault')[0];
  return {
    code: status.code,
    details: status.details,
    fault: fault === undefined ? undefined : String(fault),
    trailers: status.metadata,
    head,
    messages: messages(),
  };
}
