// The first two steps: the addresses of a name, and the one of them that accepts.
import type { Socket } from 'node:net';
import { type FaultCode, faultTable } from '../base/fault.ts';
import { isIpLiteral } from '../base/host.ts';
import {
  type Connected,
  connectFirst,
  deadlineRaw,
  type Failure,
  type ProxyVersion,
  type resolveHost,
  type TimeLeft,
} from './connect.ts';
import { broken, passed, type Step } from './step.ts';

export type Place = { readonly host: string; readonly port: number; readonly proxyProtocol?: ProxyVersion };

export type Reached = {
  /** Steps dns and tcp, up to the one that broke. */
  readonly steps: readonly Step[];
  /** The last that was tried. */
  readonly address: string | undefined;
  /** undefined where a step broke. `socket` has no listeners. */
  readonly connected: { readonly socket: Socket; readonly durationMs: number } | undefined;
};

/** Never rejects. */
export async function reach(place: Place, time: TimeLeft, resolve: typeof resolveHost): Promise<Reached> {
  const resolved = isIpLiteral(place.host)
    ? { addresses: [place.host], failure: undefined }
    : await resolve(place.host, time);
  const dns = verifyDns(place, resolved.addresses, resolved.failure);
  if (dns.status === 'failed') return { steps: [dns], address: undefined, connected: undefined };
  const found = await connectFirst(resolved.addresses, place.port, time, place.proxyProtocol);
  const { socket, durationMs } = found;
  const address = found.attempts.at(-1)?.address;
  const connected = socket && { socket, durationMs };
  return { steps: [dns, verifyTcp(place, found)], address, connected };
}

function verifyDns({ host }: Place, addresses: readonly string[], failure: Failure | undefined): Step {
  if (failure === undefined && addresses.length > 0)
    return passed('dns', isIpLiteral(host) ? `${host} is an address` : `${host} is ${addresses.join(', ')}`);
  const raw = failure?.raw ?? '';
  const cause = raw === deadlineRaw ? 'the resolver did not answer in time' : `${host} does not resolve`;
  return broken('dns', host, { code: raw === deadlineRaw ? 'timeout' : 'dns', cause, raw });
}

const tcpCodes: Readonly<Record<string, FaultCode>> = {
  ECONNREFUSED: 'refused',
  ETIMEDOUT: 'timeout',
  [deadlineRaw]: 'timeout',
};

function verifyTcp({ port, proxyProtocol }: Place, { attempts, socket, durationMs }: Connected): Step {
  const failed = attempts.flatMap(({ address, failure }) => (failure === undefined ? [] : [{ address, failure }]));
  const notes = failed.map(({ address, failure }) => `${address} did not accept: ${failure.raw}`);
  const last = attempts.at(-1)?.address ?? '';
  if (socket !== undefined) {
    const which = last.includes(':') ? `[${last}]` : last;
    const header = proxyProtocol === undefined ? [] : [`a PROXY header of version ${proxyProtocol} was sent first`];
    const text = `connected to ${which}:${port} in ${Math.max(1, Math.round(durationMs))} ms`;
    return passed('tcp', text, [...notes, ...header]);
  }
  const raw = failed.at(-1)?.failure.raw ?? '';
  const code = tcpCodes[raw] ?? 'unreachable';
  const why = { refused: 'nothing listens there', timeout: 'no answer' }[code as string] ?? faultTable[code].title;
  const cause =
    attempts.length === 1
      ? `${last} port ${port}: ${why}`
      : `none of ${attempts.length} addresses accepts at port ${port}, the last with: ${why}`;
  return broken('tcp', `port ${port}`, { code, cause, raw }, attempts.length === 1 ? [] : notes);
}
