// The URL of a PostgreSQL database, as libpq knows it: several hosts, a Unix socket, TLS. What is not verified is refused rather than
// taken for verified. No message shows any part of the URL, since anything in it may turn out to be the password.
import { isIP } from 'node:net';
import { resolve } from 'node:path';

export type PostgresAddress = {
  /** Tried one after the other until one takes writes. `host`: a name, an address, or the folder of a Unix socket. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly user: string;
  /** Undefined: the server asks for none (a client certificate, a Unix socket). */
  readonly password: string | undefined;
  readonly database: string;
  readonly tls: PostgresTls;
};

export type PostgresTls =
  | { readonly mode: 'disable' }
  | {
      readonly mode: 'verify-full';
      /** Absolute path of the CAs, or those of the system by name. */
      readonly ca: { readonly path: string } | 'system';
      /** What we show, absolute paths; read at each connection. */
      readonly pair: { readonly cert: string; readonly key: string } | undefined;
    };

export type AddressProblem = { readonly problem: string; readonly hint: string };

const example = 'Write postgres://USER:PASSWORD@HOST:5432/DATABASE?sslrootcert=FILE.';
const defaultPort = 5432;
const parameters = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'host', 'target_session_attrs'] as const;
type Parameter = (typeof parameters)[number];

export function isPostgresUrl(url: string): boolean {
  return /^postgres(ql)?:/i.test(url);
}

/** `folder`: what relative paths are relative to. */
export function parsePostgresUrl(url: string, folder: string): PostgresAddress | AddressProblem {
  const [, credentials, authority = '', path, query] =
    /^postgres(?:ql)?:\/\/(?:([^@/?#]*)@)?([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/i.exec(url) ?? [];
  const given = /^postgres(ql)?:\/\//i.test(url) ? readParameters(query ?? '') : undefined;
  if (given === undefined || authority.includes('@')) {
    const hint = `${example} In user and password write %40 for @, %2F for /, %3A for :, %3F for ?, %23 for #.`;
    return { problem: 'the URL of the database cannot be read', hint };
  }
  if ('problem' in given) return given;
  const hosts = readHosts(authority, given.get('host'));
  if ('problem' in hosts) return hosts;
  const [user, ...password] = (credentials ?? '').split(':');
  const names = { user: decode(user ?? ''), password: decode(password.join(':')), database: decode(path ?? '') };
  if (names.user === undefined || names.password === undefined || names.database === undefined)
    return {
      problem: 'a % in the URL of the database is not followed by two hexadecimal digits',
      hint: 'Write %25 for %.',
    };
  if (names.user === '') return { problem: 'the URL of the database names no user', hint: example };
  if (names.database === '') return { problem: 'the URL names no database', hint: example };
  if (given.has('target_session_attrs') && given.get('target_session_attrs') !== 'read-write')
    return {
      problem: 'target_session_attrs can only be read-write',
      hint: 'Leave it out: of several hosts the one that takes writes is found.',
    };
  const tls = readTls(given, hosts, folder);
  if ('problem' in tls) return tls;
  const { user: name, password: secret, database } = names;
  return { hosts, user: name, password: secret === '' ? undefined : secret, database, tls };
}

function readParameters(query: string): Map<Parameter, string> | AddressProblem {
  const given = new Map<Parameter, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    const known = parameters.find((one) => one === name);
    const hint = `Known are ${parameters.join(', ')}.`;
    if (known === undefined) return { problem: 'the URL of the database has a parameter that is not known', hint };
    if (given.has(known)) return { problem: `the URL of the database has ${known} twice`, hint: 'Write it once.' };
    if (value === '' || value.includes('\0')) return { problem: `${known} in the URL of the database is empty`, hint };
    given.set(known, value);
  }
  return given;
}

function readHosts(authority: string, socket: string | undefined): PostgresAddress['hosts'] | AddressProblem {
  const written = authority === '' ? [] : authority.split(',');
  if (socket !== undefined) {
    if (written.length > 0 || !socket.startsWith('/'))
      return {
        problem: 'host= in the URL of the database must be the folder of a Unix socket, and the only host',
        hint: 'Write postgres://USER@/DATABASE?host=/run/postgresql, or the host before the /.',
      };
    return [{ host: socket, port: defaultPort }];
  }
  if (written.length === 0) return { problem: 'the URL of the database names no host', hint: example };
  const hosts: { host: string; port: number }[] = [];
  for (const text of written) {
    const [, v6, name, portText] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::([0-9]+))?$/.exec(text) ?? [];
    const host = v6 ?? decode(name ?? '');
    const port = portText === undefined ? defaultPort : Number(portText);
    const isHost =
      host !== undefined && (isIP(host) !== 0 || /^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})$/.test(host) || isSocket(host));
    if (!isHost || port < 1 || port > 65_535)
      return {
        problem: `host ${hosts.length + 1} in the URL of the database is no host name or address with a port from 1 to 65535`,
        hint: 'Write HOST, HOST:PORT or [IPV6]:PORT, several with commas. In user and password write %40 for @ and %2F for /.',
      };
    hosts.push({ host, port });
  }
  return hosts;
}

function readTls(
  given: ReadonlyMap<Parameter, string>,
  hosts: PostgresAddress['hosts'],
  folder: string,
): PostgresTls | AddressProblem {
  const isHere = hosts.every(({ host }) => isSocket(host) || isOwnMachine(host));
  const mode = given.get('sslmode') ?? (isHere && !given.has('sslrootcert') ? 'disable' : 'verify-full');
  const [ca, cert, key] = [given.get('sslrootcert'), given.get('sslcert'), given.get('sslkey')];
  if (mode === 'disable') {
    if (ca === undefined && cert === undefined && key === undefined) return { mode };
    return {
      problem: 'sslrootcert, sslcert and sslkey mean nothing with sslmode=disable',
      hint: 'Write sslmode=verify-full.',
    };
  }
  if (mode !== 'verify-full')
    return {
      problem: 'sslmode must be verify-full or disable: all others let somebody in between stand for the database',
      hint: 'Write sslmode=verify-full&sslrootcert=FILE.',
    };
  if (hosts.some(({ host }) => isSocket(host)))
    return { problem: 'there is no TLS over a Unix socket', hint: 'Leave sslmode out.' };
  if (ca === undefined)
    return {
      problem: 'the URL does not say which CA has certified the database',
      hint: 'Write sslrootcert=FILE with its CA, sslrootcert=system for those of the system; for plaintext sslmode=disable.',
    };
  if ((cert === undefined) !== (key === undefined))
    return { problem: 'sslcert and sslkey belong together', hint: 'Write both, or none.' };
  const pair =
    cert === undefined || key === undefined ? undefined : { cert: resolve(folder, cert), key: resolve(folder, key) };
  return { mode, ca: ca === 'system' ? 'system' : { path: resolve(folder, ca) }, pair };
}

function isSocket(host: string): boolean {
  return host.startsWith('/');
}

function isOwnMachine(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** Undefined where a % is followed by no byte, or it is no text. */
function decode(text: string): string | undefined {
  try {
    const decoded = decodeURIComponent(text);
    return decoded.includes('\0') ? undefined : decoded;
  } catch {
    return undefined;
  }
}
