// Keeps OCSP responses for our own certificates in the primary: fetched, validated in full, renewed at half of their life,
// handed to every worker. A failure keeps the last one while it holds; what is not `good` is never stapled, because the
// client would learn from us what it should learn from nobody's mistake: it is an alarm for the operator instead.
import type { Clock } from '../base/clock.ts';
import { fetchAlone, type FetchTurn, type SharedFetches } from '../base/shared-fetch.ts';
import { fetchOcsp, type OcspFetched } from './fetch.ts';
import type { Staple } from './staples.ts';
import type { StapleTarget } from './staple-targets.ts';
import { escapeForLog } from '../base/log-text.ts';
import { encodeOcspRequest, makeCertId } from './request.ts';
import { verifyOcspResponse, type OcspAnswer } from './response.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { MetricCatalogue } from '../telemetry/metrics.ts';

export type StaplePublisherOptions = {
  readonly clock: Clock;
  readonly log: Logger;
  /** Between 0 and 1. */
  readonly random: () => number;
  /** What workers are to serve for this certificate from now on. */
  readonly onStaple: (sha256: string, staple: Staple | undefined) => void;
  /** A question that ended: good, revoked, unknown or why there is no answer. */
  readonly onAsked: (result: string) => void;
  /** Asks once for all gateways; absent: each asks itself. */
  readonly fetches?: SharedFetches | undefined;
};

const fetchMs = 10_000;
/** Responses without nextUpdate are served for so long. */
const maxAgeMs = 3_600_000;
const minRenewMs = 30_000;
/** A timer of Node's takes no more than 24.8 days. */
const maxRenewMs = 24 * 3_600_000;
const firstRetryMs = 5_000;
/** Questions at once. */
const maxAsking = 8;
const maxRetryMs = 10 * 60_000;
/** So that many gateways do not ask at once. */
const jitter = 0.2;

type Kept = {
  readonly target: StapleTarget;
  staple: Staple | undefined;
  answer: OcspAnswer | undefined;
  failures: number;
  /** When the answer was fetched, by the clock of who did. */
  fetchedAt: number;
  cancel: (() => void) | undefined;
  /** Resolves when it was asked for the first time. */
  readonly first: Promise<void>;
  readonly onFirst: () => void;
};

export type StapleStatus = {
  /** RFC 4514 text. */
  readonly subject: string;
  /** Milliseconds since the epoch; undefined: nothing is stapled. */
  readonly validUntil: number | undefined;
  /** The certificate promises a response, and there is none. */
  readonly missing: boolean;
};

export class StaplePublisher {
  readonly #options: StaplePublisherOptions;
  #kept = new Map<string, Kept>();
  readonly #queue = new Set<Kept>();
  #asking = 0;
  /** Subjects whose response is among the metrics. */
  readonly #shown = new Set<string>();

  constructor(options: StaplePublisherOptions) {
    this.#options = options;
  }

  /** Keeps responses for these certificates, and for no others, from now on. */
  follow(targets: readonly StapleTarget[]): void {
    const before = this.#kept;
    this.#kept = new Map();
    for (const target of targets) {
      const known = before.get(target.sha256);
      before.delete(target.sha256);
      if (known !== undefined && known.target.url.href === target.url.href) {
        this.#kept.set(target.sha256, known);
        continue;
      }
      known?.cancel?.();
      const { promise, resolve } = Promise.withResolvers<void>();
      const kept: Kept = {
        target,
        staple: known?.staple,
        answer: known?.answer,
        failures: 0,
        fetchedAt: known?.fetchedAt ?? 0,
        cancel: undefined,
        first: promise,
        onFirst: resolve,
      };
      this.#kept.set(target.sha256, kept);
      this.#enqueue(kept);
    }
    for (const [sha256, { cancel }] of before) {
      cancel?.();
      this.#options.onStaple(sha256, undefined);
    }
  }

