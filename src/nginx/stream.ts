// `stream`: TCP ports that pass on what they read unread, and TLS that is told apart by server name (`ssl_preread`).
import type { DraftMap } from '../import/draft.ts';
import { type Directive, firstWord, words } from './directive.ts';
import type { Ledger } from './ledger.ts';
import { readMaps, type VariableMap } from './maps.ts';
import { Scope } from './scope.ts';
import { readUpstreams, type Upstream } from './upstreams.ts';

export function readForwards(stream: Directive, ledger: Ledger): DraftMap[] {
  const scope = new Scope(stream.block ?? []);
  ledger.taken(stream, 'gateway.entryPoints.passThrough');
  const upstreams = readUpstreams(scope.directives, ledger);
  const maps = readMaps(scope.directives);
  return scope.own('server').flatMap((server) => forwardsOf(server, scope, upstreams, maps, ledger));
}

function forwardsOf(
  directive: Directive,
  around: Scope,
  upstreams: ReadonlyMap<string, Upstream>,
  maps: ReadonlyMap<string, VariableMap>,
  ledger: Ledger,
): DraftMap[] {
  const scope = new Scope(directive.block ?? [], around);
  const lose = (at: Directive, says: string): DraftMap[] => {
    ledger.seen(directive);
    ledger.loses('raw_connections', at, says);
    return [];
  };
  const ends = scope
    .own('listen')
    .find(
      (listen) =>
        /^(?:ssl|udp|proxy_protocol)$/.test(words(listen).slice(1).join(' ')) ||
        words(listen).includes('udp') ||
        words(listen).includes('ssl'),
    );
  if (ends !== undefined) return lose(ends, 'only TCP passes unread: no UDP, no TLS that ends here, no PROXY header');
  const guard = ['allow', 'deny', 'proxy_ssl', 'ssl_verify_client'].flatMap((name) => scope.last(name) ?? [])[0];
  if (guard !== undefined && firstWord(guard) !== 'off') return lose(guard, 'who may connect is for the target to say');
  const pass = scope.own('proxy_pass')[0];
  if (pass === undefined) return lose(directive, 'there is no proxy_pass');
  const base: DraftMap = {};
  const sends = scope.last('proxy_protocol');
  if (sends !== undefined && firstWord(sends) === 'on') base.sendProxyProtocol = 'v1';
  const targets = targetsOf(pass, scope, upstreams, maps, ledger);
  if (targets === undefined) return [];
  ledger.taken(directive, 'passThrough.forwards');
  ledger.taken(pass, 'target');
  if (sends !== undefined) ledger.taken(sends, 'sendProxyProtocol');
  for (const name of ['ssl_preread', 'proxy_timeout', 'proxy_connect_timeout']) {
    const one = scope.last(name);
    if (one !== undefined && name === 'ssl_preread') ledger.taken(one, 'sni');
    else if (one !== undefined) ledger.changed(one, 'passThrough.connectTimeout and idleTimeout hold for all ports');
  }
  return scope.own('listen').flatMap((listen) => {
    const match = /^(?:(\[[^\]]+\]|[\d.]+|\*|localhost):)?(\d+)$/.exec(firstWord(listen));
    if (match === null) return lose(listen, 'not an address with a port');
    const host = match[1] ?? '*';
    ledger.taken(listen, 'passThrough.forwards, port');
    const address =
      host === '*' || host === '0.0.0.0' || host === '[::]'
        ? {}
        : { address: host.replace(/[[\]]/g, '').replace('localhost', '127.0.0.1') };
    return targets.map((target) => ({ protocol: 'tcp', port: Number(match[2]), ...address, ...target, ...base }));
  });
}

function targetsOf(
  pass: Directive,
  scope: Scope,
  upstreams: ReadonlyMap<string, Upstream>,
  maps: ReadonlyMap<string, VariableMap>,
  ledger: Ledger,
): DraftMap[] | undefined {
  const name = firstWord(pass);
  const lose = (at: Directive, says: string): undefined => {
    ledger.loses('raw_connections', at, says);
    return undefined;
  };
  if (!name.startsWith('$')) {
    const target = addressOf(name, upstreams);
    return target === undefined
      ? lose(pass, 'one target for each port: it has several, or none that is host:port')
      : [{ target }];
  }
  const map = maps.get(name);
  const preread = scope.last('ssl_preread');
  if (
    map === undefined ||
    map.source !== '$ssl_preread_server_name' ||
    preread === undefined ||
    firstWord(preread) !== 'on'
  )
    return lose(pass, 'only $ssl_preread_server_name, by a map, chooses a target');
  const byTarget = new Map<string, string[]>();
  for (const entry of map.entries) {
    const host = entry.pattern.replace(/^\./, '*.');
    const target = addressOf(entry.value, upstreams);
    if (entry.kind !== 'exact' || target === undefined || !/^(?:\*\.)?[A-Za-z0-9.-]+$/.test(host))
      return lose(map.directive, 'a name in it is an expression, or its target is none');
    byTarget.set(target, [...(byTarget.get(target) ?? []), host]);
  }
  ledger.taken(map.directive, 'sni of passThrough.forwards');
  for (const line of map.directive.block ?? []) {
    if (line.name === 'default') ledger.changed(line, 'a server name that stands nowhere, and none, is refused');
    else ledger.taken(line, 'sni');
  }
  return [...byTarget].map(([target, sni]) => ({ target, sni }));
}

function addressOf(name: string, upstreams: ReadonlyMap<string, Upstream>): string | undefined {
  const upstream = upstreams.get(name);
  if (upstream === undefined) return /^(?:\[[^\]]+\]|[A-Za-z0-9._-]+):\d+$/.test(name) ? name : undefined;
  const [only, second] = upstream.servers;
  return second === undefined ? only?.address : undefined;
}
