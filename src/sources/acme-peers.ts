// Gateways that share a folder, for one certificate. A CA that validates comes to any of them, so what one of them has put out is answered
// by all before the CA is asked to look: who orders writes it down, the others take it over and say so, each in a file of its own. A gateway
// that has not been heard of for some seconds is not waited for.
import { hash, randomUUID } from 'node:crypto';
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChallengeAnswer } from '../acme/challenge-answers.ts';
import { waitFor } from '../acme/poll.ts';
import type { Clock } from '../base/clock.ts';
import { readRegularFileSync } from '../base/read-regular-file.ts';
import { replacePrivateFile } from '../store/private-file.ts';
import type { ChallengeHost } from './source.ts';

const lookMs = 1_000;
/** Not heard of for longer: gone. */
const silentMs = 5_000;
/** For others to take over; whoever has not by then is in trouble of its own. */
const patienceMs = 10_000;
/** What a gateway that was killed has left behind. */
const oldMs = 900_000;
const maxFileBytes = 1024 * 1024;

type Put = { readonly digest: string; readonly answers: readonly ChallengeAnswer[] };

const nothing: Put = { digest: '', answers: [] };

export type AcmePeersOptions = {
  readonly folder: string;
  /** Of the certificate. */
  readonly id: string;
  /** By whose order challenges are, here. */
  readonly owner: string;
  readonly challenges: ChallengeHost;
  readonly clock: Clock;
  readonly signal: AbortSignal;
};

export class AcmePeers {
  readonly #options: AcmePeersOptions;
  readonly #own: string;
  readonly #common: string;
  /** Digest of what our workers answer. */
  #served = '';
  /** We order: what is answered here is ours. */
  #isOrdering = false;

  constructor(options: AcmePeersOptions) {
    this.#options = options;
    this.#own = `peer-${options.id}-${randomUUID()}`;
    this.#common = join(options.folder, `challenges-${options.id}.json`);
  }

  /** Looks from now on, until the signal. Never rejects. */
  async watch(): Promise<void> {
    const { folder, challenges, clock, signal } = this.#options;
    try {
      await challenges.ready(signal);
      for (;;) {
        await this.#look().catch(() => {
          // The folder cannot be used in this moment: whoever orders says so.
        });
        await waitFor(lookMs, clock, signal);
      }
    } catch {
      // The signal.
      rmSync(join(folder, this.#own), { force: true });
    }
  }

  async #look(): Promise<void> {
    const { challenges, owner } = this.#options;
    if (!this.#isOrdering) {
      const put = this.#read();
      if (put.digest !== this.#served) {
        await challenges.publish(owner, put.answers);
        this.#served = put.digest;
      }
    }
    this.#sayServed();
  }

  /** For who orders: these and no others are answered by every gateway of the folder. Resolves when they are. */
  async publish(answers: readonly ChallengeAnswer[]): Promise<void> {
    const { challenges, owner, clock, signal } = this.#options;
    this.#isOrdering = answers.length > 0;
    await challenges.publish(owner, answers);
    if (answers.length === 0) {
      rmSync(this.#common, { force: true });
      this.#served = '';
      return;
    }
    const put: Put = { digest: hash('sha256', JSON.stringify(answers)), answers };
    replacePrivateFile(this.#common, JSON.stringify(put));
    this.#served = put.digest;
    this.#sayServed();
    const until = clock.monotonic() + patienceMs;
    while (!this.#isServedByAll(put.digest) && clock.monotonic() < until) {
      await waitFor(lookMs / 4, clock, signal);
      this.#sayServed();
    }
  }

  #read(): Put {
    try {
      if (this.#age(this.#common) > oldMs) return nothing;
      const { digest, answers } = JSON.parse(readRegularFileSync(this.#common, maxFileBytes).toString('utf8')) as Put;
      return typeof digest === 'string' && Array.isArray(answers) ? { digest, answers } : nothing;
    } catch {
      return nothing;
    }
  }

  #sayServed(): void {
    writeFileSync(join(this.#options.folder, this.#own), this.#served, { mode: 0o600 });
  }

  #isServedByAll(digest: string): boolean {
    const { folder, id } = this.#options;
    const others = readdirSync(folder).filter((name) => name.startsWith(`peer-${id}-`) && name !== this.#own);
    return others.every((name) => {
      const path = join(folder, name);
      try {
        const age = this.#age(path);
        if (age > oldMs) rmSync(path, { force: true });
        if (age > silentMs) return true;
        return readRegularFileSync(path, maxFileBytes).toString('latin1') === digest;
      } catch {
        // It has just gone.
        return true;
      }
    });
  }

  /** By the clock of whoever has the folder: those of two machines differ. */
  #age(path: string): number {
    const now = statSync(join(this.#options.folder, this.#own), { throwIfNoEntry: false })?.mtimeMs;
    return (now ?? this.#options.clock.now()) - statSync(path).mtimeMs;
  }
}
