// Backend endpoints: `http://host[:port][/base]`. Parsed by our own grammar, not by a URL class that repairs what it
// reads: what is unclear is refused (Goma's rules: scheme and host required, no trailing slash).
import { isIP } from 'node:net';
import { parseHostName } from './host-name.ts';

export type Endpoint = {
  readonly scheme: 'http' | 'https';
  /** Lower case, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** '' or '/base', no trailing slash. */
  readonly basePath: string;
};

export type EndpointReading = Endpoint | { readonly problem: string; readonly hint: string };

export function parseEndpoint(text: string): EndpointReading {
  const example = 'Write it as https://host:port or http://host:port/base.';
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)(.*)$/s.exec(text);
  if (match === null) return { problem: 'the endpoint is not a URL with scheme and host', hint: example };
  const [, rawScheme = '', authority = '', path = '', rest = ''] = match;
  const scheme = rawScheme.toLowerCase();
  if (scheme !== 'http' && scheme !== 'https')
    return { problem: `the scheme "${scheme}" is not supported`, hint: example };
  if (authority.includes('@'))
    return { problem: 'the endpoint carries a user name or password', hint: 'Remove what stands before the @.' };
  if (rest !== '')
    return { problem: 'the endpoint has a query or a fragment', hint: 'Remove what stands from ? or # on.' };
  if (path.endsWith('/')) return { problem: 'the endpoint ends in a slash', hint: 'Remove the slash at the end.' };
  if (path !== '' && !isBasePath(path))
    return { problem: 'the path of the endpoint is not usable', hint: 'No spaces, no empty, `.` or `..` segments.' };
  const parts = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(authority);
  if (parts === null) return { problem: 'host or port of the endpoint is not legal', hint: example };
  const host = readHost(parts[1] ?? '');
  if (typeof host !== 'string') return host;
  const port = parts[2] === undefined ? (scheme === 'https' ? 443 : 80) : parsePort(parts[2]);
  if (port === undefined || port === 0)
    return { problem: 'the port of the endpoint is not between 1 and 65535', hint: example };
  return { scheme, host, port, basePath: path };
}

/** 0 to 65535 in plain decimal. */
export function parsePort(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined;
}

function readHost(text: string): string | { problem: string; hint: string } {
  if (text === '') return { problem: 'the endpoint has no host', hint: 'Write it as https://host:port.' };
  if (text.startsWith('[')) {
    const address = text.slice(1, -1);
    return isIP(address) === 6 && !address.includes('%')
      ? address.toLowerCase()
      : {
          problem: 'the IPv6 address of the endpoint is not legal',
          hint: 'Write it as https://[2001:db8::1]:8443, without a zone.',
        };
  }
  if (isIP(text) === 4) return text;
  const name = parseHostName(text);
  return 'host' in name ? name.host : { problem: `the host of the endpoint: ${name.problem}`, hint: name.hint };
}

function isBasePath(path: string): boolean {
  if (!/^(?:\/[A-Za-z0-9\-._~!$&'()*+,;=:@%]+)+$/.test(path) || /%(?![0-9A-Fa-f]{2})/.test(path)) return false;
  return !path.split('/').some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment));
}
