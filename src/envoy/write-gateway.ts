// Listeners as entry points and policies. A chain without server names is `gateway.tls`, one with them a policy; what has no chain is refused.
import { type DraftMap, draftText } from '../import/draft.ts';
import type { Context } from './context.ts';
import type { Chain, Listener } from './listener.ts';
import type { DraftMiddlewares } from '../import/draft-middlewares.ts';
import { type Scope, slug, writeRoutes } from './write-routes.ts';

type TlsChain = { readonly chain: Chain; readonly listener: Listener; readonly entryPoint: string };

/** Fills the draft. */
export function writeGateway(context: Context, listeners: readonly Listener[], middlewares: DraftMiddlewares): void {
  const entryPoints: DraftMap = {};
  const more: DraftMap = {};
  const forwards: DraftMap[] = [];
  const scopes: Scope[] = [];
  const tlsChains: TlsChain[] = [];
  const taken = { web: false, webSecure: false };
  for (const listener of listeners) {
    const { chains } = listener;
    forwards.push(...readRaw(context, listener));
    const http = chains.filter(({ manager }) => manager !== undefined);
    if (http.length === 0) continue;
    const secure = http.filter(({ tls }) => tls !== undefined);
    if (secure.length > 0 && secure.length < http.length) {
      const says = 'TLS that ends here, plain HTTP and what passes unread have ports of their own here';
      context.report.refuse('mixed_port', listener.value, listener.name, says);
    }
    const kind = secure.length > 0 ? 'webSecure' : 'web';
    const isFirst = !taken[kind];
    taken[kind] = true;
    const name = isFirst ? kind : uniqueName(more, listener.name);
    const entry: DraftMap = { address: addressOf(listener) };
    if (!isFirst && kind === 'web') entry['protocol'] = 'http';
    // What is required of everybody, as there. The balancers themselves are for their operator to name.
    if (listener.proxyProtocol) entry['proxyProtocol'] = { from: ['0.0.0.0/0', '::/0'] };
    if (isFirst) entryPoints[kind] = entry;
    else more[name] = entry;
    context.reading.becomes(listener.value.path, entry);
    const address = listener.value.get('address');
    if (address !== undefined)
      context.report.taken(
        address,
        `${listener.host}:${listener.port}`,
        `gateway.entryPoints.${isFirst ? kind : `more.${name}`}`,
      );
    for (const chain of http) {
      if (chain.tls !== undefined) tlsChains.push({ chain, listener, entryPoint: name });
      else if (chain.serverNames.length > 0)
        context.report.refuse(
          'chain_match',
          chain.value,
          chain.name,
          'has server names and no TLS: nothing can match it',
        );
      else if (chain.manager !== undefined)
        scopes.push({
          entries: chain.manager.entries,
          entryPoint: name,
          policy: undefined,
          serverNames: [],
          forward: chain.manager.forward,
        });
    }
    if (secure.length === 0 && http.length > 1)
      context.report.refuse('listener_kind', listener.value, listener.name, 'has several chains without TLS');
  }
  if (!taken.web) entryPoints['web'] = { enabled: false };
  if (!taken.webSecure) entryPoints['webSecure'] = { enabled: false };
  const { tls, policyScopes, policies } = writeTls(context, tlsChains);
  scopes.push(...policyScopes);
  const all = [...(taken.web ? ['web'] : []), ...(taken.webSecure ? ['webSecure'] : []), ...Object.keys(more)];
  const forwardTexts = new Set(scopes.map(({ forward }) => JSON.stringify(forward)));
  const [forward] = scopes.map((scope) => scope.forward);
  const isShared = forwardTexts.size === 1;
  const routes = writeRoutes(context, scopes, {
    manyEntryPoints: all.length > 1,
    manyPolicies: policies > 1,
    forward: isShared ? forward : undefined,
  });
  const gateway: DraftMap = { entryPoints: ordered(entryPoints, more, forwards) };
  const managers = listeners.flatMap(({ chains }) =>
    chains.flatMap(({ manager, tls: one }) =>
      manager === undefined || one === undefined ? [] : [{ manager, tls: one }],
    ),
  );
  const http2 = http2Of(managers);
  if (Object.keys(http2).length > 0) gateway['http2'] = http2;
  if (context.certificates.length > 0) gateway['certificates'] = context.certificates;
  if (context.caBundles.length > 0) gateway['caBundles'] = context.caBundles;
  if (Object.keys(tls).length > 0) gateway['tls'] = tls;
  if (isShared && forward !== undefined) gateway['forwardClientCert'] = forward;
  if (routes.length > 0) gateway['routes'] = routes;
  const { root } = context.world.draft;
  root['version'] = 2;
  if (middlewares.list.length > 0) root['middlewares'] = middlewares.list;
  root['gateway'] = gateway;
  if (all.length === 0 && forwards.length === 0 && !context.report.failed)
    context.report.refuse(
      'nothing_to_serve',
      { place: listeners[0]?.value.place ?? context.start },
      'listeners',
      'none of them could be taken over',
    );
}

function ordered(entryPoints: DraftMap, more: DraftMap, forwards: DraftMap[]): DraftMap {
  const { web, webSecure } = entryPoints;
  return {
    ...(web !== undefined && { web }),
    ...(webSecure !== undefined && { webSecure }),
    ...(Object.keys(more).length > 0 && { more }),
    ...(forwards.length > 0 && { passThrough: { forwards } }),
  };
}

