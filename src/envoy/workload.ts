// SDS from the agent of SPIRE on this host: the Workload API, which the gateway asks itself.
import { type DraftMap, draftText } from '../import/draft.ts';
import type { SourceValue } from '../import/source-map.ts';
import { type Context, readDeep } from './context.ts';

export type Workload = { readonly socket: string; readonly name: string };

/** `value`: an SdsSecretConfig. Undefined where it is asked of another server: nothing was said of it then. */
export function findWorkload({ clusters }: Context, value: SourceValue): Workload | undefined {
  const services = value.map?.map('sds_config')?.map('api_config_source')?.maps('grpc_services') ?? [];
  const [service, more] = services;
  const name = value.map?.text('name') ?? '';
  const cluster = clusters.get(service?.map('envoy_grpc')?.text('cluster_name') ?? '');
  if (cluster === undefined || more !== undefined) return undefined;
  const endpoints = cluster.map('load_assignment')?.maps('endpoints') ?? [];
  const [path, other] = endpoints.flatMap((one) =>
    one.maps('lb_endpoints').map((each) => each.map('endpoint')?.map('address')?.map('pipe')?.text('path')),
  );
  if (path === undefined || other !== undefined || !path.startsWith('/')) return undefined;
  return { socket: `unix://${path}`, name };
}

/** `{spiffe}` in place of cert and key. SPIRE calls what is not named by an ID `default`. */
export function workloadPair(
  context: Context,
  value: SourceValue,
  { socket, name }: Workload,
  became: string,
): DraftMap {
  readDeep(value);
  context.report.taken(value, name, `${became}: spiffe, from the Workload API`);
  const isId = name.startsWith('spiffe://');
  return { spiffe: isId ? { socket, id: name } : { socket } };
}

/** The id of a CA bundle of the trust domain; undefined where the name says of none: that was refused. */
export function workloadBundle(context: Context, value: SourceValue, { socket, name }: Workload): string | undefined {
  readDeep(value);
  const trustDomain = /^spiffe:\/\/([^/]+)$/.exec(name)?.[1];
  if (trustDomain === undefined) {
    context.report.refuse(
      'sds_server',
      value,
      name,
      'names no trust domain: write caBundles with spiffe, or clientAuth.spiffe.workloadApi',
    );
    return undefined;
  }
  const bundle: DraftMap = { id: trustDomain, spiffe: { socket, trustDomain } };
  if (!context.caBundles.some(({ id }) => id === trustDomain)) context.caBundles.push(bundle);
  context.report.taken(value, name, `gateway.caBundles: ${trustDomain}, from the Workload API`);
  return trustDomain;
}

/** The id of a certificate under gateway.certificates, for what has no place for the pair itself. */
export function namedPair(context: Context, pair: DraftMap): string {
  const known = context.certificates.find(
    (one) => JSON.stringify({ ...one, id: '' }) === JSON.stringify({ id: '', ...pair }),
  );
  if (known !== undefined) return draftText(known['id']);
  const id = context.certificates.length === 0 ? 'workload' : `workload-${context.certificates.length + 1}`;
  context.certificates.push({ id, ...pair });
  return id;
}
