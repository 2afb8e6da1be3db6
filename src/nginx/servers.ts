// The server blocks of an nginx configuration, and which of them answers where: addresses, default servers, names.
import type { Directive } from './directive.ts';
import { words } from './directive.ts';
import type { Ledger } from './ledger.ts';
import { Scope } from './scope.ts';

export type Listen = {
  /** `:443`, `127.0.0.1:8443`. */
  readonly address: string;
  readonly port: number;
  readonly tls: boolean;
  readonly isDefault: boolean;
  readonly proxyProtocol: boolean;
  readonly directive: Directive;
};

export type Server = {
  readonly directive: Directive;
  readonly scope: Scope;
  readonly listens: readonly Listen[];
  /** As in ServerNames. */
  readonly names: ServerNames;
};

export type ServerNames = {
  /** Lower case. */
  readonly exact: readonly string[];
  /** `*.example.com`. */
  readonly wildcards: readonly string[];
  /** Regular expressions, `www.example.*`: what has no counterpart. */
  readonly others: readonly string[];
};

/** An address that is listened on. */
export type Entry = {
  readonly address: string;
  readonly port: number;
  readonly tls: boolean;
  readonly proxyProtocol: boolean;
  readonly servers: readonly Server[];
  readonly defaultServer: Server;
  /** Its name here: `web`, `webSecure`, `tls8443`. */
  readonly name: string;
};

export function readServer(directive: Directive, http: Scope, ledger: Ledger): Server {
  const scope = new Scope(directive.block ?? [], http);
  ledger.taken(directive, 'routes of its names');
  for (const old of scope.own('ssl')) ledger.taken(old, 'TLS on every address of the server');
  const listens = scope.own('listen').flatMap((listen) => readListen(listen, scope, ledger) ?? []);
  const written = scope.own('listen').length > 0;
  const fallback = {
    address: ':80',
    port: 80,
    tls: isOn(scope, 'ssl'),
    isDefault: false,
    proxyProtocol: false,
    directive,
  };
  return { directive, scope, listens: written ? listens : [fallback], names: readNames(scope, ledger) };
}

export function isOn(scope: Scope, name: string): boolean {
  const directive = scope.last(name);
  return directive !== undefined && words(directive)[0] === 'on';
}

const socketWords =
  /^(?:reuseport|deferred|bind|ipv6only=(?:on|off)|backlog=\d+|rcvbuf=\w+|sndbuf=\w+|setfib=\d+|fastopen=\d+|so_keepalive=\S+|accept_filter=\w+|multipath|http2|spdy)$/;

function readListen(directive: Directive, scope: Scope, ledger: Ledger): Listen | undefined {
  const [where = '', ...params] = words(directive);
  if (where.startsWith('unix:')) {
    ledger.loses('listener_left_out', directive, 'the gateway does not listen on Unix sockets');
    return undefined;
  }
  const parsed = parseAddress(where);
  if (parsed === undefined) {
    ledger.loses('listener_left_out', directive, 'not an address of numbers: names are not looked up to listen on');
    return undefined;
  }
  if (params.includes('quic') || params.includes('http3')) {
    ledger.left(directive, 'HTTP/3 is not spoken');
    return undefined;
  }
  const known = new Set(['ssl', 'default_server', 'default', 'proxy_protocol']);
  const strange = params.filter((param) => !known.has(param) && !socketWords.test(param));
  if (strange.length > 0) ledger.loses('unknown_field', directive, `${strange.join(', ')} is not known`);
  return {
    ...parsed,
    tls: params.includes('ssl') || isOn(scope, 'ssl'),
    isDefault: params.includes('default_server') || params.includes('default'),
    proxyProtocol: params.includes('proxy_protocol'),
    directive,
  };
}

