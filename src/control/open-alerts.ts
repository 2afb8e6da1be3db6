// Puts together who looks, who keeps and who tells, before the store is open: an alarm about a store that does not open is the first one.
import { randomBytes, randomInt } from 'node:crypto';
import { AlertDesk } from '../alerts/alert-desk.ts';
import type { FleetAlert } from '../alerts/need.ts';
import type { Clock } from '../base/clock.ts';
import type { Store } from '../store/store.ts';
import type { Logger } from '../telemetry/logger.ts';
import { Alerts } from './alerts.ts';
import type { ControlContext } from './control-context.ts';
import { type EvidenceSources, readEvidence } from './evidence.ts';
import type { FiringCount } from './messages.ts';

export type OpenAlertsOptions = {
  readonly gateway: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** The primary. */
  readonly ask: ControlContext['ask'];
  readonly sources: EvidenceSources;
  readonly store: () => Store | undefined;
  readonly onFiring: (firing: readonly FiringCount[]) => void;
};

export function openAlerts({ gateway, clock, log, ask, sources, store, onFiring }: OpenAlertsOptions): Alerts {
  const alerts: Alerts = new Alerts({
    gateway,
    clock,
    store,
    traffic: async () => ask('traffic', null),
    desk: () => desk,
  });
  const desk = new AlertDesk({
    gateway,
    clock,
    log,
    random: () => randomInt(1_000_000) / 1_000_000,
    run: randomBytes(4).toString('hex'),
    look: async () => (await alerts.assess(await readEvidence(sources))).needs,
    receivers: async () => (await sources.view()).alertReceivers,
    deliver: async (receiver, message) => ask('deliver', { receiver, ...message }),
    records: () => store()?.records,
    onRound: (active) => onFiring(countFiring(active.filter(({ gateways }) => gateways.includes(gateway)))),
  });
  return alerts;
}

function countFiring(active: readonly FleetAlert[]): FiringCount[] {
  const counts = new Map<string, FiringCount>();
  for (const { kind, code, severity } of active) {
    const key = `${kind} ${code} ${severity}`;
    counts.set(key, { kind, code, severity, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  return [...counts.values()];
}
