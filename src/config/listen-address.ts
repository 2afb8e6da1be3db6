// Addresses to listen on, as Goma writes them: `:8080`, `[::]:8443`, `127.0.0.1:9901`.
import { isIP } from 'node:net';
import { parsePort } from './endpoint.ts';

/** `host` is '' for every address of the machine, else an IP address without brackets. Port 0: chosen by the system. */
export function parseListenAddress(text: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d+)$/.exec(text);
  const port = parsePort(match?.[3] ?? '');
  if (match === null || port === undefined) return undefined;
  const [, six, four = ''] = match;
  if (six !== undefined) return isIP(six) === 6 ? { host: six.toLowerCase(), port } : undefined;
  return four === '' || isIP(four) === 4 ? { host: four, port } : undefined;
}

/** True for addresses that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