  /**
   * As `follow`; waits for the first answer about each certificate that promises one and is new here, at most `limitMs`: a
   * responder that is dead must not hold up every reload, one that withdraws trust least of all. Never rejects.
   */
  async prepare(targets: readonly StapleTarget[], limitMs: number): Promise<void> {
    const before = new Set(this.#kept.keys());
    this.follow(targets);
    const promised = [...this.#kept.values()].filter(({ target }) => target.mustStaple && !before.has(target.sha256));
    if (promised.length === 0) return;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const cancel = this.#options.clock.after(limitMs, resolve);
    // The clock's timers keep no process alive, and at the start nothing else may.
    const alive = setInterval(() => {}, 1_000);
    await Promise.race([Promise.all(promised.map(async ({ first }) => first)), late]);
    clearInterval(alive);
    cancel();
  }

  /** For a worker that starts. */
  list(): { readonly sha256: string; readonly staple: Staple }[] {
    return [...this.#kept].flatMap(([sha256, { staple }]) => (staple === undefined ? [] : [{ sha256, staple }]));
  }

  /** What is stapled now. */
  status(): StapleStatus[] {
    const now = this.#options.clock.now();
    return [...this.#kept.values()].map(({ target, staple }) => ({
      subject: target.leaf.subject,
      validUntil: staple?.validUntil,
      missing: target.mustStaple && (staple === undefined || staple.validUntil < now),
    }));
  }

  setMetrics({ certificateExpiry, stapleMissing }: MetricCatalogue): void {
    for (const subject of this.#shown) certificateExpiry.remove({ role: 'ocsp', subject });
    this.#shown.clear();
    const status = this.status();
    // RSA and EC certificates of one subject are one line: the one that ends first counts.
    for (const { subject, validUntil } of status.toSorted((a, b) => (b.validUntil ?? 0) - (a.validUntil ?? 0))) {
      if (validUntil === undefined) continue;
      this.#shown.add(subject);
      certificateExpiry.labels({ role: 'ocsp', subject }).set(validUntil / 1000);
    }
    stapleMissing.labels({}).set(status.filter(({ missing }) => missing).length);
  }

  close(): void {
    for (const { cancel } of this.#kept.values()) cancel?.();
    this.#kept.clear();
    this.#queue.clear();
  }

  #enqueue(kept: Kept): void {
    kept.cancel = undefined;
    this.#queue.add(kept);
    this.#next();
  }

  #next(): void {
    for (const kept of this.#queue) {
      if (this.#asking >= maxAsking) return;
      this.#queue.delete(kept);
      // Another configuration may be active by now.
      if (this.#isKept(kept)) this.#ask(kept);
    }
  }

  #isKept(kept: Kept): boolean {
    return this.#kept.get(kept.target.sha256) === kept;
  }

  #ask(kept: Kept): void {
    this.#asking += 1;
    try {
      const { leaf, issuer } = kept.target;
      const request = encodeOcspRequest(makeCertId(leaf, issuer));
      if (this.#options.fetches === undefined) this.#fetch(kept, request, fetchAlone);
      else void this.#askShared(kept, request, this.#options.fetches);
    } catch (error) {
      this.#asking -= 1;
      this.#fail(kept, 'unreachable', String(error));
    }
  }

  /** What another gateway was told is verified as what the responder says; where it is no good the responder is asked. */
  async #askShared(kept: Kept, request: Buffer, fetches: SharedFetches): Promise<void> {
    const name = `${kept.target.url.href} ${request.toString('base64')}`;
    for (;;) {
      const wish = { kind: 'ocsp', name, after: kept.fetchedAt, maxAgeMs: maxRenewMs } as const;
      const turn = await fetches.begin(wish);
      if (turn.turn === 'own') return this.#fetch(kept, request, turn);
      const { bytes, fetchedAt } = turn.kept;
      const read = this.#read(kept, Buffer.from(bytes));
      if ('answer' in read) {
        this.#asking -= 1;
        kept.fetchedAt = fetchedAt;
        if (this.#isKept(kept)) this.#take(kept, Buffer.from(bytes), read.answer);
        return this.#next();
      }
      turn.refuse(read.detail);
    }
  }

  #fetch(kept: Kept, request: Buffer, turn: FetchTurn & { readonly turn: 'own' }): void {
    const { clock } = this.#options;
    try {
      fetchOcsp({ url: kept.target.url, request, timeoutMs: fetchMs, clock }, (fetched) => {
        this.#asking -= 1;
        this.#onFetched(kept, fetched, turn);
        this.#next();
      });
    } catch (error) {
      this.#asking -= 1;
      turn.release();
      this.#fail(kept, 'unreachable', String(error));
    }
  }

  #onFetched(kept: Kept, fetched: OcspFetched, turn: FetchTurn & { readonly turn: 'own' }): void {
    const read = fetched.ok ? this.#read(kept, fetched.body) : fetched;
    if (!fetched.ok || !('answer' in read)) {
      turn.release();
      if (this.#isKept(kept) && 'problem' in read) this.#fail(kept, read.problem, read.detail);
      return;
    }
    kept.fetchedAt = this.#options.clock.now();
    turn.keep({ bytes: fetched.body, fetchedAt: kept.fetchedAt });
    if (this.#isKept(kept)) this.#take(kept, fetched.body, read.answer);
  }

  /** What the response says, proven; or why it is not taken. */
  #read(
    kept: Kept,
    body: Buffer,
  ): { readonly answer: OcspAnswer } | { readonly problem: string; readonly detail: string } {
    const { leaf, issuer } = kept.target;
    const question = { id: makeCertId(leaf, issuer), issuer, now: this.#options.clock.now(), maxAgeMs };
    const result = verifyOcspResponse(body, question);
    if (!result.ok) return result;
    const { answer } = result;
    if (kept.answer !== undefined && answer.thisUpdate < kept.answer.thisUpdate)
      return { problem: 'outdated', detail: 'the response is older than the one before' };
    return { answer };
  }

  #take(kept: Kept, der: Buffer, answer: OcspAnswer): void {
    const { clock, onAsked, onStaple, log } = this.#options;
    const { sha256 } = kept.target;
    const before = kept.answer;
    onAsked(answer.status);
    kept.answer = answer;
    if (answer.status !== 'good') return this.#drop(kept, answer);
    if (kept.failures > 0 || before?.status !== 'good') {
      log.info({ ...about(kept), until: new Date(answer.validUntil).toISOString() }, 'OCSP response is stapled');
    }
    kept.failures = 0;
    kept.staple = { der, validUntil: answer.validUntil };
    onStaple(sha256, kept.staple);
    const halfLifeMs = (answer.validUntil - clock.now()) / 2;
    this.#again(kept, Math.min(maxRenewMs, Math.max(minRenewMs, halfLifeMs)));
  }

  /** Our own certificate is revoked, or its CA does not know it: no old `good` may hide that. */
  #drop(kept: Kept, { status, revokedAt, reason }: OcspAnswer): void {
    const { log, onStaple } = this.#options;
    const when = revokedAt === undefined ? {} : { revokedAt: new Date(revokedAt).toISOString(), reason };
    log.error(
      { ...about(kept), status, ...when },
      'OCSP says that our own certificate is not good: nothing is stapled; replace it',
    );
    kept.staple = undefined;
    onStaple(kept.target.sha256, undefined);
    kept.failures += 1;
    this.#again(kept, maxRetryMs);
  }

