// The round that is made every few seconds while the process runs: look what needs somebody here, tell the other gateways, hear what they
// say, and, where it is our turn to speak for all, see to it that receivers are told. Without a store each gateway speaks for itself.
import type { Clock } from '../base/clock.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { Logger } from '../telemetry/logger.ts';
import { AlertBook } from './alert-book.ts';
import {
  type AlertRecords,
  publishAlerts,
  putSilence,
  readFleet,
  readSilences,
  removeSilence,
  type Silence,
} from './alert-records.ts';
import { mergeAlerts, type SaidByGateway } from './fleet.ts';
import { Lease } from './lease.ts';
import type { Alert, FleetAlert, Need } from './need.ts';
import type { Attempt, ReceiverView } from './receiver.ts';
import { ReceiverLine } from './receiver-line.ts';
import type { ReceiverState, Told } from './receiver-state.ts';

export type AlertDeskOptions = {
  readonly gateway: string;
  readonly clock: Pick<Clock, 'now' | 'monotonic' | 'after'>;
  readonly log: Logger;
  readonly random: () => number;
  readonly run: string;
  /** What needs somebody here, now. Rejects where nobody can say. */
  readonly look: () => Promise<readonly Need[]>;
  /** Rejects likewise. */
  readonly receivers: () => Promise<readonly ReceiverView[]>;
  readonly deliver: (receiver: string, message: { readonly id: string; readonly body: string }) => Promise<Attempt>;
  /** Undefined: the store is not open. */
  readonly records: () => AlertRecords | undefined;
  /** What is active in all gateways that can be heard, after each round. */
  readonly onRound?: (active: readonly FleetAlert[]) => void;
};

export const roundMs = 5_000;
/** A look costs each worker an answer. */
const lookMs = 2 * roundMs;
/** What is unchanged is said again, so that it does not end in the store. */
const publishMs = 60_000;
/** How often gateways listen to each other that do not speak for all. */
const listenMs = 30_000;
/** A store that is away for one moment gives nobody a reason to speak for himself. */
const awayRounds = 3;
const maxLogged = 20;

export class AlertDesk {
  readonly #options: AlertDeskOptions;
  readonly #book = new AlertBook();
  readonly #lease: Lease;
  readonly #lines = new Map<string, ReceiverLine>();
  #receivers: readonly ReceiverView[] = [];
  #others: readonly SaidByGateway[] = [];
  #silences: ReadonlyMap<string, Silence> = new Map();
  #published: { readonly text: string; readonly at: number } | undefined;
  #heardAt = -Infinity;
  #isRestored = false;
  #awayFor = 0;
  #lookedAt = -Infinity;
  #storeProblem: { readonly problem: StoreProblem; readonly since: number } | undefined;
  #round: Promise<void> | undefined;

  constructor(options: AlertDeskOptions) {
    this.#options = options;
    this.#lease = new Lease('alerts', options.gateway, options.clock);
  }

