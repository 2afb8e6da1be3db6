// The control process as the primary sees it: forked like a worker, watched like one, and started again with growing pauses. What
// becomes of it changes nothing for traffic, health and metrics. Loaded only where the configuration has a store.
import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { hostname } from 'node:os';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../base/clock.ts';
import { entryModule } from '../base/entry-module.ts';
import type {
  ControlStart,
  FiringCount,
  FromControl,
  GatewayInstance,
  ShownCertificate,
  ToControl,
} from '../control/messages.ts';
import type { DriftReport } from '../gateway/drift.ts';
import type { FailureReport } from '../gateway/failure-tally.ts';
import type { RecordAct, RecordOutcome, SharedStore } from '../sharing/shared-store.ts';
import type { StoreAddress } from '../loading/open-store.ts';
import type { Logger } from '../telemetry/logger.ts';
import { Backoff } from './backoff.ts';
import type { DriftBoard } from './drift-board.ts';
import type { FailureLine } from './failure-line.ts';
import { passOn, refuseRequest, RequestLine } from './control-requests.ts';
import { type AnswerDependencies, answerQuestion } from './control-questions.ts';
import { findProcessActivity } from './process-activity.ts';
import { type Watched, Watchdog } from './watchdog.ts';

export type ControlProcessOptions = AnswerDependencies & {
  readonly clock: Clock;
  readonly log: Logger;
  readonly failures: Pick<FailureLine, 'connect' | 'taken'>;
  /** Alerts that this gateway has; none are known while there is no process. */
  readonly onFiring: (firing: readonly FiringCount[]) => void;
  readonly onEnd: () => void;
  readonly drift: Pick<DriftBoard, 'report'>;
  /** Whose records it writes; undefined: nobody's. */
  readonly sharing?: { readonly store: Pick<SharedStore, 'connect' | 'written'> } | undefined;
  readonly store: StoreAddress;
  /** URL path of its entry module; tests have their own. */
  readonly entry?: string;
};

const ownEntry = fileURLToPath(entryModule('control/control'));

export class ControlProcess {
  readonly #options: ControlProcessOptions;
  readonly #backoff = new Backoff();
  readonly #watchdog: Watchdog<Handle>;
  #start: ControlStart | undefined;
  #handle: Handle | undefined;
  #dismissed = false;
  #endedAt: number[] = [];
  readonly #instance: GatewayInstance;

  constructor(options: ControlProcessOptions) {
    this.#options = options;
    const startedAt = options.clock.now();
    this.#instance = { id: randomUUID(), machine: hostname().slice(0, 200), pid: process.pid, startedAt };
    this.#watchdog = new Watchdog({
      clock: options.clock,
      workers: () => (this.#handle === undefined || this.#handle.gone ? [] : [this.#handle]),
      activity: findProcessActivity,
      onHung: (handle, why) => {
        options.log.error({ pid: handle.pid, why }, 'control process hangs; ended');
        handle.kill();
      },
    });
  }

  /** `url`: where the admin entry point is reached. Waits for nothing. */
  start(url: string): void {
    const { log, drift } = this.#options.active.startedWith;
    const { level, format, file } = log;
    const { name: gateway } = this.#options.active.startedWith;
    this.#start = {
      store: this.#options.store,
      url,
      gateway,
      verifyEveryMs: drift.everyMs,
      instance: this.#instance,
      log: { level, format, file },
    };
    this.#watchdog.start();
    this.#fork(this.#start);
  }

  /** Answers in any case, sooner or later. `shown`: as passOn. */
  async answer(request: IncomingMessage, response: ServerResponse, shown?: ShownCertificate): Promise<void> {
    const handle = this.#handle;
    if (handle === undefined || handle.gone || handle.unresponsive) return refuseRequest(response, 'not_running');
    return passOn(request, response, handle.requests, this.#options.clock, shown);
  }

  /** Of the last hour, oldest first. */
  get endedAt(): readonly number[] {
    return this.#endedAt;
  }

  get isUp(): boolean {
    return this.#handle !== undefined && !this.#handle.gone && !this.#handle.unresponsive;
  }

  /** What runs has changed, or was refused. */
  tellChanged(): void {
    this.#handle?.send({ kind: 'changed' });
  }

  reopenLogs(): void {
    this.#handle?.send({ kind: 'reopen' });
  }

  /** It is ended, and no other comes. What it confirmed is on the disk. */
  stop(): void {
    this.#dismissed = true;
    this.#handle?.kill();
  }

  #fork(start: ControlStart): void {
    const { clock, log } = this.#options;
    const startedAt = clock.monotonic();
    const { failures, sharing, drift } = this.#options;
    const handle: Handle = new Handle(this.#options.entry ?? ownEntry, this.#options, {
      onTaken: () => failures.taken(),
      onRecords: () => sharing?.store.connect(handle),
      onRecorded: (id, outcome) => sharing?.store.written(id, outcome),
      onDrift: (report) => drift.report(report),
      onFiring: (firing) => this.#options.onFiring(firing),
    });
    this.#handle = handle;
    handle.send({ kind: 'start', start });
    failures.connect(handle);
    void handle.exited.then(({ code, signal }) => {
      failures.connect(undefined);
      sharing?.store.connect(undefined);
      this.#options.onFiring([]);
      if (this.#dismissed) return;
      this.#options.onEnd();
      const now = clock.now();
      this.#endedAt = [...this.#endedAt.filter((at) => at > now - endsKeptMs), now].slice(-maxEnds);
      const restartInMs = this.#backoff.delayAfter(clock.monotonic() - startedAt);
      log.error({ pid: handle.pid, code, signal, restartInMs }, 'control process ended; it will be started again');
      clock.after(restartInMs, () => {
        if (!this.#dismissed) this.#fork(start);
      });
    });
  }
}

