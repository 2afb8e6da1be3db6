// Has bcrypt hashes compared in a thread, one after the other. One that dies or hangs lets nobody in, and makes room for another.
import { Worker } from 'node:worker_threads';
import type { Clock } from '../base/clock.ts';
import { entryModule } from '../base/entry-module.ts';
import type { BcryptAnswer, BcryptOrder } from './bcrypt-thread.ts';

/** For one password: the most costly hash that is accepted takes some two seconds. */
const checkMs = 15_000;
/** A thread costs some 30 MB: it goes when nobody logs in. */
const idleMs = 60_000;
const maxHeapMb = 64;

type Job = { readonly id: number; settle(fits: boolean | Error): void };

export class BcryptChecker {
  readonly #clock: Pick<Clock, 'after'>;
  readonly #entry: URL;
  #thread: Worker | undefined;
  #job: Job | undefined;
  #lastId = 0;
  #cancel: (() => void) | undefined;

  /** `entry`: the thread's module. */
  constructor(clock: Pick<Clock, 'after'>, entry = entryModule('filters/bcrypt-thread')) {
    this.#clock = clock;
    this.#entry = entry;
  }

  /** Ask for one at a time. Rejects where it cannot be computed. */
  async check(password: string, hash: string): Promise<boolean> {
    if (this.#job !== undefined) throw new Error('one password at a time');
    this.#cancel?.();
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const settle = (fits: boolean | Error): void => (fits instanceof Error ? reject(fits) : resolve(fits));
      this.#job = { id, settle };
      this.#cancel = this.#clock.after(checkMs, () => this.#end('it takes too long'));
      try {
        this.#thread ??= this.#start();
        // While it works it keeps the process alive; while it waits it does not.
        this.#thread.ref();
        this.#thread.postMessage({ id, password, hash } satisfies BcryptOrder);
      } catch (error) {
        this.#end(`no thread could be started (${String(error)})`);
      }
    });
  }

  #start(): Worker {
    const thread = new Worker(this.#entry, { resourceLimits: { maxOldGenerationSizeMb: maxHeapMb } });
    thread.on('message', (answer: BcryptAnswer) => this.#onAnswer(answer));
    const gone = (why: string): void => {
      if (this.#thread === thread) this.#end(why);
    };
    thread.on('error', (error) => gone(`the thread failed (${error instanceof Error ? error.name : 'unknown'})`));
    thread.on('exit', () => gone('the thread ended'));
    return thread;
  }

  #onAnswer({ id, fits }: BcryptAnswer): void {
    const job = this.#job;
    if (job?.id !== id) return;
    this.#job = undefined;
    this.#cancel?.();
    this.#thread?.unref();
    this.#cancel = this.#clock.after(idleMs, () => this.#end(''));
    job.settle(fits ?? new Error('the hash cannot be compared'));
  }

  #end(why: string): void {
    const [thread, job] = [this.#thread, this.#job];
    this.#thread = undefined;
    this.#job = undefined;
    this.#cancel?.();
    void thread?.terminate().catch(() => {});
    job?.settle(new Error(why));
  }
}
