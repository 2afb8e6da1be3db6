// All gateways on one store, as everybody on it sees them: what each is to run, what it reports to run, since when it has been
// silent. Whose clock is wrong does not matter: reports are as old as the clock of the store says.
import { canonicalJson } from '../store/canonical-json.ts';
import type { Gateway } from '../store/gateways.ts';
import { noRevision } from '../store/revision.ts';
import { expectedOf, openCanary, readRollout, type Rollout } from '../store/rollout.ts';
import type { Store } from '../store/store.ts';
import type { Clock } from '../base/clock.ts';
import { type GatewayReport, type GatewayShown, type GatewayState, reportSchema } from './gateway-shape.ts';
import { timeOf } from './times.ts';

/** Four reports that did not come. */
export const silentMs = 60_000;
/** So long a gateway may take for a revision. */
const behindMs = 60_000;

export type FleetSources = {
  readonly store: Pick<Store, 'gateways' | 'revisions' | 'now'>;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** This gateway, and its report of this moment, which rejects with an ApiProblem; none of them is it where there is none. */
  readonly own?: { readonly gateway: string; readonly report: () => Promise<GatewayReport> };
};

export type FleetShown = {
  readonly rollout: Rollout;
  /** This one first, then in the order of the names. */
  readonly gateways: readonly GatewayShown[];
};

export class Fleet {
  readonly #sources: FleetSources;
  /** Since when each runs something else than it is to: by the digest that it is to run. */
  readonly #waiting = new Map<string, { readonly digest: string; readonly since: number }>();

  constructor(sources: FleetSources) {
    this.#sources = sources;
  }

  /** Rejects with a StoreProblem, or an ApiProblem where this gateway does not answer. */
  async read(): Promise<FleetShown> {
    const { store, own } = this.#sources;
    const [report, rows, now, rollout] = await Promise.all([
      own?.report(),
      store.gateways.list(),
      store.now(),
      readRollout(store.revisions),
    ]);
    const others = rows.filter(({ name }) => name !== own?.gateway);
    for (const name of this.#waiting.keys())
      if (name !== own?.gateway && !others.some((one) => one.name === name)) this.#waiting.delete(name);
    const gateways = others.map((row) => this.#show({ name: row.name, report: readReport(row), row, now, rollout }));
    if (own !== undefined) {
      const row = rows.find(({ name }) => name === own.gateway);
      gateways.unshift(this.#show({ name: own.gateway, report, row, now, rollout }));
    }
    return { rollout, gateways };
  }

  #show({ name, report, row, now, rollout }: Seen): GatewayShown {
    const isThis = name === this.#sources.own?.gateway;
    const expected = expectedOf(rollout, name);
    const state = this.#stateOf({ name, report, row, now, rollout });
    const reportedAt = row?.reportedAt ?? now;
    const stored = row === undefined ? undefined : readReport(row);
    return {
      name,
      isThis,
      state,
      health: healthOf(report),
      joinedAt: row === undefined ? null : timeOf(row.joinedAt),
      reportedAt: timeOf(reportedAt),
      clockSkewMs: stored === undefined ? null : Date.parse(stored.clock) - reportedAt,
      expected: {
        revision: expected.number,
        digest: expected.digest,
        canary: openCanary(rollout) !== undefined && expected !== rollout.base,
      },
      ...(report === undefined ? unknownReport(row) : report),
    };
  }

  #stateOf({ name, report, row, now, rollout }: Seen): GatewayState {
    const isThis = name === this.#sources.own?.gateway;
    if (!isThis && row !== undefined && now - row.reportedAt > silentMs) {
      this.#waiting.delete(name);
      return 'silent';
    }
    if (report === undefined) return 'unknown';
    const waited = this.#waitedMs(name, report, expectedOf(rollout, name).digest);
    if (report.refused !== null) return 'refused';
    if (report.store?.up === false) return 'lastGood';
    if (waited === undefined) return 'current';
    return waited > behindMs ? 'behind' : 'changing';
  }

  /** Whether this gateway has run another revision than it is to for longer than a minute. */
  isBehind(name: string): boolean {
    const waiting = this.#waiting.get(name);
    return waiting !== undefined && this.#sources.clock.monotonic() - waiting.since > behindMs;
  }

  /** Undefined: it runs what it is to. */
  #waitedMs(name: string, report: GatewayReport, digest: string): number | undefined {
    if ((report.store?.digest ?? noRevision.digest) === digest) {
      this.#waiting.delete(name);
      return undefined;
    }
    const now = this.#sources.clock.monotonic();
    const before = this.#waiting.get(name);
    const waiting = before?.digest === digest ? before : { digest, since: now };
    this.#waiting.set(name, waiting);
    return now - waiting.since;
  }
}

type Seen = {
  readonly name: string;
  readonly report: GatewayReport | undefined;
  readonly row: Gateway | undefined;
  readonly now: number;
  readonly rollout: Rollout;
};

/** Undefined where it is not of our form: another version wrote it. */
export function readReport({ report }: Pick<Gateway, 'report'>): GatewayReport | undefined {
  const read = reportSchema.safeParse(report);
  return read.success ? read.data : undefined;
}

/** What is known of one whose report cannot be read. */
function unknownReport(row: Gateway | undefined): GatewayReport {
  return {
    generation: 0,
    revision: row?.revision ?? 0,
    since: timeOf(row?.reportedAt ?? 0),
    digest: '',
    reloadFailed: false,
    refused: null,
    store: null,
    workers: [],
    certificates: [],
    certificateCount: 0,
    versions: null,
    instance: null,
    sharedWith: null,
    drift: [],
    clock: timeOf(row?.reportedAt ?? 0),
  };
}

function healthOf(report: GatewayReport | undefined): GatewayShown['health'] {
  if (report === undefined) return 'unknown';
  const serving = report.workers.filter((worker) => worker.serving).length;
  return serving === 0 ? 'down' : serving === report.workers.length ? 'ok' : 'partly';
}

/** The same set of gateways, or both all. */
export function isSameCanary(a: readonly string[] | null, b: readonly string[] | null): boolean {
  return canonicalJson(a) === canonicalJson(b);
}
