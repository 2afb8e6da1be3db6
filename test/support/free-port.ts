// Ports for what cannot bind to port 0 and tell, and for addresses at which nobody answers. Ours bind to 0.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';

/** Ports of a block: one is handed out again after so many others. */
const BLOCK = 128;
/** Above what browsers refuse to call (10080 is the highest), and below where Linux begins to choose by itself. */
const LOWEST = 10_240;
const HIGHEST = 65_535;
/** Where the system does not say what it chooses from (ip(7), ip_local_port_range). */
const usualRange = [32_768, 60_999] as const;

/**
 * A port that nobody listens on at any address of IPv4, and that nobody gets by chance: the system gives it to no socket that binds to
 * port 0 or connects, and each process of tests takes its ports from a block of its own.
 */
export async function findFreePort(): Promise<number> {
  const ports = await (own ??= claimBlock());
  for (let tries = 0; tries < BLOCK; tries += 1) {
    const port = ports.first + 1 + (ports.next++ % (BLOCK - 1));
    const server = await listen(port);
    if (server === undefined) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
  throw new Error(`all ports from ${ports.first} on are taken: does a test leave servers behind?`);
}

type Block = { readonly first: number; next: number };

let own: Promise<Block> | undefined;

/** A block is ours while we listen on its first port. */
async function claimBlock(): Promise<Block> {
  const firsts = blocksOutside(systemRange());
  const from = Math.floor(Math.random() * firsts.length);
  for (const first of [...firsts.slice(from), ...firsts.slice(0, from)]) {
    const server = await listen(first);
    if (server === undefined) continue;
    server.unref();
    return { first, next: 0 };
  }
  throw new Error('no block of ports is free');
}

/** First ports of all blocks that do not touch `range`; of all there are, where that leaves none. */
function blocksOutside([low, high]: readonly [number, number]): number[] {
  const all = Array.from({ length: Math.floor((HIGHEST + 1 - LOWEST) / BLOCK) }, (_, at) => LOWEST + at * BLOCK);
  const outside = all.filter((first) => first + BLOCK <= low || first > high);
  return outside.length === 0 ? all : outside;
}

function systemRange(): readonly [number, number] {
  try {
    const [low, high] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1')
      .trim()
      .split(/\s+/)
      .map(Number);
    return [low ?? usualRange[0], high ?? usualRange[1]];
  } catch {
    return usualRange;
  }
}

/** Undefined where the port is taken, at whatever address. */
async function listen(port: number): Promise<Server | undefined> {
  const server = createServer().listen({ port, host: '0.0.0.0', exclusive: true });
  try {
    await once(server, 'listening');
    return server;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return undefined;
    throw error;
  }
}

/** True where something accepts TCP connections on 127.0.0.1:`port`. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
