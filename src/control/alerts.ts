// The alerts as the API shows them: what needs a person at any gateway, since when, who was told, and what ended lately. What is known at this
// moment is looked at here; what becomes of it over time is the desk's (alerts/alert-desk.ts).
import { z } from 'zod';
import type { AlertDesk } from '../alerts/alert-desk.ts';
import type { AlertRecords } from '../alerts/alert-records.ts';
import type { FleetAlert } from '../alerts/need.ts';
import type { Clock } from '../base/clock.ts';
import { alertKinds, severities } from '../config/alert-kinds.ts';
import type { Store } from '../store/store.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { Evidence } from './evidence.ts';
import {
  auditSubject,
  findFailingSources,
  findOverdueAudit,
  findOwnStoreTrouble,
  findRestarts,
  findSurges,
} from './further-needs.ts';
import { IssuerWatch } from './issuer-watch.ts';
import { type Assessment, assess } from './needs.ts';
import { timeOf } from './times.ts';
import type { TrafficMinute } from './traffic.ts';

const time = z.iso.datetime();

export const alertSchema = z.strictObject({
  id: z.string().describe('The same as long as it lasts, and when it comes again.'),
  state: z.enum(['firing', 'resolved']),
  severity: z
    .enum(severities)
    .describe(
      'failing: somebody is cut off or refused now, or something runs that nobody declared. degraded: something is hidden or without effect. due: soon.',
    ),
  kind: z.enum(alertKinds),
  code: z.string().describe('Of the fault table; of a refused configuration or a store, theirs.'),
  gateways: z.array(z.string()).describe('That say so.'),
  sentence: z.string(),
  consequence: z.string(),
  help: z.string(),
  since: time,
  lastSeenAt: time,
  endedAt: time.nullable(),
  object: z.strictObject({ kind: z.string(), id: z.string() }).nullable(),
  toldAt: time.nullable().describe('When a receiver was told of it last; null: none was.'),
  silence: z
    .strictObject({ until: time, actor: z.string(), reason: z.string() })
    .nullable()
    .describe('Until then no receiver is told of it.'),
});
export type Alert = z.output<typeof alertSchema>;

export type AlertState = Pick<Assessment, 'relations'> & {
  /** Worst first. */
  readonly active: readonly Alert[];
  /** Last ended first, of the last day. */
  readonly ended: readonly Alert[];
};

export type AlertsOptions = {
  readonly gateway: string;
  readonly clock: Pick<Clock, 'now'>;
  /** Undefined: it is not open. */
  readonly store: () => Pick<Store, 'revisions' | 'records' | 'audit'> | undefined;
  readonly traffic: () => Promise<readonly TrafficMinute[]>;
  readonly desk: () => AlertDesk;
};

const maxEnded = 500;
const keptMs = 1_000;
const auditLookMs = 600_000;

export class Alerts {
  readonly #options: AlertsOptions;
  readonly #issuers: IssuerWatch;
  #last: { readonly at: number; readonly assessment: Assessment } | undefined;
  #audited: { readonly at: number; readonly auditedAt: number | undefined } | undefined;

  constructor(options: AlertsOptions) {
    this.#options = options;
    this.#issuers = new IssuerWatch(options.gateway, (): AlertRecords | undefined => options.store()?.records);
  }

  get desk(): AlertDesk {
    return this.#options.desk();
  }

  /** What needs somebody here by what is known now; asked again within a second, what was found then: a thousand relations are a tenth of one. */
  async assess(seen: Evidence): Promise<Assessment> {
    const asked = this.#options.clock.now();
    const last = this.#last;
    if (last !== undefined && asked >= last.at && asked - last.at < keptMs) return last.assessment;
    const [traffic, issuers, auditedAt] = await Promise.all([
      this.#options.traffic(),
      this.#issuers.look(seen.clients, asked),
      this.#auditedAt(asked),
    ]);
    const further = [
      ...findFailingSources(seen),
      ...findSurges(traffic),
      ...findRestarts(seen),
      ...findOverdueAudit(seen, auditedAt),
      ...findOwnStoreTrouble(seen, this.desk.storeProblem),
      ...issuers,
    ];
    const assessment = assess(seen, further);
    this.#last = { at: this.#options.clock.now(), assessment };
    return assessment;
  }

  /** Of all gateways, this one by what is known now. */
  async look(seen: Evidence): Promise<AlertState> {
    const { desk } = this;
    const { needs, relations } = await this.assess(seen);
    desk.note(needs);
    const shown = desk.alerts.map((one) => this.#show(one));
    return {
      active: shown.filter(({ state }) => state === 'firing'),
      ended: shown.filter(({ state }) => state === 'resolved').slice(0, maxEnded),
      relations,
    };
  }

  #show(alert: FleetAlert): Alert {
    const { id, severity, kind, code, gateways, sentence, consequence, help, object, since, lastSeenAt, endedAt } =
      alert;
    const { desk } = this;
    const silence = desk.silences.get(id);
    const told = desk.receivers.flatMap(({ state }) => state?.told[id]?.at ?? []);
    return {
      id,
      state: endedAt === null ? 'firing' : 'resolved',
      severity,
      kind,
      code,
      gateways: [...gateways],
      sentence,
      consequence,
      help,
      object,
      since: timeOf(since),
      lastSeenAt: timeOf(lastSeenAt),
      endedAt: endedAt === null ? null : timeOf(endedAt),
      toldAt: told.length === 0 ? null : timeOf(Math.max(...told)),
      silence:
        silence === undefined || silence.until <= this.#options.clock.now()
          ? null
          : { until: timeOf(silence.until), actor: silence.actor, reason: silence.reason },
    };
  }

  /** When trust was reviewed last; where it never was, when there first was a revision. Looked up now and then. */
  async #auditedAt(now: number): Promise<number | undefined> {
    const known = this.#audited;
    if (known !== undefined && now - known.at < auditLookMs) return known.auditedAt;
    const auditedAt = await this.#ask(async ({ audit, revisions }) => {
      const [newest] = (await audit.list({ subject: auditSubject, limit: 1 })).items;
      return newest?.at ?? (await revisions.find(1))?.at;
    });
    this.#audited = { at: now, auditedAt };
    return auditedAt;
  }

  /** Undefined where the store cannot be read: the gateway tells of that itself. */
  async #ask<T>(question: (store: Pick<Store, 'revisions' | 'audit'>) => Promise<T>): Promise<T | undefined> {
    const store = this.#options.store();
    if (store === undefined) return undefined;
    try {
      return await question(store);
    } catch (error) {
      if (error instanceof StoreProblem) return undefined;
      throw error;
    }
  }
}
