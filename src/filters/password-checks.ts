// Compares passwords with what is kept of them, for all routes of a worker. What is slow on purpose runs beside the event loop,
// few at a time; those that wait have a limit, and who finds it reached is refused: nobody is let in because there is no time.
import { argon2, hash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import type { PasswordForm } from '../config/password-form.ts';
import { BcryptChecker } from './bcrypt-checker.ts';
import { Remembered } from './remembered.ts';

/** argon2 runs on Node's pool of four threads, which reading files and looking up names need too. */
const argonAtOnce = 2;
const maxWaiting = 128;
/** How long a password that fitted a hash is not computed again: else every reload, and every minute, costs each client's anew. */
const rememberMs = 300_000;
const maxRemembered = 4096;

type Argon = Extract<PasswordForm, { readonly kind: 'argon2id' }>;

/** Somebody waits for the outcome; who has gone away calls `cancel`. */
export type PasswordCheck = { readonly fits: Promise<boolean>; cancel(): void };

type Job = {
  readonly act: () => Promise<boolean>;
  readonly resolve: (fits: boolean) => void;
  readonly reject: (error: unknown) => void;
};

/** Does so many things at once, and lets so many wait. */
class Lane {
  readonly #atOnce: number;
  readonly #waiting = new Set<Job>();
  #running = 0;

  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  /** Throws Fault where too many wait. */
  add(act: () => Promise<boolean>): PasswordCheck {
    if (this.#waiting.size >= maxWaiting)
      throw new Fault('auth_unavailable', 'gateway', { detail: `${maxWaiting} passwords wait to be checked` });
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const job: Job = { act, resolve, reject };
    this.#waiting.add(job);
    this.#next();
    return { fits: promise, cancel: () => void this.#waiting.delete(job) };
  }

  #next(): void {
    const [job] = this.#waiting;
    if (job === undefined || this.#running >= this.#atOnce) return;
    this.#waiting.delete(job);
    this.#running++;
    void job
      .act()
      .then(job.resolve, job.reject)
      .finally(() => {
        this.#running--;
        this.#next();
      });
  }
}

export class PasswordChecks {
  readonly #bcrypt: BcryptChecker;
  readonly #bcryptLane = new Lane(1);
  readonly #argonLane = new Lane(argonAtOnce);

  readonly #clock: Pick<Clock, 'after' | 'monotonic'>;
  /** Under what is kept of the password: where that changes, nothing is remembered. */
  readonly #fitted = new Remembered<true>(maxRemembered);

  constructor(clock: Pick<Clock, 'after' | 'monotonic'>) {
    this.#bcrypt = new BcryptChecker(clock);
    this.#clock = clock;
  }

  /** At once for what costs little. Throws Fault where too many wait. */
  check(form: PasswordForm, password: string): boolean | PasswordCheck {
    switch (form.kind) {
      case 'plain':
        return isSame(digest('sha256', password), digest('sha256', form.text));
      case 'sha1':
        return isSame(digest('sha1', password), Buffer.from(form.digest, 'base64'));
      case 'bcrypt':
        return this.#slowly(this.#bcryptLane, form, password, async () => this.#bcrypt.check(password, form.hash));
      default:
        return this.#slowly(this.#argonLane, form, password, async () => checkArgon(form, password));
    }
  }

  #slowly(lane: Lane, form: PasswordForm, password: string, act: () => Promise<boolean>): true | PasswordCheck {
    const digest = this.#fitted.digest(JSON.stringify([form, password]));
    if (this.#fitted.find(digest, this.#clock.monotonic()) === true) return true;
    return lane.add(async () => {
      const fits = await act();
      if (fits) this.#fitted.add(digest, true, this.#clock.monotonic() + rememberMs);
      return fits;
    });
  }
}

function digest(algorithm: string, text: string): Buffer {
  return hash(algorithm, text, 'buffer');
}

function isSame(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

async function checkArgon({ memory, passes, parallelism, salt, tag }: Argon, password: string): Promise<boolean> {
  const expected = Buffer.from(tag, 'base64');
  return new Promise((resolve, reject) => {
    const parameters = {
      message: Buffer.from(password),
      nonce: Buffer.from(salt, 'base64'),
      parallelism,
      tagLength: expected.length,
      memory,
      passes,
    };
    argon2('argon2id', parameters, (error, found) => {
      if (error === null) resolve(isSame(Buffer.from(found), expected));
      else reject(error);
    });
  });
}
