// The reports that gateways leave in the store: this one writes its own from time to time and when what it runs has changed, and
// finds out whether another one calls itself the same.
import type { Clock } from '../base/clock.ts';
import { Turns } from '../base/turns.ts';
import type { JsonObject } from '../store/canonical-json.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { ApiProblem } from './api-problem.ts';
import type { ControlContext } from './control-context.ts';
import { readReport } from './fleet.ts';
import { type GatewayReport, type InstanceShown, readOwnReport } from './gateway-shape.ts';

const everyMs = 15_000;
/** Another one that was seen under our name, and no more since then, has gone. */
const sharedMs = 4 * everyMs;

type Sources = Pick<ControlContext, 'status' | 'view' | 'clock' | 'instance' | 'gateway' | 'log' | 'store'>;

/** One after the other, each some time after the one before; what goes wrong is told once until it goes well again. */
export class GatewayReports {
  readonly #sources: Sources;
  readonly #clock: Pick<Clock, 'after' | 'monotonic'>;
  readonly #turns = new Turns();
  #failing = false;
  #waiting: Promise<void> | undefined;
  /** The row of our name was ours when we wrote it last. */
  #written = false;
  #shared: { readonly by: InstanceShown; readonly at: number } | undefined;

  constructor(sources: Sources, clock: Pick<Clock, 'after' | 'monotonic'>) {
    this.#sources = sources;
    this.#clock = clock;
  }

  /** Never rejects. `then`: after each. */
  async start(then: () => Promise<void> = async () => {}): Promise<void> {
    await this.write();
    await then();
    this.#clock.after(everyMs, () => void this.start(then));
  }

  /** Of this moment. Rejects with an ApiProblem. */
  async read(): Promise<GatewayReport> {
    return readOwnReport(this.#sources, this.#sharedWith());
  }

  /** Never rejects. However often it is asked while one is written, one more follows. */
  async write(): Promise<void> {
    this.#waiting ??= this.#turns.take(async () => {
      this.#waiting = undefined;
      return this.#write();
    });
    return this.#waiting;
  }

  async #write(): Promise<void> {
    const { store, log, gateway: name } = this.#sources;
    try {
      await this.#lookForOthers();
      const shown = await this.read();
      const { revision } = shown;
      const content = revision === 0 ? undefined : (await store.revisions.find(revision))?.content;
      // JSON keeps what it is: there is no undefined in it.
      const report = shown as unknown as JsonObject;
      await store.gateways.report({ name, revision, content: content ?? null, report });
      this.#written = true;
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) log.warn(aboutFailure(error), 'the state of this gateway could not be reported to the store');
      this.#failing = true;
    }
  }

  /** Who wrote under our name since we did is another one; who did before may be this one before its restart. */
  async #lookForOthers(): Promise<void> {
    const { store, log, gateway, instance } = this.#sources;
    const row = this.#written ? await store.gateways.find(gateway) : undefined;
    const by = row && readReport(row)?.instance;
    if (by === null || by === undefined || by.id === instance.id) return;
    const isNews = this.#sharedWith()?.id !== by.id;
    this.#shared = { by, at: this.#clock.monotonic() };
    if (!isNews) return;
    const other = { machine: by.machine, url: by.url, pid: by.pid };
    const hint = 'Give each gateway a gateway.name of its own.';
    log.error({ gateway, other, hint }, 'another gateway reports under the name of this one');
  }

  #sharedWith(): InstanceShown | null {
    if (this.#shared === undefined || this.#clock.monotonic() - this.#shared.at > sharedMs) return null;
    return this.#shared.by;
  }
}

function aboutFailure(error: unknown): object {
  if (error instanceof StoreProblem) return { code: error.code, hint: error.help };
  return error instanceof ApiProblem ? { code: error.code } : { err: error };
}
