// What one worker makes once, from its first configuration, and keeps over all reloads: logs, reports, counters, and the
// budget of idle connections. A change of these settings takes a start (process/restart-keys.ts says so).
import type { ChallengeAnswers } from '../acme/challenge-answers.ts';
import { EncoderBudget } from '../filters/encoder-budget.ts';
import type { Clock } from '../base/clock.ts';
import type { Deadlines } from '../base/deadline.ts';
import type { GatewayConfig } from '../config/gateway-config.ts';
import { lookupBy } from '../dns/lookup-function.ts';
import type { RateCounters } from '../filters/rate-counters.ts';
import type { FilterServices } from '../filters/dependencies.ts';
import { KeySets } from '../filters/key-sets.ts';
import { PasswordChecks } from '../filters/password-checks.ts';
import { BodyBudget } from '../flow/body-buffer.ts';
import { RequestMetrics } from '../flow/request-metrics.ts';
import type { Services } from '../flow/serving.ts';
import { SlowLane } from '../flow/slow-lane.ts';
import { WriteBudget } from '../http/write-budget.ts';
import { AccessLog } from '../telemetry/access-log.ts';
import { AccessLogFields } from '../telemetry/access-log-fields.ts';
import { createLogger, type OpenLogger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { Tracer, type TracerOptions } from '../telemetry/tracer.ts';
import { NameResolver } from '../dns/name-resolver.ts';
import { IdleBudget } from '../upstream/idle-budget.ts';
import { ClientCounts } from '../downstream/client-counts.ts';
import { DescriptorWatch } from '../downstream/descriptors.ts';
import { FutileHandshakes } from '../downstream/futile-handshakes.ts';
import { UselessTraffic } from '../downstream/useless-traffic.ts';
import type { ActiveGeneration } from './active-generation.ts';
import { labelsOf } from './backend-gauges.ts';
import { ExpiryWatch } from './expiry-watch.ts';
import type { FailureTally } from './failure-tally.ts';
import { Reports } from './reports.ts';

export type WorkerServicesOptions = {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly metrics: Metrics;
  readonly active: ActiveGeneration;
  readonly rates: RateCounters;
  readonly challenges: ChallengeAnswers;
  readonly isDraining: () => boolean;
  readonly onSpans: TracerOptions['send'];
  /** Failed handshakes, where the configuration of the start has a store. */
  readonly failures: FailureTally | undefined;
};

/** Made from the first configuration that a worker builds; nothing needs them before. */
export class WorkerServicesAtStart {
  readonly #options: WorkerServicesOptions;
  #services: WorkerServices | undefined;

  constructor(options: WorkerServicesOptions) {
    this.#options = options;
  }

  /** Later configurations change nothing. */
  make(config: GatewayConfig): WorkerServices {
    this.#services ??= new WorkerServices(config, this.#options);
    return this.#services;
  }

  /** undefined before the first configuration. */
  find(): WorkerServices | undefined {
    return this.#services;
  }

  /** Throws before the first configuration. */
  get(): WorkerServices {
    if (this.#services === undefined) throw new Error('no generation was prepared');
    return this.#services;
  }
}

export class WorkerServices {
  readonly logger: OpenLogger;
  readonly reports: Reports;
  readonly services: Services;
  readonly budget: IdleBudget;
  readonly resolver: NameResolver;
  /** For answers that wait for slow clients. */
  readonly writes: WriteBudget;
  readonly filterServices: FilterServices;
  readonly #metrics: Metrics;
  readonly #accessLog: AccessLog | undefined;
  readonly #tracer: Tracer | undefined;

  /** Serves also where a log file cannot be opened: a worker that starts anew must not depend on a folder of logs. */
  constructor(config: GatewayConfig, options: WorkerServicesOptions) {
    const { clock, deadlines, metrics, active, rates, challenges, isDraining, failures } = options;
    this.#metrics = metrics;
    const { level, format, file } = config.log;
    this.logger = createLogger({ level, format, file, whenClosed: 'stderr' });
    const reports = new Reports(clock, this.logger, metrics, config.store && failures);
    this.reports = reports;
    new ExpiryWatch(clock, this.logger, () => reports.observed.list(labelsOf(active.find()?.pools))).start();
    new DescriptorWatch(clock, (code) => reports.onDescriptorsExhausted(code)).start();
    const { buffering } = config;
    const { enabled, path, format: accessFormat, sample } = config.accessLog;
    const fields = new AccessLogFields(config.accessLog.fields);
    const dropped = metrics.of.accessLogDropped.labels({});
    this.#accessLog = enabled
      ? new AccessLog({ path, fields, format: accessFormat, sample, clock, dropped, random: Math.random })
      : undefined;
    if (this.#accessLog?.isOpen === false)
      this.logger.error({ path }, 'the access log cannot be opened: its lines are dropped until it can');
    this.#tracer =
      config.tracing &&
      new Tracer({ clock, sample: config.tracing.sample, random: Math.random, send: options.onSpans });
    this.services = {
      clock,
      deadlines,
      accessLog: this.#accessLog,
      tracing: this.#tracer && config.tracing && { tracer: this.#tracer, followFrom: config.tracing.followFrom },
      bodies: new BodyBudget(buffering.requestTotalBytes, buffering.requestBytes),
      clientRequests: new ClientCounts(),
      useless: new UselessTraffic(clock),
      slowLane: new SlowLane(clock),
      futile: new FutileHandshakes(clock),
      metrics: new RequestMetrics(metrics.of),
      onDefect: (error) => reports.onDefect(error),
      onFault: (report) => reports.onFault(report),
      isDraining,
      challenges,
      onChallenge: (type) => metrics.of.acmeChallenges.labels({ type }).inc(),
      current: () => active.get(),
    };
    this.resolver = new NameResolver({ clock, random: Math.random, events: reports, settings: config.dns });
    this.budget = new IdleBudget(config.transport.maxIdleConns);
    this.writes = new WriteBudget(buffering.responseTotalBytes, buffering.responseBytes);
    this.filterServices = {
      clock,
      rates,
      encoders: new EncoderBudget(),
      lookup: lookupBy(() => this.resolver),
      metrics: metrics.of,
      passwords: new PasswordChecks(clock),
      keySets: new KeySets(),
      warn: (kind, about, message) => reports.onFilterTrouble(kind, about, message),
    };
  }

  /** What is kept for slow clients now, and the log lines that were lost since it was asked last. */
  setGauges(): void {
    const { bufferedBytes, dnsStaleNames } = this.#metrics.of;
    dnsStaleNames.labels({}).set(this.resolver.stale);
    bufferedBytes.labels({ body: 'request' }).set(this.services.bodies.used);
    bufferedBytes.labels({ body: 'response' }).set(this.writes.used);
    const counter = this.#metrics.of.logDropped.labels({});
    counter.inc(this.logger.droppedLines() - counter.value);
  }

  /** After a rotation. What cannot be reopened keeps its old file, and says so. */
  reopenLogs(): void {
    for (const error of [this.logger.reopen(), this.#accessLog?.reopen()]) {
      if (error !== undefined) this.logger.error({ err: error }, 'a log file cannot be opened anew; the old one stays');
    }
  }

  /** Writes what the access log holds. */
  async close(): Promise<void> {
    this.resolver.close();
    this.#tracer?.flush();
    await this.#accessLog?.close();
  }
}
