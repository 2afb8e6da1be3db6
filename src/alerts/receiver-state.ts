// What a receiver was told and what is on its way, as values: which changes it does not know yet, the message that says them, and what
// an attempt makes of it. One message is under way at a time; what changes meanwhile is one message after it.
import { createHash } from 'node:crypto';
import type { AlertKind, Severity } from '../config/alert-kinds.ts';
import { dayMs } from '../base/clock.ts';
import { type FleetAlert, severityRank } from './need.ts';
import type { MessageAlert } from './message.ts';
import { type Attempt, type ReceiverFilter, wants } from './receiver.ts';

/** What was told of an alert last. */
export type Told = {
  /** Counts the times that something began, over all alerts of the receiver. */
  readonly n: number;
  readonly state: 'firing' | 'resolved';
  readonly severity: Severity;
  readonly at: number;
  /** To say that it is over where nobody speaks of it any more. */
  readonly kind: AlertKind;
  readonly code: string;
  readonly gateways: readonly string[];
  readonly sentence: string;
  readonly since: number;
};

export type Pending = {
  readonly id: string;
  readonly body: string;
  readonly createdAt: number;
  readonly tries: number;
  readonly nextAt: number;
  /** What was told of its alerts before: it counts again where this message is given up. */
  readonly before: Readonly<Record<string, Told | null>>;
};

export type Delivery = {
  readonly id: string;
  readonly createdAt: number;
  readonly state: 'pending' | 'delivered' | 'given_up';
  readonly summary: string;
  readonly tries: number;
  /** The last few. */
  readonly attempts: readonly Attempt[];
};

export type ReceiverState = {
  /** Of the next alert that begins. */
  readonly next: number;
  readonly told: Readonly<Record<string, Told>>;
  readonly pending: Pending | null;
  /** Failures in a row, over several messages. */
  readonly failures: number;
  /** Messages that may be sent at once. */
  readonly tokens: { readonly left: number; readonly at: number };
  /** Last ones first. */
  readonly deliveries: readonly Delivery[];
};

const burst = 5;
const refillMs = 60_000;
/** A message that could not be told for so long says what was: another one says what is. */
const giveUpMs = 3_600_000;
const firstRetryMs = 2_000;
const maxRetryMs = 300_000;
/** After its end an alert is forgotten, and with it that it was told. */
const forgetMs = 7 * dayMs;
/** For an alert that comes and goes: so long it has to be away before it is over. */
export const overAfterMs = 15_000;
const maxTold = 500;
/** Told at one time: beyond them it is worse than any list says. */
const maxFiring = 400;
const maxDeliveries = 20;
const maxAttempts = 5;
const maxSentence = 200;

export function newReceiverState(now: number): ReceiverState {
  return { next: 1, told: {}, pending: null, failures: 0, tokens: { left: burst, at: now }, deliveries: [] };
}

export type Change = { readonly state: MessageAlert['state']; readonly alert: FleetAlert; readonly told: Told | null };

export type ChangesAsked = {
  readonly filter: ReceiverFilter;
  readonly repeatMs: number;
  /** Active and ended. */
  readonly alerts: readonly FleetAlert[];
  readonly isSilenced: (id: string) => boolean;
  /** Of what nobody speaks any more: whether that means that it is over. */
  readonly isOver: (told: Told) => boolean;
  readonly now: number;
};

/** What the receiver does not know yet, worst first. */
export function findChanges(state: ReceiverState, asked: ChangesAsked): Change[] {
  const { filter, alerts, isSilenced, isOver, now } = asked;
  const byId = new Map(alerts.map((alert) => [alert.id, alert]));
  let room = maxFiring - Object.values(state.told).filter((told) => told.state === 'firing').length;
  const begun = alerts.flatMap((alert): Change[] => {
    if (alert.endedAt !== null || !wants(filter, alert) || isSilenced(alert.id)) return [];
    if (now - alert.since < patienceMs(alert)) return [];
    const told = state.told[alert.id] ?? null;
    if (told === null || told.state === 'resolved') {
      // What happened is told once.
      const again = told !== null && alert.happened === true && alert.since <= told.at;
      if (again || room-- <= 0) return [];
      return [{ state: 'firing', alert, told }];
    }
    return severityRank[alert.severity] < severityRank[told.severity] ? [{ state: 'worse', alert, told }] : [];
  });
  const over = Object.entries(state.told).flatMap(([id, told]): Change[] => {
    if (told.state !== 'firing') return [];
    const alert = byId.get(id);
    if (alert?.endedAt === null) return [];
    const endedAt = alert?.endedAt ?? (isOver(told) ? now - overAfterMs : undefined);
    if (endedAt === undefined || now - endedAt < overAfterMs) return [];
    return [{ state: 'resolved', alert: alert ?? remembered(id, told, now), told }];
  });
  return [...begun, ...over];
}

