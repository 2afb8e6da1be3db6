// Has CRLs built in a thread of their own, one after the other, and remembers what is in use so that the same bytes are built
// once. A thread that dies or hangs refuses the CRL it was at, and nothing else.
import { hash } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import type { Clock } from '../base/clock.ts';
import { entryModule } from '../base/entry-module.ts';
import type { BuiltCrl, CrlOrder } from './build.ts';
import { CrlRejection } from './rejection.ts';
import type { CrlFacts, IndexedCrl } from './crl-set.ts';
import type { ThreadAnswer, ThreadOrder } from './thread.ts';

/** For one source, however large. */
const buildMs = 60_000;
/** A thread costs some 30 MB: it goes when there is nothing to do, after a moment in which more may come. */
const idleMs = 1_000;
const maxWaiting = 10_000;
/** Above what a CRL at its limit takes; a thread that asks for more ends alone. */
const maxHeapMb = 1_536;

export type CrlResult = { readonly crls: readonly IndexedCrl[] } | { readonly refusal: CrlRejection };

export type CrlBuilderOptions = {
  readonly clock: Clock;
  /** Of the thread's module; default crl-thread beside this one. */
  readonly entry?: URL;
};

type Job = {
  readonly order: ThreadOrder;
  readonly issuersKey: string;
  /** By digest; held from the moment the thread is told of them. */
  known: ReadonlyMap<string, IndexedCrl>;
  settle(result: CrlResult): void;
};

type Built = { readonly facts: CrlFacts; readonly index: WeakRef<Uint8Array> };

export class CrlBuilder {
  readonly #options: CrlBuilderOptions;
  readonly #waiting: Job[] = [];
  #running: Job | undefined;
  #thread: Worker | undefined;
  #cancel: (() => void) | undefined;
  #lastId = 0;
  #closed = false;
  /** By issuers and digest; weak, so that what nobody uses any more is built anew rather than kept. */
  readonly #built = new Map<string, Built>();

  constructor(options: CrlBuilderOptions) {
    this.#options = options;
  }

  /** Never rejects. Bytes that are given are handed over: they are empty afterwards. */
  async build(order: Omit<CrlOrder, 'known'>): Promise<CrlResult> {
    if (this.#closed || this.#waiting.length >= maxWaiting) return notBuilt('too many CRLs wait to be read');
    const id = ++this.#lastId;
    const issuersKey = hash('sha256', order.issuers.map((der) => hash('sha256', der)).join(), 'hex');
    return new Promise((resolve) => {
      this.#waiting.push({ order: { ...order, id, known: [] }, issuersKey, known: new Map(), settle: resolve });
      this.#next();
    });
  }

  /** What waits is refused. */
  close(): void {
    this.#closed = true;
    this.#end('the gateway stops');
    for (const job of this.#waiting.splice(0)) job.settle(notBuilt('the gateway stops'));
  }

  #next(): void {
    if (this.#running !== undefined) return;
    this.#cancel?.();
    const job = this.#waiting.shift();
    if (job === undefined) {
      // While it works it keeps the process alive; while it waits it does not.
      this.#thread?.unref();
      this.#cancel = this.#options.clock.after(idleMs, () => this.#end(''));
      return;
    }
    this.#running = job;
    this.#cancel = this.#options.clock.after(buildMs, () => this.#end(`it took longer than ${buildMs / 1000} s`));
    try {
      job.known = this.#findKnown(job.issuersKey);
      this.#thread ??= this.#start();
      this.#thread.ref();
      const { from } = job.order;
      const whole = 'bytes' in from && from.bytes.byteLength === from.bytes.buffer.byteLength;
      const order: ThreadOrder = { ...job.order, known: [...job.known.keys()] };
      this.#thread.postMessage(order, whole ? [from.bytes.buffer as ArrayBuffer] : []);
    } catch (error) {
      this.#end(`no thread could be started (${String(error)})`);
    }
  }

  #start(): Worker {
    const entry = this.#options.entry ?? entryModule('crl/thread');
    const thread = new Worker(entry, { resourceLimits: { maxOldGenerationSizeMb: maxHeapMb } });
    thread.on('message', (answer: ThreadAnswer) => this.#onAnswer(answer));
    const gone = (why: string): void => {
      if (this.#thread === thread) this.#end(why);
    };
    thread.on('error', (error) => gone(`the thread that read it failed (${String(error)})`));
    thread.on('exit', () => gone('the thread that read it ended'));
    return thread;
  }

  #onAnswer(answer: ThreadAnswer): void {
    const job = this.#running;
    if (job === undefined || job.order.id !== answer.id) return;
    this.#running = undefined;
    this.#cancel?.();
    job.settle(
      answer.ok
        ? this.#adopt(answer.crls, job)
        : { refusal: new CrlRejection(answer.code, answer.message, answer.hint) },
    );
    this.#next();
  }

  #adopt(built: readonly BuiltCrl[], { order, issuersKey, known }: Job): CrlResult {
    const crls: IndexedCrl[] = [];
    for (const one of built) {
      const same = 'facts' in one ? one : known.get(one.knownDigest);
      if (same === undefined) return notBuilt('the thread answered for another CRL');
      this.#built.set(`${issuersKey} ${same.facts.digest}`, { facts: same.facts, index: new WeakRef(same.index) });
      crls.push({ facts: { ...same.facts, source: order.name }, index: same.index });
    }
    return { crls };
  }

  #findKnown(issuersKey: string): Map<string, IndexedCrl> {
    const found = new Map<string, IndexedCrl>();
    for (const [key, { facts, index: ref }] of this.#built) {
      const index = ref.deref();
      if (index === undefined) this.#built.delete(key);
      else if (key === `${issuersKey} ${facts.digest}`) found.set(facts.digest, { facts, index });
    }
    return found;
  }

  /** Ends the thread; the job it was at is refused. */
  #end(why: string): void {
    const thread = this.#thread;
    this.#thread = undefined;
    this.#cancel?.();
    const job = this.#running;
    this.#running = undefined;
    void thread?.terminate().catch(() => {});
    job?.settle(notBuilt(why));
    if (!this.#closed && job !== undefined) this.#next();
  }
}

function notBuilt(why: string): CrlResult {
  return {
    refusal: new CrlRejection('crl_not_built', `it could not be taken in: ${why}`, 'Try again; look at the log.'),
  };
}
