// What the log of a gateway says of its store: that it cannot be had, and what stands in for it; that it is back.
import type { StoreSource, StoreState } from '../loading/store-source.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { Logger } from '../telemetry/logger.ts';

/** How it is now, and from now on each change. */
export function logStore(source: StoreSource, log: Logger): void {
  tell(source.state, undefined, log);
  source.onState((state, before) => tell(state, before, log));
}

/** What was committed: for a start without the store. A failure undoes nothing. */
export function keepLastGood(source: StoreSource, log: Logger): void {
  try {
    source.committed();
  } catch (error) {
    const said = error instanceof StoreProblem ? { code: error.code, hint: error.help } : { err: error };
    const why = error instanceof Error ? error.message : String(error);
    log.error(said, `the revision is in force, and cannot be kept for a start without the store: ${why}`);
  }
}

function tell(state: StoreState, before: StoreState | undefined, log: Logger): void {
  const { up, revision, problem, rewound } = state;
  if (problem !== undefined && problem.message !== before?.problem?.message) {
    const said = { code: problem.code, hint: problem.help, revision };
    log.error(said, `store: ${problem.message}; revision ${revision}, the last good one, is served`);
  } else if (up && before?.up === false) log.info({ revision }, 'store: can be read again');
  if (rewound === true && before?.rewound !== true)
    log.warn(
      { revision },
      'store: it knows nothing of the revision that was served before; was a backup put in its place?',
    );
}
