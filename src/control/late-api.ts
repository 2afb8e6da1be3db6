// The API of a store that cannot be opened yet: every request is told why, and it is tried again. The process stays, since its end
// would say less and mend nothing.
import type { Clock } from '../base/clock.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type Api, refuse, type RequestBindings, storeUnavailable } from './api.ts';

const retryMs = 2_000;

export class LateApi implements Api {
  readonly #open: () => Promise<Api>;
  readonly #clock: Pick<Clock, 'after'>;
  readonly #log: Logger;
  #api: Api | undefined;
  #problem = new StoreProblem('closed', 'the store is not open yet');

  constructor(open: () => Promise<Api>, clock: Pick<Clock, 'after'>, log: Logger) {
    this.#open = open;
    this.#clock = clock;
    this.#log = log;
  }

  /** Rejects with whatever is no problem of the store. */
  async start(): Promise<void> {
    for (;;) {
      try {
        this.#api = await this.#open();
        return;
      } catch (error) {
        if (!(error instanceof StoreProblem)) throw error;
        this.#tell(error);
      }
      await new Promise<void>((resolve) => {
        this.#clock.after(retryMs, resolve);
      });
    }
  }

  #tell(problem: StoreProblem): void {
    if (problem.message !== this.#problem.message)
      this.#log.error(
        { code: problem.code, hint: problem.help },
        `the control process waits for its store: ${problem.message}`,
      );
    this.#problem = problem;
  }

  async fetch(request: Request, bindings: RequestBindings): Promise<Response> {
    return this.#api === undefined ? refuse(storeUnavailable(this.#problem)) : this.#api.fetch(request, bindings);
  }
}
