// One source while the gateway runs: when it is asked, what of it may be used, and what is wrong with it. What it delivers and is
// not believed changes nothing; the last good material stays, until it expires and after it (an expired certificate opens nothing).
import type { Clock } from '../base/clock.ts';
import { type SourceConfig, sourceKey } from '../config/source-config.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type Delivered, isDelivered, verifyDelivery } from './delivered.ts';
import { type Delivery, problemOf, type Source, type SourceProblem } from './source.ts';

const firstRetryMs = 1_000;
const maxRetryMs = 300_000;
/** Of an agent on this host: nobody else is troubled, and it should be asked as soon as it is back. */
const maxLocalRetryMs = 15_000;
/** However near its end something is. */
const minRenewMs = 1_000;
/** Certificates of CAs say nothing of when they will be replaced. */
const anchorsRefreshMs = 3_600_000;
/** Part of the lifetime, and of a wait after a failure, by which gateways that were started together differ. */
const jitter = 0.1;

export type FeedDependencies = {
  readonly clock: Clock;
  /** Between 0 and 1. */
  readonly random: () => number;
  readonly make: (config: SourceConfig) => Promise<Source>;
  /** Undefined: nobody is told but by what is asked here. */
  readonly log: () => Logger | undefined;
  /** Something else may be used from now on. */
  readonly onChange: (feed: SourceFeed) => void;
};

/** What is known of a source, for listings; times in milliseconds since the epoch. */
export type SourceState = {
  readonly label: string;
  readonly kind: SourceConfig['kind'];
  readonly want: SourceConfig['want'];
  readonly current: Omit<Delivered, 'chainPem' | 'keyPem' | 'digest'> | undefined;
  /** When it is asked next; undefined: it tells by itself. */
  readonly nextAt: number | undefined;
  /** Why the last attempt brought nothing; undefined where it did. */
  readonly problem: (SourceProblem & { readonly at: number }) | undefined;
  readonly failures: number;
  readonly deliveries: number;
};

export class SourceFeed {
  readonly config: SourceConfig;
  readonly key: string;
  readonly #dependencies: FeedDependencies;
  #source: Source | undefined;
  #newest: Delivered | undefined;
  /** What a configuration that is in force was built with. */
  #inForce: Delivered | undefined;
  #problem: (SourceProblem & { readonly at: number }) | undefined;
  #failures = 0;
  #deliveries = 0;
  /** Failures of the same kind. */
  #inARow = 0;
  #retryMs = firstRetryMs;
  #nextAt: number | undefined;
  #cancel: () => void = () => {};
  #closed = false;
  #listeners: (() => void)[] = [];

  constructor(config: SourceConfig, dependencies: FeedDependencies) {
    this.config = config;
    this.key = sourceKey(config);
    this.#dependencies = dependencies;
    void this.#open();
  }

  /** The newest material that may be used; undefined: there is none yet. */
  get newest(): Delivered | undefined {
    return this.#newest;
  }

  get problem(): SourceProblem | undefined {
    return this.#problem;
  }

  get state(): SourceState {
    const { label, kind, want } = this.config;
    const { chainPem: _chain, keyPem: _key, digest: _digest, ...shown } = this.#newest ?? noMaterial;
    return {
      label,
      kind,
      want,
      current: this.#newest && shown,
      nextAt: this.#nextAt,
      problem: this.#problem,
      failures: this.#failures,
      deliveries: this.#deliveries,
    };
  }

