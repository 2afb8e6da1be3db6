// A receiver of alerts as the control process knows it: what it wants to hear, and nothing that would let anybody speak in our name.
import type { AlertKind, Severity } from '../config/alert-kinds.ts';
import { severityRank } from './need.ts';

export type ReceiverView = {
  readonly name: string;
  /** Scheme, host and port: the path of a webhook may be its secret. */
  readonly target: string;
  readonly format: 'json' | 'slack';
  /** Kinds or codes; null: all. */
  readonly on: readonly string[] | null;
  readonly severity: Severity;
  readonly timeoutMs: number;
  readonly repeatMs: number;
  readonly signed: boolean;
  /** Certificate that it is shown; null: none. */
  readonly certificateId: string | null;
};

export type ReceiverFilter = Pick<ReceiverView, 'on' | 'severity'>;

export function wants(
  { on, severity }: ReceiverFilter,
  alert: { readonly kind: AlertKind; readonly code: string; readonly severity: Severity },
): boolean {
  if (severityRank[alert.severity] > severityRank[severity]) return false;
  return on === null || on.includes(alert.kind) || on.includes(alert.code);
}

/** What became of one attempt to tell a receiver. */
export type Attempt = {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly ms: number;
  readonly ok: boolean;
  /** Of the answer; null: there was none. */
  readonly status: number | null;
  /** `ok`, `status`, `redirect`, or of the fault table. */
  readonly code: string;
  /** A sentence; '' where all is well. */
  readonly why: string;
};