/** What passes unread. Beside chains that end TLS it is left out: its server names are refused then. */
function readRaw(context: Context, listener: Listener): DraftMap[] {
  const raw = listener.chains.filter((chain) => chain.raw !== undefined);
  const others = listener.chains.filter((chain) => chain.raw === undefined);
  if (others.length === 0) return raw.map((chain) => forwardOf(listener, chain));
  const hasDefault = others.some(({ serverNames }) => serverNames.length === 0);
  for (const { value, serverNames, name } of raw) {
    const says = 'what passes unread has a port of its own here, in passThrough';
    const isRefused = serverNames.length > 0 && !hasDefault;
    if (isRefused) context.report.left(value, `tcp_proxy of ${serverNames.join(', ')}`, says);
    else context.report.loses('mixed_port', value, name, says);
  }
  return [];
}

function forwardOf(listener: Listener, { raw, serverNames }: Chain): DraftMap {
  const isAny = listener.host === '0.0.0.0' || listener.host === '::';
  return {
    port: listener.port,
    target: raw?.target ?? '',
    ...(!isAny && { address: listener.host }),
    ...(serverNames.length > 0 && { sni: [...serverNames] }),
    ...(raw?.sendProxyProtocol !== undefined && { sendProxyProtocol: raw.sendProxyProtocol }),
  };
}

function addressOf({ host, port }: Listener): string {
  if (host === '0.0.0.0' || host === '::') return `:${port}`;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function uniqueName(more: DraftMap, wanted: string): string {
  const base = slug(wanted).replaceAll('.', '-');
  let name = base;
  for (let n = 2; name in more || ['web', 'webSecure', 'admin'].includes(name); n++) name = `${base}-${n}`;
  return name;
}

function http2Of(
  managers: readonly { manager: { http2: boolean; maxStreams: number | undefined }; tls: { http2: boolean } }[],
): DraftMap {
  const result: DraftMap = {};
  if (managers.length > 0 && managers.every(({ manager, tls }) => !manager.http2 || !tls.http2))
    result['enabled'] = false;
  const streams = managers.flatMap(({ manager }) => manager.maxStreams ?? []);
  if (streams.length > 0 && result['enabled'] === undefined) result['maxConcurrentStreams'] = Math.min(...streams);
  return result;
}

type Tls = { readonly tls: DraftMap; readonly policyScopes: Scope[]; readonly policies: number };

function writeTls(context: Context, chains: readonly TlsChain[]): Tls {
  const tls: DraftMap = {};
  const policies: DraftMap[] = [];
  const policyScopes: Scope[] = [];
  let hasDefault = false;
  let defaultPolicy = '';
  let session = '';
  for (const { chain, listener, entryPoint } of chains) {
    const { policy = {}, sessionResumption = {} } = chain.tls ?? {};
    const { serverNames, manager } = chain;
    if (manager === undefined) continue;
    const { entries, forward } = manager;
    if (Object.keys(sessionResumption).length > 0 && session !== JSON.stringify(sessionResumption)) {
      if (session !== '')
        context.report.changed(
          chain.value,
          'sessions',
          'sessionResumption is one for the gateway; that of the first chain counts',
        );
      else tls['sessionResumption'] = sessionResumption;
      session ||= JSON.stringify(sessionResumption);
    }
    let name = 'gateway';
    if (serverNames.length === 0) {
      if (hasDefault && defaultPolicy !== JSON.stringify(policy)) refuseOther(context, listener);
      if (!hasDefault) Object.assign(tls, policy);
      hasDefault = true;
      defaultPolicy ||= JSON.stringify(policy);
    } else name = addPolicy(context, policies, chain, policy, listener);
    policyScopes.push({ entries, entryPoint, policy: name, serverNames, forward });
  }
  const { sessionResumption, ...rest } = tls;
  const result: DraftMap = rest;
  for (const { chain } of chains) if (chain.serverNames.length === 0) context.reading.becomes(chain.value.path, result);
  if (policies.length > 0 && hasDefault) result['defaultPolicy'] = 'gateway';
  if (sessionResumption !== undefined) result['sessionResumption'] = sessionResumption;
  if (policies.length > 0) result['policies'] = policies;
  return { tls: result, policyScopes, policies: policies.length + (hasDefault ? 1 : 0) };
}

function refuseOther(context: Context, listener: Listener): void {
  const says =
    'differs in TLS from a listener before it for the same server names; policies are chosen by server name, on every entry point alike. Run a gateway for each';
  context.report.refuse('listeners_differ', listener.value, listener.name, says);
}

/** Its name. */
function addPolicy(context: Context, policies: DraftMap[], chain: Chain, policy: DraftMap, listener: Listener): string {
  const hosts = [...chain.serverNames];
  const known = policies.find(
    (one) => Array.isArray(one['hosts']) && one['hosts'].some((host) => hosts.includes(draftText(host))),
  );
  if (known !== undefined) {
    const { name, hosts: others, ...rest } = known;
    if (JSON.stringify([others, rest]) !== JSON.stringify([hosts, policy])) refuseOther(context, listener);
    return draftText(name);
  }
  const base = slug(chain.name);
  let name = base === 'gateway' || base === 'none' ? `${base}-policy` : base;
  for (let n = 2; policies.some((one) => one['name'] === name); n++) name = `${base}-${n}`;
  const made: DraftMap = { name, hosts, ...policy };
  policies.push(made);
  context.reading.becomes(chain.value.path, made);
  return name;
}
