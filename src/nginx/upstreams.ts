// `upstream` blocks, and the URL of a `proxy_pass`: the backends of a route, how one is chosen, what the path becomes.
import type { DraftMap } from '../import/draft.ts';
import { type Directive, firstWord, words } from './directive.ts';
import type { Ledger } from './ledger.ts';

export type Upstream = {
  /** `host:port` with their keys; backends without a scheme. */
  readonly servers: readonly { readonly address: string; readonly keys: DraftMap }[];
  /** loadBalancing, hashOn, sticky of a route. */
  readonly choice: DraftMap;
  readonly directive: Directive;
};

export function readUpstreams(directives: readonly Directive[], ledger: Ledger): Map<string, Upstream> {
  const found = new Map<string, Upstream>();
  for (const directive of directives) {
    if (directive.name !== 'upstream') continue;
    found.set(firstWord(directive), readUpstream(directive, ledger));
    ledger.taken(directive, 'backends');
  }
  return found;
}

function readUpstream(directive: Directive, ledger: Ledger): Upstream {
  const servers: { address: string; keys: DraftMap }[] = [];
  const choice: DraftMap = {};
  for (const line of directive.block ?? []) {
    if (line.name === 'server') servers.push(...readServer(line, ledger));
    else readChoice(line, choice, ledger);
  }
  // Once one has a weight, those without would get nothing.
  if (servers.some(({ keys }) => 'weight' in keys)) for (const { keys } of servers) keys.weight ??= 1;
  return { servers, choice, directive };
}

const quietParams =
  /^(?:max_fails=\d+|fail_timeout=\w+|max_conns=\d+|resolve|service=\S+|slow_start=\w+|route=\S+|id=\S+)$/;

function readServer(directive: Directive, ledger: Ledger): { address: string; keys: DraftMap }[] {
  const [address = '', ...params] = words(directive);
  if (params.includes('down')) {
    ledger.taken(directive, 'left out: it is down');
    return [];
  }
  if (address.startsWith('unix:')) {
    ledger.loses('backend_choice', directive, 'backends are reached by TCP, not by Unix sockets');
    return [];
  }
  const keys: DraftMap = {};
  const quiet: string[] = [];
  for (const param of params) {
    const weight = /^weight=(\d+)$/.exec(param)?.[1];
    if (weight !== undefined) keys.weight = Number(weight);
    else if (param === 'backup') keys.backup = true;
    else if (quietParams.test(param)) quiet.push(param);
    else ledger.loses('unknown_field', directive, `${param} is not known`);
  }
  if (quiet.length > 0)
    ledger.changed(
      directive,
      `backends; ${quiet.join(', ')}: a backend that cannot be connected is left out for a while (healthCheck finds them sooner)`,
    );
  else ledger.taken(directive, 'backends');
  return [{ address: /:\d+$/.test(address) ? address : `${address}:80`, keys }];
}

function readChoice(directive: Directive, choice: DraftMap, ledger: Ledger): void {
  const args = words(directive);
  switch (directive.name) {
    case 'least_conn':
    case 'least_time':
      choice.loadBalancing = 'leastRequest';
      return ledger.taken(directive, 'loadBalancing: leastRequest');
    case 'random':
      if (args[0] === 'two') choice.loadBalancing = 'leastRequest';
      return ledger.taken(directive, args[0] === 'two' ? 'loadBalancing: leastRequest' : 'loadBalancing');
    case 'ip_hash':
      Object.assign(choice, { loadBalancing: 'hash', hashOn: [{ source: 'address' }] });
      return ledger.taken(directive, 'loadBalancing: hash, by address');
    case 'hash': {
      const source = hashSource(args[0] ?? '');
      if (source === undefined)
        return ledger.changed(directive, 'backends are chosen in turns: what is hashed has no counterpart');
      Object.assign(choice, { loadBalancing: 'hash', hashOn: [source] });
      return ledger.taken(directive, 'loadBalancing: hash');
    }
    case 'sticky': {
      const [kind, name] = args;
      if (kind !== 'cookie' || name === undefined)
        return ledger.changed(directive, 'no client is kept to a backend; sticky does so by a cookie');
      choice.sticky = { cookie: name };
      return ledger.taken(directive, 'sticky');
    }
    case 'keepalive':
    case 'keepalive_timeout':
    case 'keepalive_requests':
    case 'keepalive_time':
    case 'zone':
    case 'queue':
    case 'state':
      return ledger.left(directive, 'connections to backends are kept, by networking.transport');
    case 'ntlm':
      ledger.loses('unknown_field', directive, 'connections to backends belong to no client');
      return undefined;
    default:
      return undefined;
  }
}

function hashSource(text: string): DraftMap | undefined {
  if (/^\$(?:binary_)?remote_addr$/.test(text)) return { source: 'address' };
  if (text === '$ssl_client_s_dn' || text === '$ssl_client_fingerprint') return { source: 'certificate' };
  const [, kind, name] = /^\$(cookie|http)_(\w+)$/.exec(text) ?? [];
  if (name === undefined) return undefined;
  return {
    source: kind === 'cookie' ? 'cookie' : 'header',
    name: kind === 'cookie' ? name : name.replaceAll('_', '-'),
  };
}

export type Target = {
  readonly tls: boolean;
  /** `name:port` of an upstream or of a host, as it is written. */
  readonly name: string;
  readonly endpoints: DraftMap[];
  readonly choice: DraftMap;
  /** undefined: the path of the request goes on as it is. */
  readonly uri: string | undefined;
};

/** `http://backend/v1/`; undefined where it cannot be read (no variables, no Unix socket). */
export function readTarget(written: string, upstreams: ReadonlyMap<string, Upstream>): Target | undefined {
  // What was asked for, as it came: the same as nothing.
  const text = written.replace(/\$request_uri$/, '');
  const match = /^(https?|grpcs):\/\/([^/?#$]+)([^$]*)$/.exec(text);
  const [, scheme = '', name = '', uri = ''] = match ?? [];
  if (match === null || name.startsWith('unix:') || /[?#]/.test(uri)) return undefined;
  const tls = scheme !== 'http';
  const upstream = upstreams.get(name);
  const prefix = tls ? 'https://' : 'http://';
  const endpoints =
    upstream === undefined
      ? [{ endpoint: `${prefix}${name}` }]
      : upstream.servers.map(({ address, keys }) => ({ endpoint: prefix + address, ...keys }));
  return { tls, name, endpoints, choice: upstream?.choice ?? {}, uri: uri === '' ? undefined : uri };
}
