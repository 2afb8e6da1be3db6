// What is known about the health of a backend, with its reason kept for logs and metrics while it is down.
import type { Fault, FaultCode } from '../base/fault.ts';

export type HealthReason = {
  /** A fault code, or that the probe was answered with a status that does not count as healthy. */
  readonly code: FaultCode | 'unhealthy_status';
  /** For operators only. */
  readonly detail: string;
  readonly raw: string;
  /** What the operator should do. */
  readonly help: string;
};

export type HealthState = {
  readonly healthy: boolean;
  /** Why the last probe or connection failed; undefined while healthy. */
  readonly reason: HealthReason | undefined;
  /** Of the last change, milliseconds since the epoch. */
  readonly since: number;
  /** 'active': health check. 'passive': failed connections of requests. */
  readonly source: 'active' | 'passive';
};

export function reasonOf(fault: Fault): HealthReason {
  return { code: fault.code, detail: fault.detail ?? '', raw: fault.raw ?? '', help: fault.help };
}
