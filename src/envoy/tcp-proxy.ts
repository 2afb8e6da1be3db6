// tcp_proxy where nothing ends TLS: `entryPoints.passThrough`. Where Envoy ends TLS and passes on bytes there is no counterpart.
import type { SourceMap, SourceValue } from '../import/source-map.ts';
import type { ManagerWorld } from './connection-manager.ts';
import { readDeep } from './context.ts';

export type RawForward = { readonly target: string; readonly sendProxyProtocol: string | undefined };

export async function readRawForward(
  { context, findCluster }: ManagerWorld,
  config: SourceMap,
  at: SourceValue,
  isTls: boolean,
): Promise<RawForward | undefined> {
  const value = config.get('cluster');
  const name = config.text('cluster');
  for (const one of [
    'stat_prefix',
    'access_log',
    'idle_timeout',
    'max_connect_attempts',
    'access_log_options',
    '@type',
    'max_downstream_connection_duration',
    'downstream_idle_timeout',
    'upstream_idle_timeout',
  ]) {
    const setting = config.get(one);
    readDeep(setting);
    if (setting !== undefined && one !== '@type')
      context.report.left(setting, setting.shown, 'passThrough has settings of its own');
  }
  if (isTls || value === undefined || name === undefined) {
    for (const one of config.names) readDeep(config.get(one));
    const why = isTls
      ? 'bytes of a TLS connection that ends here have no route; only requests do'
      : 'has to name one cluster';
    context.loses('raw_connections', at, why);
    return undefined;
  }
  const cluster = await findCluster(name, value);
  if (cluster === undefined) return undefined;
  const [only, more] = cluster.backends;
  if (only === undefined || more !== undefined || cluster.tls !== undefined) {
    context.loses('raw_connections', at, 'passThrough has one target, and adds no TLS');
    return undefined;
  }
  context.report.taken(at, 'tcp_proxy', 'gateway.entryPoints.passThrough.forwards');
  const host = only.host.includes(':') ? `[${only.host}]` : only.host;
  return { target: `${host}:${only.port}`, sendProxyProtocol: cluster.sendProxyProtocol };
}
