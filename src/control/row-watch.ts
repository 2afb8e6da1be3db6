// Looks again and again whether the store is what it says: a row that somebody changed by another way is found while nothing else
// would read it. Here, and not in the primary, whose event loop it would hold; without the opening key, which is not here.
import type { Clock } from '../base/clock.ts';
import { escapeForLog } from '../base/log-text.ts';
import type { DriftFinding, DriftReport } from '../gateway/drift.ts';
import type { Store } from '../store/store.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { StoreFinding } from '../store/verify.ts';

export type RowWatchOptions = {
  readonly store: Pick<Store, 'verify'>;
  readonly clock: Clock;
  readonly everyMs: number;
  readonly report: (report: DriftReport) => void;
};

/** A large store takes longer to look through: never more than a twentieth of a core. What others keep us waiting for is not counted. */
const pauseShare = 19;
const maxFindings = 20;

export class RowWatch {
  readonly #options: RowWatchOptions;

  constructor(options: RowWatchOptions) {
    this.#options = options;
  }

  /** Never ends. */
  start(): void {
    void this.#look().then((tookMs) =>
      this.#options.clock.after(Math.max(this.#options.everyMs, tookMs * pauseShare), () => this.start()),
    );
  }

  /** What it took of the processor, milliseconds. */
  async #look(): Promise<number> {
    const { store, report } = this.#options;
    const before = process.cpuUsage();
    try {
      const found = await store.verify();
      report({ of: 'unauthorised', source: 'store', findings: found.slice(0, maxFindings).map(describe) });
    } catch (error) {
      // A store that cannot be asked says nothing of its rows; that it cannot is told elsewhere.
      if (!(error instanceof StoreProblem)) throw error;
    }
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  }
}

function describe({ code, where, detail }: StoreFinding): DriftFinding {
  return {
    key: `store ${escapeForLog(where, 200)}`,
    code: 'row_changed',
    sentence: `the store was changed by another way than its API: ${escapeForLog(where, 200)}: ${escapeForLog(detail, 300)} (${code})`,
    help: 'Find out who writes to the database; run `countersign store verify`, and put a backup in its place.',
  };
}
