// Settings that a running process cannot take over: what the operator must be told at a reload that changes them.
import type { EntryPoint, GatewayConfig } from '../config/gateway-config.ts';
import { addressText } from './ports.ts';

/** Keys below `gateway` that differ between the configuration of the start and the active one now. */
export function findRestartKeys(before: GatewayConfig, after: GatewayConfig): string[] {
  const changed = (['web', 'webSecure', 'admin'] as const)
    .filter((name) => endpoint(before.entryPoints[name]) !== endpoint(after.entryPoints[name]))
    .map((name) => `entryPoints.${name}`);
  // Another certificate is taken over; whether there is one is not; likewise who logs in by certificate.
  const isPlain = ({ entryPoints: { admin } }: GatewayConfig): boolean => admin.certificate === undefined;
  if (isPlain(before) !== isPlain(after)) changed.push('entryPoints.admin.certificateId');
  const asks = ({ entryPoints: { admin } }: GatewayConfig): boolean => admin.clientLogin !== undefined;
  if (asks(before) !== asks(after)) changed.push('entryPoints.admin.clientLogin');
  if (portsOf(before) !== portsOf(after)) changed.push('entryPoints.passThrough');
  const more = ({ entryPoints }: GatewayConfig): string =>
    JSON.stringify(entryPoints.more.map((one) => [one.name, one.tls, endpoint(one)]));
  if (more(before) !== more(after)) changed.push('entryPoints.more');
  if (before.name !== after.name) changed.push('name');
  if (before.workers !== after.workers) changed.push('workers');
  for (const key of ['log', 'accessLog', 'tracing', 'monitoring', 'trustRecord', 'buffering'] as const) {
    if (JSON.stringify(before[key]) !== JSON.stringify(after[key])) changed.push(key);
  }
  if (before.store?.path !== after.store?.path || before.store?.server !== after.store?.server) changed.push('store');
  if (before.transport.maxIdleConns !== after.transport.maxIdleConns) changed.push('transport.maxIdleConns');
  return changed;
}

/** Where connections go is taken over; on which ports they come is not, nor how many. */
function portsOf({ entryPoints }: GatewayConfig): string {
  const { listeners, maxConnections } = entryPoints.passThrough;
  return [maxConnections, ...listeners.map(({ name }) => name).toSorted()].join(' ');
}

function endpoint({ enabled, host, port }: EntryPoint): string {
  return enabled ? addressText(host, port) : 'off';
}