/** What lasts and has to be said again; all of it where one is due, so that there is one reminder and not many. */
export function findReminders(
  state: ReceiverState,
  { alerts, isSilenced, filter, repeatMs, now }: ChangesAsked,
): Change[] {
  const lasting = alerts.flatMap((alert): Change[] => {
    const told = state.told[alert.id];
    if (alert.endedAt !== null || told?.state !== 'firing' || alert.happened || isSilenced(alert.id)) return [];
    return wants(filter, alert) ? [{ state: 'reminder', alert, told }] : [];
  });
  return lasting.some(({ told }) => now - (told?.at ?? 0) >= repeatMs) ? lasting : [];
}

/** How long it lasts before anybody is told: what is gone by itself in a moment wakes nobody. */
export function patienceMs({ kind, code }: { readonly kind: AlertKind; readonly code: string }): number {
  if (kind === 'renewal' || code === 'behind') return 60_000;
  return kind === 'workers' || kind === 'relation' ? 30_000 : 0;
}

/** False: there have been too many messages lately, and what is to be told comes together a little later. */
export function mayTell(state: ReceiverState, now: number): boolean {
  return state.pending === null && refill(state.tokens, now).left >= 1;
}

/** Ids and keys follow from what is told: gateways that know the same and cannot ask each other say the same. `salt`: where nothing is known. */
export function planMessage(
  state: ReceiverState,
  changes: readonly Change[],
  { receiver, salt, now }: { readonly receiver: string; readonly salt: string; readonly now: number },
): { readonly id: string; readonly alerts: MessageAlert[]; readonly state: ReceiverState } {
  let { next } = state;
  const told: Record<string, Told> = { ...state.told };
  const before: Record<string, Told | null> = {};
  const alerts = changes.map((change): MessageAlert => {
    const { alert } = change;
    const n = change.state === 'firing' || change.told === null ? next++ : change.told.n;
    before[alert.id] = change.told;
    told[alert.id] = toTold(change, n, now);
    return showAlert(change, `${alert.id}#${salt}${n}`);
  });
  const said = alerts.map(({ key, state: what }) => `${what} ${key}`).toSorted();
  // A reminder says what was said before: its moment tells it from the last one.
  const lastAt = changes.some((one) => one.state === 'reminder') ? changes.map((one) => one.told?.at ?? 0) : [];
  const id = `msg_${createHash('sha256')
    .update(JSON.stringify([receiver, salt, said, lastAt]))
    .digest('hex')
    .slice(0, 32)}`;
  const tokens = refill(state.tokens, now);
  const pending = { id, body: '', createdAt: now, tries: 0, nextAt: now, before };
  return {
    id,
    alerts,
    state: {
      ...state,
      next,
      told: forget(told, now),
      pending,
      tokens: { ...tokens, left: tokens.left - 1 },
    },
  };
}

export function withBody(state: ReceiverState, body: string, summary: string): ReceiverState {
  const { pending } = state;
  if (pending === null) return state;
  const { id, createdAt } = pending;
  const delivery: Delivery = { id, createdAt, state: 'pending', summary, tries: 0, attempts: [] };
  return {
    ...state,
    pending: { ...pending, body },
    deliveries: [delivery, ...state.deliveries].slice(0, maxDeliveries),
  };
}

