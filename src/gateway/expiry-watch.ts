// Says while we run what `check` says before: whose expiry is near. By a look at the clock every minute, so that a certificate of
// an hour is told of in time as well; then again when half of the time that was left is over, or twice the time since it expired,
// and once a day and certificate at most.
import { type Clock, dayMs } from '../base/clock.ts';
import { describeExpiry, type Expiry, isNearExpiry } from '../certs/expiry.ts';
import { escapeForLog } from '../base/log-text.ts';
import type { Logger } from '../telemetry/logger.ts';

const lookMs = 60_000;
const quietMs = dayMs;

/** When something was told of, and how long before or after its end that was. */
type Told = { readonly at: number; readonly distanceMs: number };

export class ExpiryWatch {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #list: () => readonly Expiry[];
  /** What was told of each last; only of those that are on the list. */
  #told = new Map<string, Told>();
  #cancel: (() => void) | undefined;

  /** `list`: what is in use now. It is asked again at every look. */
  constructor(clock: Clock, log: Logger, list: () => readonly Expiry[]) {
    this.#clock = clock;
    this.#log = log;
    this.#list = list;
  }

  start(): void {
    this.#cancel ??= this.#clock.after(lookMs, () => {
      this.#cancel = undefined;
      this.look();
      this.start();
    });
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** Those that are near were told of just now, as problems of a configuration: nothing more for some time. */
  markTold(expiries: readonly Expiry[]): void {
    const now = this.#clock.now();
    for (const expiry of expiries)
      if (isNearExpiry(expiry, now)) this.#told.set(keyOf(expiry, now), toldNow(expiry, now));
  }

  look(): void {
    this.#each(({ role, subject, notAfter }, now) => {
      const about = { role, subject: escapeForLog(subject, 200), notAfter: new Date(notAfter).toISOString() };
      const expires = describeExpiry(notAfter, now);
      if (now > notAfter)
        this.#log.error(
          { ...about, expired: expires },
          role === 'crl' ? 'a CRL is out of date' : 'a certificate has expired',
        );
      else
        this.#log.warn(
          { ...about, expires },
          role === 'crl' ? 'a CRL is soon out of date' : 'a certificate expires soon',
        );
    });
  }

  #each(tell: (expiry: Expiry, now: number) => void): void {
    const now = this.#clock.now();
    const told = new Map<string, Told>();
    for (const expiry of this.#list()) {
      if (!isNearExpiry(expiry, now)) continue;
      const key = keyOf(expiry, now);
      const before = told.get(key) ?? this.#told.get(key);
      const quiet = before !== undefined && isQuiet(before, expiry, now);
      told.set(key, quiet ? before : toldNow(expiry, now));
      if (!quiet) tell(expiry, now);
    }
    this.#told = told;
  }
}

function toldNow({ notAfter }: Expiry, now: number): Told {
  return { at: now, distanceMs: Math.abs(notAfter - now) };
}

function isQuiet({ at, distanceMs }: Told, { notAfter }: Expiry, now: number): boolean {
  if (Math.abs(now - at) < quietMs) return true;
  // A clock that was set back must not silence it for longer.
  if (now < at) return false;
  return now > notAfter ? now - notAfter < 2 * distanceMs : notAfter - now > distanceMs / 2;
}

/** What has expired since it was told of is told of anew, on the same day too. */
function keyOf({ role, subject, notAfter }: Expiry, now: number): string {
  return `${role} ${now > notAfter ? 'expired' : 'near'} ${notAfter} ${subject}`;
}