/** `80`, `*:80`, `[::]:80`, `127.0.0.1`, `localhost:8080`. */
function parseAddress(text: string): { address: string; port: number } | undefined {
  const match = /^(?:(\[[0-9A-Fa-f:.]+\]|\*|\d+\.\d+\.\d+\.\d+|localhost)(?::(\d+))?|(\d+))$/.exec(text);
  if (match === null) return undefined;
  const [, host = '*', behind, alone] = match;
  const port = Number(behind ?? alone ?? 80);
  if (port < 1 || port > 65_535) return undefined;
  const isEvery = host === '*' || host === '0.0.0.0' || host === '[::]';
  return { address: `${isEvery ? '' : host === 'localhost' ? '127.0.0.1' : host}:${port}`, port };
}

function readNames(scope: Scope, ledger: Ledger): ServerNames {
  const exact = new Set<string>();
  const wildcards = new Set<string>();
  const others = new Set<string>();
  for (const directive of scope.own('server_name')) {
    for (const written of words(directive)) {
      const name = written.toLowerCase().replace(/\.$/, '');
      if (written.startsWith('~')) others.add(written);
      else if (name.startsWith('*.') && isHost(name.slice(2))) wildcards.add(name);
      else if (name.startsWith('.') && isHost(name.slice(1))) {
        exact.add(name.slice(1));
        wildcards.add(`*${name}`);
      } else if (isHost(name)) exact.add(name);
      else if (name.endsWith('.*')) others.add(written);
      // `_`, `""`, `$hostname`: names that no client sends, or that this machine alone knows.
      else if (name === '$hostname') others.add(written);
    }
    ledger.taken(directive, 'hosts');
  }
  return { exact: [...exact], wildcards: [...wildcards], others: [...others] };
}

function isHost(name: string): boolean {
  return /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/.test(name);
}

/** By address, those for plain HTTP first. */
export function listEntries(servers: readonly Server[], ledger: Ledger): Entry[] {
  const byAddress = new Map<string, { listen: Listen; server: Server }[]>();
  for (const server of servers)
    for (const listen of server.listens) {
      const list = byAddress.get(listen.address) ?? [];
      if (!list.some((one) => one.server === server)) list.push({ listen, server });
      byAddress.set(listen.address, list);
    }
  const found = [...byAddress.values()].map((list) => entryOf(list));
  const names = nameEntries(found);
  const entries = found.map((entry) => ({ ...entry, name: names.get(entry) ?? '' }));
  for (const server of servers)
    for (const { directive, address } of server.listens) {
      const entry = entries.find((one) => one.address === address);
      if (entry !== undefined && directive.name === 'listen')
        ledger.taken(directive, `gateway.entryPoints, ${entry.name}`);
    }
  return entries;
}

function entryOf(list: readonly { listen: Listen; server: Server }[]): Omit<Entry, 'name'> {
  const first = list[0] as { listen: Listen; server: Server };
  const { listen, server } = list.find((one) => one.listen.isDefault) ?? first;
  return {
    address: listen.address,
    port: listen.port,
    tls: list.some((one) => one.listen.tls),
    proxyProtocol: list.some((one) => one.listen.proxyProtocol),
    servers: list.map((one) => one.server),
    defaultServer: server,
  };
}

function nameEntries(entries: readonly Omit<Entry, 'name'>[]): Map<Omit<Entry, 'name'>, string> {
  const names = new Map<Omit<Entry, 'name'>, string>();
  for (const tls of [false, true]) {
    const some = entries.filter((entry) => entry.tls === tls);
    const main = some.find(({ port }) => port === (tls ? 443 : 80)) ?? some[0];
    for (const entry of some) {
      const taken = new Set(names.values());
      const wanted = entry === main ? (tls ? 'webSecure' : 'web') : `${tls ? 'tls' : 'http'}${entry.port}`;
      let name = wanted;
      for (let n = 2; taken.has(name); n++) name = `${wanted}-${n}`;
      names.set(entry, name);
    }
  }
  return names;
}