/** `random`: between 0 and 1. */
export function noteAttempt(state: ReceiverState, attempt: Attempt, now: number, random: number): ReceiverState {
  const { pending } = state;
  if (pending === null) return state;
  const tries = pending.tries + 1;
  const failures = attempt.ok ? 0 : state.failures + 1;
  const isGivenUp = !attempt.ok && now - pending.createdAt >= giveUpMs;
  const become = attempt.ok ? 'delivered' : isGivenUp ? 'given_up' : 'pending';
  const deliveries = state.deliveries.map((one) =>
    one.id === pending.id
      ? { ...one, state: become, tries, attempts: [attempt, ...one.attempts].slice(0, maxAttempts) }
      : one,
  ) as readonly Delivery[];
  const told = isGivenUp ? takeBack(state.told, pending.before) : state.told;
  const nextAt = now + retryMs(failures, random);
  const left = attempt.ok || isGivenUp ? null : { ...pending, tries, nextAt };
  // After giving up the next message waits as long as this one would have.
  const tokens = isGivenUp ? { left: 0, at: now } : state.tokens;
  return { ...state, pending: left, failures, deliveries, told, tokens };
}

/** Grows with each failure in a row; half of it is chance, so that what failed together does not come back together. */
export function retryMs(failures: number, random: number): number {
  const whole = Math.min(maxRetryMs, firstRetryMs * 2 ** Math.max(0, Math.min(failures - 1, 10)));
  return Math.round(whole / 2 + (whole / 2) * random);
}

/** Of two that went on without each other: what was told last counts. */
export function mergeStates(a: ReceiverState, b: ReceiverState): ReceiverState {
  const told: Record<string, Told> = { ...a.told };
  for (const [id, one] of Object.entries(b.told)) {
    const other = told[id];
    if (other === undefined || one.at > other.at) told[id] = one;
  }
  const byId = new Map([...b.deliveries, ...a.deliveries].map((one) => [one.id, one]));
  const deliveries = [...byId.values()].toSorted((x, y) => y.createdAt - x.createdAt).slice(0, maxDeliveries);
  return { ...a, next: Math.max(a.next, b.next), told, pending: a.pending ?? b.pending, deliveries };
}

function toTold({ state, alert }: Change, n: number, now: number): Told {
  const { severity, kind, code, gateways, sentence, since } = alert;
  return {
    n,
    state: state === 'resolved' || alert.happened ? 'resolved' : 'firing',
    severity,
    at: now,
    kind,
    code,
    gateways: gateways.slice(0, 20),
    sentence: sentence.slice(0, maxSentence),
    since,
  };
}

function showAlert({ state, alert }: Change, key: string): MessageAlert {
  const { id, severity, kind, code, gateways, sentence, consequence, help, since, endedAt, object } = alert;
  return {
    id,
    key,
    state,
    severity,
    kind,
    code,
    gateways: [...gateways],
    sentence,
    consequence,
    help,
    since: new Date(since).toISOString(),
    endedAt: endedAt === null ? null : new Date(endedAt).toISOString(),
    object,
  };
}

/** Nobody speaks of it any more. */
function remembered(id: string, told: Told, now: number): FleetAlert {
  const { severity, kind, code, gateways, sentence, since } = told;
  const said = { consequence: '', help: '', object: null, lastSeenAt: told.at, endedAt: now };
  return { id, severity, kind, code, gateways, sentence, since, ...said };
}

function takeBack(
  told: Readonly<Record<string, Told>>,
  before: Readonly<Record<string, Told | null>>,
): Readonly<Record<string, Told>> {
  const kept = Object.entries(told).flatMap(([id, one]): [string, Told][] => {
    const earlier = before[id];
    if (earlier === null) return [];
    return [[id, earlier ?? one]];
  });
  return Object.fromEntries(kept);
}

function forget(told: Readonly<Record<string, Told>>, now: number): Readonly<Record<string, Told>> {
  const kept = Object.entries(told).filter(([, one]) => one.state === 'firing' || now - one.at < forgetMs);
  if (kept.length <= maxTold) return Object.fromEntries(kept);
  const order = ([, one]: [string, Told]): number => (one.state === 'firing' ? Infinity : one.at);
  return Object.fromEntries(kept.toSorted((a, b) => order(b) - order(a)).slice(0, maxTold));
}

function refill({ left, at }: ReceiverState['tokens'], now: number): ReceiverState['tokens'] {
  const more = Math.floor(Math.max(0, now - at) / refillMs);
  if (more === 0) return { left, at: Math.min(at, now) };
  return { left: Math.min(burst, left + more), at: at + more * refillMs };
}