  #fail(kept: Kept, problem: string, detail: string): void {
    const { clock, log, onAsked } = this.#options;
    onAsked(problem);
    kept.failures += 1;
    const retryMs = Math.min(maxRetryMs, firstRetryMs * 2 ** Math.min(16, kept.failures - 1));
    const holds = kept.staple !== undefined && kept.staple.validUntil >= clock.now();
    const line = { ...about(kept), problem, detail, retryInMs: retryMs };
    if (holds) {
      const until = new Date(kept.staple?.validUntil ?? 0).toISOString();
      if (kept.failures === 1) log.warn({ ...line, until }, 'OCSP response not renewed: the last one is stapled on');
    } else if (kept.target.mustStaple) {
      log.error(line, 'no valid OCSP response for a must-staple certificate: strict clients refuse it');
    } else if (kept.failures === 1) log.warn(line, 'no valid OCSP response: nothing is stapled');
    this.#again(kept, retryMs);
  }

  #again(kept: Kept, afterMs: number): void {
    const { clock, random } = this.#options;
    kept.onFirst();
    kept.cancel = clock.after(afterMs * (1 - jitter * random()), () => this.#enqueue(kept));
  }
}

function about({ target }: Kept): Record<string, string> {
  return { subject: escapeForLog(target.leaf.subject, 256), responder: escapeForLog(target.url.href, 256) };
}
