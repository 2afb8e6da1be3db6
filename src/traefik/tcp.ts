// TCP routers: TLS that passes unread by server name, and ports that pass everything on.
import type { DraftMap } from '../import/draft.ts';
import type { SourceMap, SourceValue } from '../import/source-map.ts';
import type { TraefikEntry } from './entry-points.ts';
import { readAll } from './read-all.ts';
import type { Router } from './routers.ts';
import { parseRule } from './rule.ts';
import { isTrue } from './tls-options.ts';

export function readForwards(
  tcp: SourceMap | undefined,
  entries: readonly TraefikEntry[],
  http: readonly Router[],
): DraftMap[] {
  const routers = tcp?.map('routers');
  const services = tcp?.map('services');
  const transports = tcp?.get('serverstransports');
  transports?.map?.readAll();
  const found = (routers?.names ?? []).flatMap((name) => {
    const router = routers?.map(name);
    return router === undefined ? [] : forwardsOf(name, router, services, entries, http);
  });
  const middlewares = tcp?.get('middlewares');
  if (middlewares?.map !== undefined) readAll(middlewares.map);
  for (const name of services?.names ?? []) {
    const service = services?.map(name);
    if (service !== undefined) readAll(service);
  }
  return found;
}

function forwardsOf(
  name: string,
  router: SourceMap,
  services: SourceMap | undefined,
  entries: readonly TraefikEntry[],
  http: readonly Router[],
): DraftMap[] {
  const { report } = router.reading;
  const rule = router.get('rule');
  const tls = router.mapOrEmpty('tls');
  const service = router.get('service');
  const names = router.items('entrypoints').flatMap(({ text }) => text?.toLowerCase() ?? []);
  router.get('priority');
  router.get('rulesyntax');
  const lose = (at: SourceValue | SourceMap | undefined, says: string): DraftMap[] => {
    readAll(router);
    report.loses('raw_connections', at ?? router, `tcp router ${name}`, says);
    return [];
  };
  const [guard] = router.items('middlewares');
  if (guard !== undefined) return lose(guard, 'who may connect is for the target to say');
  const passes = isTrue(tls?.get('passthrough'));
  if (tls !== undefined && !passes) return lose(tls, 'TLS that ends here is for requests, not for connections');
  const parsed = parseRule(rule?.text ?? '');
  const [matchers, second] = typeof parsed === 'string' ? [] : parsed;
  const [matcher, more] = matchers ?? [];
  if (matcher?.name !== 'hostsni' || matcher.negated || second !== undefined || more !== undefined)
    return lose(rule, 'only HostSNI chooses a target');
  const hosts = matcher.values.includes('*') ? undefined : [...matcher.values];
  if (hosts !== undefined && !passes) return lose(rule, 'a server name is there with TLS only: tls.passthrough');
  const points = names.length === 0 ? entries : entries.filter((entry) => names.includes(entry.name.toLowerCase()));
  const busy = points.find((entry) => http.some((one) => one.entries.includes(entry)));
  if (busy !== undefined)
    return lose(
      router,
      `the entry point ${busy.name} serves requests as well: a port passes connections on, or serves requests`,
    );
  const target = targetOf(services?.map(service?.text?.toLowerCase() ?? ''));
  if (target === undefined) return lose(service, 'one target for each: it has several, or none');
  if (rule !== undefined) report.taken(rule, rule.shown, 'entryPoints.passThrough.forwards');
  return points.map((entry) => ({
    protocol: 'tcp',
    port: Number(entry.address.replace(/^.*:/, '')),
    ...addressOf(entry),
    ...target,
    ...(hosts !== undefined && { sni: [...hosts] }),
  }));
}

/** None: every address, as it is there. */
function addressOf({ address }: TraefikEntry): DraftMap {
  const host = address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return host === '' || host === '0.0.0.0' || host === '::'
    ? {}
    : { address: host === 'localhost' ? '127.0.0.1' : host };
}

function targetOf(service: SourceMap | undefined): DraftMap | undefined {
  const balancer = service?.map('loadbalancer');
  const [server, second] = balancer?.maps('servers') ?? [];
  const address = server?.text('address');
  if (address === undefined || second !== undefined) return undefined;
  const version = balancer?.mapOrEmpty('proxyprotocol')?.text('version');
  const sends = balancer?.has('proxyprotocol') === true;
  balancer?.get('terminationdelay');
  return { target: address, ...(sends && { sendProxyProtocol: version === '1' ? 'v1' : 'v2' }) };
}
