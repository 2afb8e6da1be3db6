// The way to a server up to TCP: addresses of its name, then one address after the other under the deadline of the whole,
// so that it can be told which one answered and what became of those before it.
import { lookup } from 'node:dns';
import net from 'node:net';
import type { Clock } from '../base/clock.ts';
import { plainAddress } from '../base/address-set.ts';
import { writeProxyHeader } from '../proxy-protocol/writer.ts';

export type Failure = { readonly raw: string; readonly message: string };

export type Resolved = { readonly addresses: readonly string[]; readonly failure: Failure | undefined };

export type Attempt = { readonly address: string; readonly failure: Failure | undefined };

export type Connected = {
  readonly attempts: readonly Attempt[];
  /** undefined where no address answered. Has no listeners. */
  readonly socket: net.Socket | undefined;
  readonly durationMs: number;
};

/** `raw` of a wait that took too long. */
export const deadlineRaw = 'deadline';

/** One deadline for everything; `left()` is never negative. */
export class TimeLeft {
  readonly clock: Clock;
  readonly #end: number;

  constructor(clock: Clock, totalMs: number) {
    this.clock = clock;
    this.#end = clock.monotonic() + totalMs;
  }

  left(): number {
    return Math.max(0, this.#end - this.clock.monotonic());
  }
}

const maxAddresses = 16;

/** The addresses as the resolver of this machine orders them. Never rejects. */
export function resolveHost(host: string, time: TimeLeft): Promise<Resolved> {
  return new Promise((resolve) => {
    const cancel = time.clock.after(time.left(), () =>
      resolve({ addresses: [], failure: { raw: deadlineRaw, message: 'the resolver did not answer in time' } }),
    );
    lookup(host, { all: true }, (error, found) => {
      cancel();
      if (error !== null) resolve({ addresses: [], failure: failureOf(error) });
      else resolve({ addresses: found.slice(0, maxAddresses).map(({ address }) => address), failure: undefined });
    });
  });
}

/** Version of the PROXY protocol whose header goes first, with the addresses of the connection itself; undefined: none. */
export type ProxyVersion = 1 | 2 | undefined;

/** Tries each address until one accepts; each gets its share of what is left. Never rejects. */
export async function connectFirst(
  addresses: readonly string[],
  port: number,
  time: TimeLeft,
  proxyProtocol: ProxyVersion,
): Promise<Connected> {
  const attempts: Attempt[] = [];
  for (const [index, address] of addresses.entries()) {
    const startedAt = time.clock.monotonic();
    const result = await connectTo(address, port, time.left() / (addresses.length - index), time.clock);
    attempts.push({ address, failure: result instanceof net.Socket ? undefined : result });
    const durationMs = time.clock.monotonic() - startedAt;
    if (result instanceof net.Socket) {
      if (proxyProtocol !== undefined) result.write(headerOf(result, proxyProtocol));
      return { attempts, socket: result, durationMs };
    }
  }
  return { attempts, socket: undefined, durationMs: 0 };
}

function headerOf({ localAddress, localPort, remoteAddress, remotePort }: net.Socket, version: 1 | 2): Buffer {
  // One that is gone already has none; what is sent makes no difference then.
  if (localAddress === undefined || remoteAddress === undefined) return writeProxyHeader(version, undefined);
  return writeProxyHeader(version, {
    source: { address: plainAddress(localAddress), port: localPort ?? 0 },
    destination: { address: plainAddress(remoteAddress), port: remotePort ?? 0 },
  });
}

function connectTo(address: string, port: number, limitMs: number, clock: Clock): Promise<net.Socket | Failure> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: address, port, noDelay: true });
    const settle = (result: net.Socket | Failure): void => {
      cancel();
      socket.removeAllListeners();
      if (result === socket) return resolve(result);
      socket.on('error', () => undefined);
      socket.destroy();
      resolve(result);
    };
    const cancel = clock.after(limitMs, () =>
      settle({ raw: deadlineRaw, message: `no answer within ${Math.round(limitMs)} ms` }),
    );
    socket.once('connect', () => settle(socket));
    socket.once('error', (error) => settle(failureOf(error)));
  });
}

/** Code and message of an error. */
export function failureOf(error: Error): Failure {
  const { code } = error as NodeJS.ErrnoException;
  return { raw: typeof code === 'string' ? code : error.message.slice(0, 120), message: error.message.slice(0, 300) };
}
