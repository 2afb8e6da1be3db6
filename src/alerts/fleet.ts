// What all gateways say, as one list: the same id is one alert with several names, the worst of them speaks for all.
import { sortAlerts } from './alert-book.ts';
import { type Alert, type FleetAlert, severityRank } from './need.ts';

export type SaidByGateway = { readonly gateway: string; readonly alerts: readonly Alert[] };

/** Active ones worst first; then those that ended, last ended first. An alert has ended when it has everywhere. */
export function mergeAlerts(said: readonly SaidByGateway[]): FleetAlert[] {
  const merged = new Map<string, FleetAlert>();
  for (const { gateway, alerts } of said)
    for (const alert of alerts) {
      const before = merged.get(alert.id);
      merged.set(alert.id, before === undefined ? { ...alert, gateways: [gateway] } : join(before, alert, gateway));
    }
  const all = [...merged.values()];
  const ended = all.filter(({ endedAt }) => endedAt !== null);
  return [
    ...sortAlerts(all.filter(({ endedAt }) => endedAt === null)),
    ...ended.toSorted((a, b) => (b.endedAt ?? 0) - (a.endedAt ?? 0)),
  ];
}

function join(before: FleetAlert, alert: Alert, gateway: string): FleetAlert {
  const lastsBefore = before.endedAt === null;
  const lasts = alert.endedAt === null;
  // Whoever has it no more says nothing while another has it.
  if (lastsBefore && !lasts) return before;
  if (!lastsBefore && lasts) return { ...alert, gateways: [gateway] };
  const isWorse = severityRank[alert.severity] < severityRank[before.severity];
  const speaks = isWorse ? alert : before;
  return {
    ...speaks,
    since: Math.min(before.since, alert.since),
    lastSeenAt: Math.max(before.lastSeenAt, alert.lastSeenAt),
    endedAt: lasts ? null : Math.max(before.endedAt ?? 0, alert.endedAt ?? 0),
    gateways: [...new Set([...before.gateways, gateway])].toSorted(),
  };
}
