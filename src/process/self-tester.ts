// The rounds in which the gateway tries its own listeners: one after each configuration that came into force, and one each time the pause is
// over. Two attempts at a time and so many in a round; what is left waits for the next one.
import type { Clock } from '../base/clock.ts';
import type { AttemptContexts, Attempt } from '../drift/own-attempts.ts';
import type { DriftFinding, DriftReport } from '../gateway/drift.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ActiveConfig } from './active-config.ts';
import type { Supervisor } from './supervisor.ts';

export type SelfTesterOptions = {
  readonly clock: Clock;
  readonly log: Logger;
  readonly active: Pick<ActiveConfig, 'loaded' | 'generation' | 'ports'>;
  readonly supervisor: Pick<Supervisor, 'size'>;
  readonly key: Uint8Array;
  readonly report: (report: DriftReport) => void;
};

/** Of a round; a handshake costs both sides some 4 ms together. */
const maxAttempts = 64;
const atOnce = 2;
/** With this many looks for each process that could answer, one is missed in 2 of 100 rounds. */
const looksPerProcess = 4;
const maxLooks = 48;
/** Where several answer on one port, the next round may meet another: what was found ends when so many have not met it. */
const clearRounds = 3;
const settleMs = 1_000;

type Known = { readonly finding: DriftFinding; clear: number };

export class SelfTester {
  readonly #options: SelfTesterOptions;
  readonly #known = new Map<string, Known>();
  /** Workers serve this one, all of them. */
  #generation = 0;
  #next = 0;
  #cancel: () => void = () => {};
  #isRunning = false;
  #isStopped = false;
  #closedTold = '';

  constructor(options: SelfTesterOptions) {
    this.#options = options;
  }

  /** What is active is what workers serve from now on: a round follows. */
  inForce(): void {
    this.#generation = this.#options.active.generation;
    this.#schedule(settleMs);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  #schedule(delayMs: number): void {
    if (this.#isStopped) return;
    this.#cancel();
    this.#cancel = this.#options.clock.after(delayMs, () => void this.#run());
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return this.#schedule(settleMs);
    const { selfTest } = this.#options.active.loaded.config.drift;
    this.#isRunning = true;
    try {
      if (selfTest.enabled) await this.#round();
      else this.#end();
    } catch (error) {
      this.#options.log.error({ err: error }, 'internal error: please report this');
    } finally {
      this.#isRunning = false;
      this.#schedule(selfTest.everyMs);
    }
  }

  #end(): void {
    this.#known.clear();
    this.#tell();
  }

  async #round(): Promise<void> {
    const { active, clock, key, supervisor } = this.#options;
    const { loaded, generation } = active;
    if (generation !== this.#generation) return;
    const { findPlaces, makeAttempt, makeContexts, planAttempts, planLooks } = await import('../drift/own-attempts.ts');
    const { places, closed } = findPlaces(loaded, active.ports);
    this.#tellClosed(closed);
    if (places.length === 0) return;
    const contexts: AttemptContexts = await makeContexts();
    const all = planAttempts(loaded, places, `${crypto.randomUUID()}.self-test.invalid`);
    const looks = Math.min(maxLooks, looksPerProcess * (supervisor.size + 1));
    const attempts = [
      ...this.#turnOf(all),
      ...planLooks(loaded, places, Math.ceil(looks / Math.max(1, places.length))),
    ];
    const found: DriftFinding[] = [];
    const made: Attempt[] = [];
    const queue = [...attempts];
    const work = async (): Promise<void> => {
      for (let attempt = queue.shift(); attempt !== undefined; attempt = queue.shift()) {
        const outcome = await makeAttempt(attempt, contexts, key, clock);
        if (outcome !== 'unclear') made.push(attempt);
        if (typeof outcome === 'object') found.push(outcome);
        // What was seen meanwhile may be of the one or of the other.
        if (active.generation !== generation || this.#isStopped) return;
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    if (active.generation !== generation || this.#isStopped) return;
    this.#settle(found, made.length > 0);
  }

  #turnOf(all: readonly Attempt[]): readonly Attempt[] {
    if (all.length <= maxAttempts) return all;
    const from = this.#next % all.length;
    this.#next = from + maxAttempts;
    return [...all.slice(from), ...all.slice(0, from)].slice(0, maxAttempts);
  }

  #settle(found: readonly DriftFinding[], sawAnything: boolean): void {
    const keys = new Set(found.map(({ key }) => key));
    for (const finding of found) this.#known.set(finding.key, { finding, clear: 0 });
    if (sawAnything)
      for (const [key, known] of this.#known) {
        if (keys.has(key)) continue;
        known.clear++;
        if (known.clear >= clearRounds) this.#known.delete(key);
      }
    this.#tell();
  }

  #tell(): void {
    const findings = [...this.#known.values()].map(({ finding }) => finding);
    this.#options.report({ of: 'behaviour', source: 'listeners', findings });
  }

  #tellClosed(closed: readonly string[]): void {
    const said = closed.join(', ');
    if (said !== this.#closedTold && said !== '')
      this.#options.log.info(
        { entryPoints: said },
        'the gateway cannot try these itself: only balancers may connect to them',
      );
    this.#closedTold = said;
  }
}
