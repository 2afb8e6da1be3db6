// The reports that gateways leave in the store: this one writes its own from time to time, and reads those of others.
import type { Clock } from '../base/clock.ts';
import type { JsonObject } from '../store/canonical-json.ts';
import type { Gateway } from '../store/gateways.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { ApiProblem } from './api-problem.ts';
import type { ControlContext } from './control-context.ts';
import { type GatewayShown, gatewaySchema, readOwnGateway } from './gateway-shape.ts';

const everyMs = 15_000;

/** Nothing where it is not of our form: another version wrote it. */
export function reportOf({ reportedAt, report }: Gateway): GatewayShown[] {
  const read = gatewaySchema.safeParse({
    ...report,
    isThis: false,
    reportedAt: new Date(reportedAt).toISOString(),
  });
  return read.success ? [read.data] : [];
}

/** One after the other, each some time after the one before; what goes wrong is told once until it goes well again. */
export class GatewayReports {
  readonly #context: ControlContext;
  readonly #clock: Pick<Clock, 'after'>;
  #failing = false;

  constructor(context: ControlContext, clock: Pick<Clock, 'after'>) {
    this.#context = context;
    this.#clock = clock;
  }

  /** Never rejects. */
  async start(): Promise<void> {
    await this.write();
    this.#clock.after(everyMs, () => void this.start());
  }

  async write(): Promise<void> {
    const { store, log } = this.#context;
    try {
      const shown = await readOwnGateway(this.#context);
      const { name, revision } = shown;
      const content = revision === 0 ? undefined : (await store.revisions.find(revision))?.content;
      // JSON keeps what it is: there is no undefined in it.
      const report = shown as unknown as JsonObject;
      await store.gateways.report({ name, revision, content: content ?? null, report });
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) log.warn(aboutFailure(error), 'the state of this gateway could not be reported to the store');
      this.#failing = true;
    }
  }
}

function aboutFailure(error: unknown): object {
  if (error instanceof StoreProblem) return { code: error.code, hint: error.help };
  return error instanceof ApiProblem ? { code: error.code } : { err: error };
}
