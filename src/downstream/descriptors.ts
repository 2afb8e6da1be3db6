// File descriptors: how many there may be, and whether they are used up. Where they are, libuv accepts and closes whoever
// connects, and tells nobody: so it is found out by trying to open something.
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';

const lookMs = 1_000;
/** For what is no client and no backend: listeners, logs, pipes, libraries. */
const reserved = 64;
/** One for the client, one for the backend. */
const perConnection = 2;

/** The limit of this process; undefined where the system does not tell (it is then left to Node, or there is none). */
export function findDescriptorLimit(): number | undefined {
  try {
    const soft = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}

/** Client connections that there are descriptors for, at most `most`: what is beyond is turned away in order, and told. */
export function connectionsWithin(limit: number | undefined, most: number): number {
  return limit === undefined ? most : Math.max(1, Math.min(most, Math.floor((limit - reserved) / perConnection)));
}

/** Calls `onExhausted` once a second while there is no descriptor left. */
export class DescriptorWatch {
  readonly #clock: Clock;
  readonly #onExhausted: (code: string) => void;

  constructor(clock: Clock, onExhausted: (code: string) => void) {
    this.#clock = clock;
    this.#onExhausted = onExhausted;
  }

  start(): void {
    this.#clock.after(lookMs, () => {
      this.#look();
      this.start();
    });
  }

  #look(): void {
    try {
      closeSync(openSync('/dev/null', 'r'));
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (code === 'EMFILE' || code === 'ENFILE') this.#onExhausted(code);
    }
  }
}
