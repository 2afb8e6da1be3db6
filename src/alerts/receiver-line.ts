// One receiver while the process runs: what is not told yet becomes a message, a message is written down before it is sent, and sent
// until it arrives. Where the store is away it goes on from memory.
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { type AlertRecords, readReceiver, saveReceiver } from './alert-records.ts';
import { makeMessage, writeMessage } from './message.ts';
import type { Attempt, ReceiverView } from './receiver.ts';
import {
  type Change,
  type ChangesAsked,
  findChanges,
  findReminders,
  mayTell,
  mergeStates,
  newReceiverState,
  noteAttempt,
  planMessage,
  type ReceiverState,
  withBody,
} from './receiver-state.ts';

export type ReceiverLineOptions = {
  readonly name: string;
  readonly gateway: string;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly log: Logger;
  /** Between 0 and 1. */
  readonly random: () => number;
  /** Of this process: ids that nobody else makes, where it is not known what was told before. */
  readonly run: string;
  /** Rejects where it could not even be tried. */
  readonly deliver: (receiver: string, message: { readonly id: string; readonly body: string }) => Promise<Attempt>;
};

/** What is different is told after this: what begins together is told together. */
export const settleMs = 5_000;
/** Of one round: an alarm about the store, then the rest. */
const maxMessagesInRow = 3;

export class ReceiverLine {
  readonly #options: ReceiverLineOptions;
  #state: ReceiverState;
  #version = 0;
  /** The state was read, or there was none to read. */
  #isKnown = false;
  /** Something was told that the store does not know. */
  #isAhead = false;
  #changedAt: number | undefined;
  #busy: Promise<void> | undefined;

  constructor(options: ReceiverLineOptions) {
    this.#options = options;
    this.#state = newReceiverState(options.clock.now());
  }

  get state(): ReceiverState {
    return this.#state;
  }

  /** What others have told meanwhile. Rejects with a StoreProblem. */
  async refresh(records: AlertRecords): Promise<void> {
    if (this.#busy !== undefined) return;
    await this.#load(records);
  }

  /** One round; at most one at a time, so a receiver that hangs holds up nobody else. `records` undefined: the store is away. */
  tell(
    receiver: ReceiverView,
    asked: Omit<ChangesAsked, 'filter' | 'repeatMs'>,
    records: AlertRecords | undefined,
  ): void {
    this.#busy ??= this.#round(receiver, asked, records)
      .catch((error: unknown) => {
        // The next round finds out whether it is back.
        if (error instanceof StoreProblem) return;
        const { log, name } = this.#options;
        log.error({ err: error, receiver: name }, 'internal error: please report this');
      })
      .finally(() => (this.#busy = undefined));
  }

  /** Of the round that is under way. */
  async settled(): Promise<void> {
    await this.#busy;
  }

  async #round(
    receiver: ReceiverView,
    given: Omit<ChangesAsked, 'filter' | 'repeatMs'>,
    records: AlertRecords | undefined,
  ): Promise<void> {
    if (records !== undefined && (!this.#isKnown || this.#isAhead)) await this.#load(records);
    const { clock } = this.#options;
    for (let sent = 0; sent < maxMessagesInRow; sent++) {
      const asked = { ...given, filter: receiver, repeatMs: receiver.repeatMs, now: clock.now() };
      if (this.#state.pending === null && !(await this.#plan(receiver, asked, records))) return;
      if (!(await this.#attempt(records))) return;
    }
  }

  /** False: there is nothing to tell, or not yet. */
  async #plan(receiver: ReceiverView, asked: ChangesAsked, records: AlertRecords | undefined): Promise<boolean> {
    const { now } = asked;
    const changes = findChanges(this.#state, asked);
    const reminders = changes.length === 0 ? findReminders(this.#state, asked) : [];
    if (changes.length === 0 && reminders.length === 0) {
      this.#changedAt = undefined;
      return false;
    }
    this.#changedAt ??= now;
    const isSettled = now - this.#changedAt >= settleMs || now < this.#changedAt;
    if (!isSettled || !mayTell(this.#state, now)) return false;
    const { name, gateway, run } = this.#options;
    const salt = this.#isKnown ? '' : `${run}-`;
    const planned = planMessage(this.#state, urgentFirst([...changes, ...reminders]), { receiver: name, salt, now });
    const head = { id: planned.id, gateway, receiver: name, test: false, createdAt: now };
    const message = makeMessage(head, planned.alerts);
    const before = this.#state;
    this.#state = withBody(planned.state, writeMessage(message, receiver.format), message.summary.slice(0, 300));
    if (await this.#save(records)) return true;
    // Somebody else tells it.
    if (this.#state.pending?.id === planned.id) this.#state = before;
    return false;
  }

  /** True where it was told. */
  async #attempt(records: AlertRecords | undefined): Promise<boolean> {
    const { pending } = this.#state;
    const { name, clock, log, random, deliver } = this.#options;
    if (pending === null || pending.nextAt > clock.now()) return false;
    const { id, body } = pending;
    let attempt: Attempt;
    try {
      attempt = await deliver(name, { id, body });
    } catch (error) {
      log.debug({ receiver: name, why: String(error) }, 'an alert could not be handed over to be sent');
      return false;
    }
    this.#state = noteAttempt(this.#state, attempt, clock.now(), random());
    this.#log(id, attempt);
    await this.#save(records);
    return attempt.ok;
  }

  #log(id: string, attempt: Attempt): void {
    const { log, name: receiver } = this.#options;
    const { failures, pending } = this.#state;
    const about = { receiver, id, status: attempt.status };
    if (attempt.ok) log.info({ ...about, ms: attempt.ms }, 'alert delivered');
    else if (pending === null)
      log.error({ ...about, code: attempt.code, why: attempt.why }, 'alert given up: it will be told anew');
    else if (failures === 1 || failures % 20 === 0)
      log.warn({ ...about, code: attempt.code, why: attempt.why, failures }, 'alert not delivered; it is tried again');
  }

  /** False where somebody else was quicker: then what he wrote counts. True as well where the store is away. */
  async #save(records: AlertRecords | undefined): Promise<boolean> {
    if (records === undefined) {
      this.#isAhead = true;
      return true;
    }
    const { name, gateway } = this.#options;
    try {
      const version = await saveReceiver(records, { name, gateway, state: this.#state, version: this.#version });
      if (version === undefined) {
        await this.#load(records);
        return false;
      }
      this.#version = version;
      this.#isAhead = false;
      return true;
    } catch (error) {
      if (!(error instanceof StoreProblem)) throw error;
      this.#isAhead = true;
      return true;
    }
  }

  /** Rejects with a StoreProblem. */
  async #load(records: AlertRecords): Promise<void> {
    const { name, gateway } = this.#options;
    const { state, version } = await readReceiver(records, name);
    this.#version = version;
    this.#isKnown = true;
    // What was told while the store was away counts as well.
    if (state !== undefined) this.#state = this.#isAhead ? mergeStates(state, this.#state) : state;
    if (!this.#isAhead) return;
    const saved = await saveReceiver(records, { name, gateway, state: this.#state, version });
    // Else it is merged again the next time.
    this.#isAhead = saved === undefined;
    if (saved !== undefined) this.#version = saved;
  }
}

/** An alarm about the store goes alone and first: every gateway says it alike, so that its id is the same whoever sends it. */
function urgentFirst(changes: readonly Change[]): readonly Change[] {
  const ofStore = changes.filter(({ alert }) => alert.kind === 'store' && alert.code !== 'behind');
  return ofStore.length > 0 ? ofStore : changes;
}
