// One worker process as the primary sees it: its state, what it was told, and answers matched to questions.
import { type ChildProcess, fork } from 'node:child_process';
import type { ChallengeAnswer } from '../acme/challenge-answers.ts';
import type { Clock } from '../base/clock.ts';
import { CrlSender } from '../crl/sender.ts';
import type { SpentReport } from '../filters/rate-counters.ts';
import type { FailureReport } from '../gateway/failure-tally.ts';
import type { Observation } from '../gateway/observation.ts';
import type { SeenReport } from '../inventory/seen-clients.ts';
import type { MetricsSnapshot } from '../telemetry/metrics.ts';
import type { SpanBatch } from '../telemetry/tracer.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import type { LoadedRules } from '../loading/loaded.ts';
import { Slices } from '../base/slices.ts';
import { cutPayload } from './payload.ts';

/** How long a worker may take over one answer before it counts as failed. */
const answerMs = 30_000;

/**
 * Room for young objects, MB for each half: V8 begins a collection of everything as soon as the old generation may grow by less than
 * the young one holds, which by default (16) is more than the heap of a worker leaves: then every 100 ms (decision 83). And `gc`, for
 * base/read-garbage.ts: 20 ms of CPU at the start of a worker, since V8 takes no code that was compiled under other flags.
 */
const heapFlags = ['--max-semi-space-size=4', '--expose-gc'];

/** For what a worker that ended wrote before. */
const lastWordsMs = 1_000;

export class WorkerFailure extends Error {
  override readonly name = 'WorkerFailure';
  /** It said nothing, rather than no: to be asked again later. */
  readonly silent: boolean;

  constructor(message: string, silent = false) {
    super(message);
    this.silent = silent;
  }
}

/** Everything a generation is built from. */
export type PrepareOrder = Omit<Extract<ToWorker, { kind: 'prepare' }>, 'kind' | 'id' | 'base'>;

type Held = { readonly generation: number; readonly loaded: LoadedRules };

type Waiting = { readonly wants: (message: FromWorker) => boolean; settle(message: FromWorker | WorkerFailure): void };

/** What a worker tells unasked. */
export type WorkerNews = {
  /** DER of an intermediate that it learned from its clients. */
  readonly onIntermediate: (der: Uint8Array) => void;
  /** What its rate limits counted. */
  readonly onSpent: (report: SpentReport) => void;
  /** The clients that it saw. */
  readonly onSeen: (report: SeenReport, worker: WorkerHandle) => void;
  /** Handshakes that failed. */
  readonly onFailures: (report: FailureReport) => void;
  readonly onSpans: (batch: SpanBatch) => void;
};

export class WorkerHandle {
  readonly slot: number;
  readonly startedAt: number;
  /** Accepting connections. */
  ready = false;
  /** It said that it ends, after a defect: it still serves what it has. */
  leaving = false;
  /** Messages that came from it. */
  heard = 0;
  /** It has not answered lately (Watchdog). */
  unresponsive = false;
  /** Resolves when it says so; never, where it just ends. */
  readonly left: Promise<void>;
  /** Last metrics it reported: kept when it dies, so that sums never shrink. */
  lastSnapshot: MetricsSnapshot | undefined;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Resolves when it cannot say anything any more: its last words may come after its end. */
  readonly silent: Promise<void>;
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiting>();
  readonly #onLeaving: () => void;
  readonly #onIntermediate: (der: Uint8Array) => void;
  readonly #onSpent: (report: SpentReport) => void;
  /** Brings it the active CRLs. */
  readonly crls = new CrlSender(async (message) => this.sendPaced(message));
  readonly #onSeen: (report: SeenReport, worker: WorkerHandle) => void;
  readonly #onFailures: (report: FailureReport) => void;
  readonly #onSpans: (batch: SpanBatch) => void;
  #questions = 0;
  /** Number of the question of the generation that it builds now. */
  #building: number | undefined;
  /** What it was asked to build last, and what it serves by: it need not be told that again. */
  #built: Held | undefined;
  #held: Held | undefined;
  #gone = false;