  /** Of all gateways: active ones worst first, then those that ended lately. */
  get alerts(): readonly FleetAlert[] {
    const { gateway } = this.#options;
    return mergeAlerts([{ gateway, alerts: [...this.#book.active, ...this.#book.ended] }, ...this.#others]);
  }

  get silences(): ReadonlyMap<string, Silence> {
    return this.#silences;
  }

  get receivers(): readonly { readonly receiver: ReceiverView; readonly state: ReceiverState | undefined }[] {
    return this.#receivers.map((receiver) => ({ receiver, state: this.#lines.get(receiver.name)?.state }));
  }

  /** It could not even be opened. */
  noteStoreProblem(problem: StoreProblem): void {
    this.#storeProblem ??= { problem, since: this.#options.clock.now() };
  }

  /** Why this process cannot use the store, since when; undefined where it can. */
  get storeProblem(): { readonly problem: StoreProblem; readonly since: number } | undefined {
    return this.#storeProblem;
  }

  /** True where it is this gateway that tells receivers. */
  get speaks(): boolean {
    return this.#lease.isHeld || this.#awayFor >= awayRounds;
  }

  /** Never rejects. */
  start(): void {
    void this.round().finally(() => this.#options.clock.after(roundMs, () => this.start()));
  }

  /** What is known of this gateway at this moment, whoever asked for it. */
  note(needs: readonly Need[]): void {
    const { clock, log } = this.#options;
    const { began, ended } = this.#book.take(needs, clock.now());
    for (const one of began.slice(0, maxLogged)) log.warn(about(one), `alert: ${one.sentence}`);
    for (const one of ended.slice(0, maxLogged)) log.info(about(one), `alert over: ${one.sentence}`);
    const more = Math.max(0, began.length - maxLogged) + Math.max(0, ended.length - maxLogged);
    if (more > 0) log.warn({ more }, 'more alerts began or ended');
  }

  /** One at a time. Never rejects. */
  async round(): Promise<void> {
    this.#round ??= this.#make().finally(() => (this.#round = undefined));
    return this.#round;
  }

  /** When what the last round began has been tried. */
  async settled(): Promise<void> {
    await Promise.all([...this.#lines.values()].map(async (line) => line.settled()));
  }

  /** Of this gateway and the store; for what somebody looks at now. Never rejects. */
  async listen(): Promise<void> {
    const records = this.#options.records();
    if (records === undefined) return;
    await this.#guard(async () => this.#hear(records, true));
  }

  /** Rejects with a StoreProblem. */
  async silence(silence: Silence): Promise<void> {
    await putSilence(this.#needRecords(), this.#options.gateway, silence);
    this.#silences = new Map([...this.#silences, [silence.alert, silence]]);
  }

  /** False where there was none. Rejects likewise. */
  async unsilence(alert: string): Promise<boolean> {
    const was = await removeSilence(this.#needRecords(), alert);
    const left = new Map(this.#silences);
    left.delete(alert);
    this.#silences = left;
    return was;
  }

  #needRecords(): AlertRecords {
    const records = this.#options.records();
    if (records === undefined) throw new StoreProblem('closed', 'the store is not open');
    return records;
  }

  async #make(): Promise<void> {
    const { records: find, onRound } = this.#options;
    const records = find();
    if (records !== undefined && !this.#isRestored) await this.#guard(async () => this.#restore(records));
    await this.#look();
    const isShared = records !== undefined && (await this.#guard(async () => this.#share(records)));
    this.#awayFor = isShared ? 0 : this.#awayFor + 1;
    onRound?.(this.alerts.filter(({ endedAt }) => endedAt === null));
    if (this.speaks) this.#tell(isShared ? records : undefined);
  }

  async #look(): Promise<void> {
    const { look, receivers, log, clock } = this.#options;
    const now = clock.monotonic();
    if (now - this.#lookedAt < lookMs - roundMs / 2) return;
    this.#lookedAt = now;
    try {
      this.#setReceivers(await receivers());
      this.note(await look());
    } catch (error) {
      // What is on its way goes on.
      log.debug({ why: String(error) }, 'nobody said what needs somebody');
    }
  }

  /** False where the store did not answer. */
  async #guard(act: () => Promise<void>): Promise<boolean> {
    try {
      await act();
      this.#storeProblem = undefined;
      return true;
    } catch (error) {
      if (!(error instanceof StoreProblem)) throw error;
      this.#storeProblem ??= { problem: error, since: this.#options.clock.now() };
      return false;
    }
  }

  async #share(records: AlertRecords): Promise<void> {
    const { gateway, clock } = this.#options;
    const saved = this.#book.save();
    // The last look changes with each look, and is no news.
    const text = JSON.stringify(saved.map((one) => ({ ...one, lastSeenAt: 0 })));
    const now = clock.monotonic();
    if (this.#published?.text !== text || now - this.#published.at >= publishMs) {
      await publishAlerts(records, gateway, saved);
      this.#published = { text, at: now };
    }
    const speaks = await this.#lease.hold(records);
    await this.#hear(records, speaks);
  }

  /** What began before this process did. */
  async #restore(records: AlertRecords): Promise<void> {
    const { gateway } = this.#options;
    const own = (await readFleet(records)).find((one) => one.gateway === gateway);
    this.#book.restore(own?.alerts ?? []);
    this.#isRestored = true;
  }

  async #hear(records: AlertRecords, isWanted: boolean): Promise<void> {
    const { gateway, clock } = this.#options;
    const isDue = clock.monotonic() - this.#heardAt >= listenMs;
    if (!isWanted && !isDue) return;
    this.#others = (await readFleet(records)).filter((one) => one.gateway !== gateway);
    this.#silences = await readSilences(records, clock.now());
    if (!isDue) return;
    this.#heardAt = clock.monotonic();
    for (const line of this.#lines.values()) await line.refresh(records);
  }

  #setReceivers(views: readonly ReceiverView[]): void {
    this.#receivers = views;
    const { gateway, clock, log, random, run, deliver } = this.#options;
    const names = new Set(views.map(({ name }) => name));
    for (const name of this.#lines.keys()) if (!names.has(name)) this.#lines.delete(name);
    for (const name of names)
      if (!this.#lines.has(name))
        this.#lines.set(name, new ReceiverLine({ name, gateway, clock, log, random, run, deliver }));
  }

  #tell(records: AlertRecords | undefined): void {
    const { alerts } = this;
    const { gateway, clock } = this.#options;
    const isSilenced = (id: string): boolean => (this.#silences.get(id)?.until ?? 0) > clock.now();
    // Without the store nobody knows what has become of what others said.
    const isOver = ({ gateways }: Told): boolean =>
      records !== undefined || (gateways.length === 1 && gateways[0] === gateway);
    const asked = { alerts, isSilenced, isOver, now: clock.now() };
    for (const receiver of this.#receivers) this.#lines.get(receiver.name)?.tell(receiver, asked, records);
  }
}

function about({ id, kind, code, severity, since }: Alert): object {
  return { alert: id, kind, code, severity, since: new Date(since).toISOString() };
}