  /** Resolves when there is material, with `orProblem` also where an attempt failed; or after `waitMs`. */
  async first(waitMs: number, orProblem: boolean): Promise<void> {
    const isKnown = (): boolean => this.#newest !== undefined || (orProblem && this.#problem !== undefined);
    if (isKnown() || this.#closed) return;
    const { clock } = this.#dependencies;
    await new Promise<void>((resolve) => {
      const cancel = clock.after(waitMs, resolve);
      const listen = (): void => {
        if (!isKnown() && !this.#closed) return void this.#listeners.push(listen);
        cancel();
        resolve();
      };
      this.#listeners.push(listen);
    });
  }

  /** A configuration that was built with this is in force. */
  settle(delivered: Delivered): void {
    this.#inForce = delivered;
    if (this.#newest !== undefined && this.#newest.digest !== delivered.digest) this.#dependencies.onChange(this);
  }

  /** The newest cannot be used where it is meant to be: back to what is in force. True where there was a difference. */
  refuse(why: string): boolean {
    if (this.#inForce === undefined || this.#newest?.digest === this.#inForce.digest) return false;
    this.#newest = this.#inForce;
    this.#fail({
      code: 'source_refused',
      message: `${this.config.label}: what was delivered cannot be used: ${why}`,
      hint: 'Correct what the source issues, or the configuration.',
    });
    return true;
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
    this.#source?.close();
    this.#tell();
  }

  async #open(): Promise<void> {
    try {
      const source = await this.#dependencies.make(this.config);
      if (this.#closed) return;
      this.#source = source;
      source.open({
        deliver: (delivery) => this.#take(delivery),
        fail: (problem) => this.#fail(problem),
      });
      source.renew();
    } catch (error) {
      this.#fail(problemOf(error));
    }
  }

  #take(delivery: Delivery): void {
    if (this.#closed) return;
    const { clock, log, onChange } = this.#dependencies;
    let outcome: Delivered | SourceProblem;
    try {
      outcome = verifyDelivery(delivery, this.config, clock.now());
    } catch (error) {
      outcome = problemOf(error);
    }
    if (!isDelivered(outcome)) return this.#fail(outcome);
    const before = this.#newest;
    this.#newest = outcome;
    this.#problem = undefined;
    this.#deliveries += 1;
    this.#retryMs = firstRetryMs;
    this.#schedule(this.#renewalAt(outcome));
    const isNew = before?.digest !== outcome.digest;
    if (isNew) {
      const { label: source } = this.config;
      const { subject, serial } = outcome;
      const notAfter = new Date(outcome.notAfter).toISOString();
      log()?.info({ source, subject, serial, notAfter }, 'a source of certificates delivered');
    }
    this.#tell();
    if (isNew) onChange(this);
  }

  #fail(problem: SourceProblem): void {
    if (this.#closed) return;
    const { clock, log, random } = this.#dependencies;
    const now = clock.now();
    this.#failures += 1;
    const retryMs = Math.max(problem.retryAfterMs ?? 0, this.#retryMs) * (1 - jitter * random());
    this.#retryMs = Math.min(this.#retryMs * 2, this.config.kind === 'spiffe' ? maxLocalRetryMs : maxRetryMs);
    const { code, message, hint } = problem;
    const isNews = this.#problem?.code !== code;
    this.#inARow = isNews ? 1 : this.#inARow + 1;
    this.#problem = { code, message, hint, at: now };
    this.#schedule(now + retryMs);
    const about = { source: this.config.label, code, why: message, hint, retryInMs: Math.round(retryMs) };
    const kept = this.#newest;
    // Again and again the same: told when it came, and whenever it has lasted twice as long.
    if ((this.#inARow & (this.#inARow - 1)) !== 0)
      log()?.debug(about, 'a source of certificates delivers nothing still');
    else if (kept === undefined) log()?.error(about, 'a source of certificates delivers nothing');
    else if (now > kept.notAfter)
      log()?.error(about, 'a source of certificates delivers nothing new, and what it delivered last has expired');
    else log()?.warn(about, 'a source of certificates delivers nothing new; what it delivered last stays');
    this.#tell();
  }

  #renewalAt({ notBefore, notAfter, renewAt }: Delivered): number {
    const { clock, random } = this.#dependencies;
    const now = clock.now();
    const soonest = now + minRenewMs;
    if (renewAt !== undefined) return Math.max(renewAt, soonest);
    const spread = 1 - jitter * random();
    if (this.config.want === 'anchors') return now + anchorsRefreshMs * spread;
    const at = notBefore + ((notAfter - notBefore) * 2 * spread) / 3;
    // What comes in its last third is asked for again in ever shorter steps, until there is something newer.
    return at >= soonest ? at : Math.max(soonest, now + (notAfter - now) / 3);
  }

  #schedule(at: number): void {
    const { clock } = this.#dependencies;
    this.#cancel();
    this.#nextAt = at;
    this.#cancel = clock.after(Math.max(0, at - clock.now()), () => {
      this.#nextAt = undefined;
      if (this.#closed) return;
      if (this.#source === undefined) void this.#open();
      else this.#source.renew();
    });
  }

  #tell(): void {
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) listener();
  }
}

const noMaterial: Delivered = {
  digest: '',
  chainPem: '',
  keyPem: '',
  subject: '',
  serial: '',
  notBefore: 0,
  notAfter: 0,
  at: 0,
  renewAt: undefined,
};