  constructor(entry: string, slot: number, clock: Clock, news: WorkerNews) {
    this.#onIntermediate = news.onIntermediate;
    this.#onSpent = news.onSpent;
    this.#onSeen = news.onSeen;
    this.#onFailures = news.onFailures;
    this.#onSpans = news.onSpans;
    this.slot = slot;
    this.#clock = clock;
    this.startedAt = clock.monotonic();
    const { promise, resolve: onLeaving } = Promise.withResolvers<void>();
    this.left = promise;
    this.#onLeaving = onLeaving;
    this.#child = fork(entry, [], {
      // What an operator gave the command comes after it, and counts.
      execArgv: [...heapFlags, ...process.execArgv],
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      // glibc gives each of Node's threads an arena of its own, and most of each is never used: 8 MB of a fresh worker.
      env: { MALLOC_ARENA_MAX: '2', ...process.env },
    });
    this.#child.on('message', (message) => this.#onMessage(message as FromWorker));
    this.#child.on('error', () => this.#fail('could not be started'));
    const { promise: silent, resolve: onSilent } = Promise.withResolvers<void>();
    this.silent = silent;
    this.#child.once('disconnect', onSilent);
    this.exited = new Promise((resolve) => {
      this.#child.on('exit', (code, signal) => {
        this.#gone = true;
        this.ready = false;
        this.#fail(`ended (${signal ?? `exit code ${code}`})`);
        resolve({ code, signal });
        clock.after(lastWordsMs, onSilent);
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** Takes connections, and answered lately. */
  get serving(): boolean {
    return this.ready && !this.unresponsive;
  }

  get building(): boolean {
    return this.#building !== undefined;
  }

  /** Any answer is a sign of life. */
  ping(): void {
    this.send({ kind: 'ping' });
  }

  send(message: ToWorker): void {
    // A worker that just died: its exit event is on the way and says all there is to say.
    if (!this.#gone && this.#child.connected) this.#child.send(message, () => {});
  }

  /**
   * As `send`; resolves when the message is written, or the worker is gone. One that reads nothing any more would never know
   * who is revoked, and keep reloads and restarts waiting: it is ended, and its successor starts with everything.
   */
  async sendPaced(message: ToWorker): Promise<void> {
    if (this.#gone || !this.#child.connected) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(answerMs, () => {
        this.kill();
        resolve();
      });
      // Also called where the worker ends before it has read it.
      this.#child.send(message, () => {
        cancel();
        resolve();
      });
    });
  }

  /** Resolves when the process is up and listens to messages. */
  async up(): Promise<void> {
    await this.#answer((message) => message.kind === 'up');
  }

  /** Has the worker build a generation; rejects with WorkerFailure where it cannot. */
  async prepare(order: PrepareOrder): Promise<void> {
    // A generation that was refused is asked for again under its number: an answer that comes late is for the first question.
    const id = ++this.#questions;
    const held = this.#held;
    const { head, pieces } = await cutPayload(order.loaded, held?.loaded, new Slices(this.#clock));
    for (const piece of pieces) await this.sendPaced({ kind: 'piece', id, piece });
    const answer = this.#answer((given) => (given.kind === 'prepared' || given.kind === 'failed') && given.id === id);
    this.#building = id;
    // Without its secrets for tickets, which move on.
    this.#built = { generation: order.generation, loaded: order.loaded };
    this.send({ kind: 'prepare', id, ...order, base: held?.generation, loaded: head });
    const given = await answer;
    if (given.kind === 'failed') throw new WorkerFailure(given.message);
  }

  /** Puts a prepared generation active; resolves when it is. */
  async commit(generation: number): Promise<void> {
    const answer = this.#answer((given) => given.kind === 'committed' && given.generation === generation);
    this.send({ kind: 'commit', generation });
    await answer;
    this.#held = this.#built?.generation === generation ? this.#built : undefined;
  }

  /** Returns the runtime that was proven. */
  async listen(message: Extract<ToWorker, { kind: 'listen' }>): Promise<string> {
    const answer = this.#answer((given) => given.kind === 'listening' || given.kind === 'listenFailed');
    this.send(message);
    const given = await answer;
    if (given.kind !== 'listening') throw new WorkerFailure(given.kind === 'listenFailed' ? given.message : given.kind);
    // The word that it leaves may come with the same read.
    this.ready = !this.leaving;
    return given.runtime;
  }

  /** The worker's metrics now, or the last ones where it does not answer. */
  async snapshot(): Promise<MetricsSnapshot | undefined> {
    if (this.unresponsive) return this.lastSnapshot;
    const id = ++this.#questions;
    try {
      const answer = this.#answer((given) => given.kind === 'snapshot' && given.id === id, 2_000);
      this.send({ kind: 'snapshot', id });
      await answer;
    } catch {
      // Busy or gone: the last snapshot is the best there is.
    }
    return this.lastSnapshot;
  }

  /** What it says of itself; undefined where it does not answer. */
  async observe(): Promise<Observation | undefined> {
    if (this.unresponsive) return undefined;
    const id = ++this.#questions;
    const answer = this.#answer((given) => given.kind === 'observed' && given.id === id, 2_000);
    this.send({ kind: 'observe', id });
    const given = await answer.catch(() => undefined);
    return given?.kind === 'observed' ? given.observation : undefined;
  }

  /** Has the worker tell at once which clients it saw; resolves when it has, or does not answer. */
  async tellSeen(): Promise<void> {
    if (this.unresponsive) return;
    const id = ++this.#questions;
    const answer = this.#answer((given) => given.kind === 'seen' && given.id === id, 2_000);
    this.send({ kind: 'seen', id });
    // Busy or gone: what it told before is the best there is.
    await answer.catch(() => {});
  }

  /** Resolves when it answers CAs so, or is not there to be asked; rejects where it says nothing. */
  async takeChallenges(answers: readonly ChallengeAnswer[]): Promise<void> {
    if (this.#gone) return;
    const id = ++this.#questions;
    const answer = this.#answer((given) => given.kind === 'challenged' && given.id === id);
    this.send({ kind: 'challenges', id, answers });
    await answer.catch((error: unknown) => {
      if (!this.#gone) throw error;
    });
  }

  kill(): void {
    if (!this.#gone) this.#child.kill('SIGKILL');
  }

  async #answer(wants: (message: FromWorker) => boolean, limitMs = answerMs): Promise<FromWorker> {
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(limitMs, () =>
        settle(new WorkerFailure(`worker ${this.slot} did not answer in time`, true)),
      );
      const settle = (message: FromWorker | WorkerFailure): void => {
        cancel();
        this.#waiting.delete(waiting);
        if (message instanceof WorkerFailure) reject(message);
        else resolve(message);
      };
      const waiting: Waiting = { wants, settle };
      this.#waiting.add(waiting);
      if (this.#gone) settle(new WorkerFailure(`worker ${this.slot} is gone`));
    });
  }

  #onMessage(message: FromWorker): void {
    this.heard++;
    this.unresponsive = false;
    if ((message.kind === 'prepared' || message.kind === 'failed') && message.id === this.#building)
      this.#building = undefined;
    // Also unasked: a worker that ends tells its numbers once more.
    if (message.kind === 'snapshot') this.lastSnapshot = message.metrics;
    if (message.kind === 'intermediate') this.#onIntermediate(message.der);
    if (message.kind === 'spent') this.#onSpent(message.report);
    if (message.kind === 'seen' && message.report !== undefined) this.#onSeen(message.report, this);
    if (message.kind === 'spans') this.#onSpans(message.batch);
    if (message.kind === 'failures') this.#onFailures(message.report);
    if (message.kind === 'leaving') {
      this.leaving = true;
      this.ready = false;
      this.#onLeaving();
    }
    for (const waiting of this.#waiting) if (waiting.wants(message)) return waiting.settle(message);
  }

  #fail(reason: string): void {
    for (const waiting of this.#waiting) waiting.settle(new WorkerFailure(`worker ${this.slot} ${reason}`));
  }
}
