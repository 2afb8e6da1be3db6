// What stands between two ends of TCP connections and can fail as networks do: refuse and reset, or swallow everything without a word.
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { findFreePort } from './free-port.ts';

export type TcpProxy = AsyncDisposable & {
  readonly port: number;
  /** Connections that are open. */
  readonly open: () => number;
  /** All connections are reset, and new ones as soon as they come. */
  cut(): void;
  /** Nothing goes through any more, in either direction, and nobody is told; new connections are accepted and hear nothing. */
  swallow(): void;
  /** Passes on again. What was swallowed is lost, so its connections are reset. */
  restore(): void;
};

/** Passes connections on to 127.0.0.1:`target`. */
export async function startTcpProxy(target: number): Promise<TcpProxy> {
  let mode: 'pass' | 'cut' | 'swallow' = 'pass';
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    return socket;
  };
  const reset = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  const server = createServer((near) => {
    keep(near);
    if (mode === 'cut') near.resetAndDestroy();
    if (mode === 'swallow') near.resume();
    if (mode !== 'pass') return;
    const far = keep(connect(target, '127.0.0.1'));
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (bytes: Buffer) => {
        if (mode === 'pass') to.write(bytes);
      });
      from.on('close', () => {
        if (mode !== 'swallow') to.destroy();
      });
    }
  });
  server.listen(await findFreePort(), '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    port,
    open: () => sockets.size,
    cut: () => {
      mode = 'cut';
      reset();
    },
    swallow: () => {
      mode = 'swallow';
    },
    restore: () => {
      mode = 'pass';
      reset();
    },
    async [Symbol.asyncDispose]() {
      reset();
      server.close();
      await once(server, 'close');
    },
  };
}
