// What alerts are about: the kinds that `gateway.alerts[].on` can name, and the codes of alerts that are in no other table. What each
// means, and what to do, is said in docs/alerts.md.

export const alertKinds = [
  'expiry',
  'relation',
  'service',
  'client',
  'reload',
  'store',
  'revocation',
  'workers',
  'renewal',
  'surge',
  'issuer',
  'control',
  'audit',
  'drift',
  'gateway',
] as const;
export type AlertKind = (typeof alertKinds)[number];

/** Cut off or refused now; hidden or without effect; due. Worst first. */
export const severities = ['failing', 'degraded', 'due'] as const;
export type Severity = (typeof severities)[number];

/** Beside those of the fault table. */
export const ownAlertCodes: readonly string[] = [
  'new_issuer',
  'renewal_failed',
  'restarting',
  'overdue',
  'behind',
  'file_changed',
  'file_refused',
  'row_changed',
  'let_in',
  'wrong_certificate',
  'not_listening',
  'silent',
  'name_taken',
  'clock_skew',
  'configuration',
  'defect',
];