const endsKeptMs = 3_600_000;
const maxEnds = 100;

type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

/**
 * Answers are made and forgotten. By default V8 lets 48 MB of that lie before it looks, and what lay there meanwhile grows old: 266 MB
 * of memory after 4,500 requests of which 33 are in use. With less to lie there are 139 (decision 0063).
 */
const youngHeap = ['--max-semi-space-size=1'];

/** What it tells unasked. */
type ControlNews = {
  readonly onFiring: (firing: readonly FiringCount[]) => void;
  readonly onTaken: () => void;
  readonly onRecords: () => void;
  readonly onRecorded: (id: number, outcome: RecordOutcome) => void;
  readonly onDrift: (report: DriftReport) => void;
};

/** One process, from its fork to its end. */
class Handle implements Watched {
  readonly exited: Promise<Exit>;
  readonly requests: RequestLine;
  readonly building = false;
  heard = 0;
  unresponsive = false;
  #gone = false;
  readonly #child: ChildProcess;

  readonly #news: ControlNews;

  constructor(entry: string, dependencies: AnswerDependencies, news: ControlNews) {
    this.#news = news;
    this.#child = fork(entry, [], {
      execArgv: [...process.execArgv, ...youngHeap],
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', 'pipe'],
      env: environment(),
    });
    this.requests = new RequestLine(this.#child.stdio[4] as unknown as Duplex);
    this.#child.on('message', (message) => void this.#onMessage(message as FromControl, dependencies));
    this.exited = new Promise((resolve) => {
      const end = (exit: Exit): void => {
        this.#gone = true;
        this.requests.close();
        resolve(exit);
      };
      this.#child.on('exit', (code, signal) => end({ code, signal }));
      this.#child.on('error', () => {
        if (this.#child.pid === undefined) end({ code: null, signal: null });
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get gone(): boolean {
    return this.#gone;
  }

  ping(): void {
    this.send({ kind: 'ping' });
  }

  send(message: ToControl): void {
    if (!this.#gone && this.#child.connected) this.#child.send(message, () => {});
  }

  sendFailures(report: FailureReport): void {
    this.send({ kind: 'failures', report });
  }

  writeRecord(id: number, act: RecordAct): void {
    this.send({ kind: 'record', id, act });
  }

  kill(): void {
    if (!this.#gone) this.#child.kill('SIGKILL');
  }

  async #onMessage(message: FromControl, dependencies: AnswerDependencies): Promise<void> {
    this.heard++;
    // At once: it may just have said that it serves, after a start that took long.
    this.unresponsive = false;
    if (message.kind === 'taken') this.#news.onTaken();
    if (message.kind === 'records') this.#news.onRecords();
    if (message.kind === 'recorded') this.#news.onRecorded(message.id, message.outcome);
    if (message.kind === 'drift') this.#news.onDrift(message.report);
    if (message.kind === 'firing') this.#news.onFiring(message.firing);
    if (message.kind !== 'ask') return;
    const { id, question } = message;
    const outcome = await answerQuestion(question, dependencies);
    if ('why' in outcome) this.send({ kind: 'noAnswer', id, why: outcome.why });
    else this.send({ kind: 'answer', id, answer: outcome.answer });
  }
}

/** What Node and the log go by. The rest may be keys and passwords: a configuration takes them from there. */
const passedVariables = [
  'PATH',
  'HOME',
  'TMPDIR',
  'TZ',
  'LANG',
  'LC_ALL',
  'TERM',
  'NO_COLOR',
  // An allocator, or what else is put before the libraries of all processes.
  'LD_PRELOAD',
  'NODE_OPTIONS',
  'NODE_COMPILE_CACHE',
  'NODE_DISABLE_COMPILE_CACHE',
];

function environment(): Record<string, string> {
  const passed = passedVariables.flatMap((name): [string, string][] => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  });
  return { MALLOC_ARENA_MAX: '2', ...Object.fromEntries(passed) };
}
