// Something that needs a person: what is wrong, since when, what follows from it and what to do. Found by whoever knows it
// (control/needs.ts), kept and told of here.
import type { AlertKind, Severity } from '../config/alert-kinds.ts';

export type { Severity } from '../config/alert-kinds.ts';

export type Need = {
  /** Stable while it lasts. Two gateways that say the same are one alert: what is each one's own has its name in it. */
  readonly id: string;
  readonly severity: Severity;
  readonly kind: AlertKind;
  /** Of the fault table; for a refused configuration and a store, of theirs; else of alert-kinds.ts. */
  readonly code: string;
  readonly sentence: string;
  readonly consequence: string;
  readonly help: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
  readonly object: { readonly kind: string; readonly id: string } | null;
  /** Something that happened, not something that lasts: nobody is reminded of it, and it is not over. */
  readonly happened?: true;
};

/** A need over time. */
export type Alert = Need & {
  readonly lastSeenAt: number;
  readonly endedAt: number | null;
};

/** The same for all gateways that say it. */
export type FleetAlert = Alert & {
  /** In the order of their names. */
  readonly gateways: readonly string[];
};

export const severityRank: Readonly<Record<Severity, number>> = { failing: 0, degraded: 1, due: 2 };
