// What OCSP says of client certificates, for one worker: answers from memory, else one question per certificate at a time to
// its responder. Bounded everywhere; a responder that is dead is not asked by every handshake. Only the leaf is asked about:
// the CAs above it are a matter for CRLs. Callers ask only after the chain was verified (incident 17).
import type { LookupFunction } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { escapeForLog } from '../base/log-text.ts';
import { encodeOcspRequest, makeCertId } from './request.ts';
import { verifyOcspResponse } from './response.ts';
import type { OcspSettings } from '../trust/revocation.ts';
import { type KnownAnswer, OcspCache } from './cache.ts';
import { fetchOcsp } from './fetch.ts';
import { type OcspFailed, type OcspFailure, OcspFailures } from './failures.ts';
import { OcspOutages } from './outages.ts';
import { findResponder } from './responder-url.ts';

/** A certificate to ask about; its issuer as the verified chain has it. */
export type OcspSubject = { readonly leaf: CertificateFacts; readonly issuer: CertificateFacts };

/** What is known of a certificate, and why nothing newer is. */
export type OcspFinding = { readonly known: KnownAnswer | undefined; readonly failure: OcspFailure | undefined };

export type OcspEvents = {
  /** Every question to a responder that ended: 'good', 'revoked', 'unknown' or a problem. Must not throw. */
  readonly onAsked: (policy: string, result: string) => void;
  /** A responder says another thing of a certificate than before: open connections are to be re-evaluated. Must not throw. */
  readonly onChange: () => void;
};

export type OcspCheckerOptions = {
  readonly clock: Clock;
  readonly events?: OcspEvents;
  /** For the names of responders; default the system. */
  readonly lookup?: LookupFunction;
  readonly limits?: { readonly maxAnswers?: number; readonly maxFetches?: number; readonly maxWaiting?: number };
};

/** For how long a failed or unclear answer is not asked for again by handshakes. */
const failureMs = 3_000;
const defaultMaxFetches = 16;
const defaultMaxWaiting = 1024;
const maxShown = 200;

/** An answer is renewed when this part of its life is over. */
const renewAfter = 0.75;
const minRenewMs = 1_000;
const maxRetryMs = 60_000;

type Ask = {
  /** Of the certificate, and of the question in #asks. */
  readonly key: string;
  readonly id: string;
  readonly url: URL;
  readonly subject: OcspSubject;
  readonly settings: OcspSettings;
  readonly policy: string;
  /** Clock.monotonic() at which it is over. */
  readonly until: number;
  readonly waiting: Set<(finding: OcspFinding) => void>;
};

export class OcspChecker {
  readonly #clock: Clock;
  readonly #events: OcspEvents | undefined;
  readonly #lookup: LookupFunction | undefined;
  readonly #cache: OcspCache;
  readonly #failures: OcspFailures;
  readonly #outages: OcspOutages;
  readonly #maxFetches: number;
  readonly #maxWaiting: number;
  readonly #asks = new Map<string, Ask>();
  readonly #queue = new Set<Ask>();
  #fetches = 0;

  constructor({ clock, events, lookup, limits = {} }: OcspCheckerOptions) {
    this.#clock = clock;
    this.#events = events;
    this.#lookup = lookup;
    this.#cache = new OcspCache(limits.maxAnswers);
    this.#failures = new OcspFailures(clock);
    this.#outages = new OcspOutages(clock);
    this.#maxFetches = limits.maxFetches ?? defaultMaxFetches;
    this.#maxWaiting = limits.maxWaiting ?? defaultMaxWaiting;
  }

  /** Answers kept. */
  get size(): number {
    return this.#cache.size;
  }

  /** What a handshake may go by without asking; undefined where somebody has to be asked. */
  find(subject: OcspSubject, settings: OcspSettings): OcspFinding | undefined {
    const { known, failed } = this.peek(subject, settings);
    if (known !== undefined && this.#isFresh(known, settings)) return { known, failure: undefined };
    if (failed === undefined || this.#clock.monotonic() - failed.at >= failureMs) return undefined;
    return { known: unlessGood(known), failure: failed.failure };
  }

  /** The last answer, however old, and the last failure since. */
  peek(
    subject: OcspSubject,
    settings: OcspSettings,
  ): { readonly known: KnownAnswer | undefined; readonly failed: OcspFailed | undefined } {
    const key = keyOf(subject);
    return { known: this.#cache.find(key), failed: this.#failures.find(key, settings) };
  }

  /** Asks, or joins whoever asks already. `done` is called once, maybe at once; the result takes it back. Must not throw. */
  ask(subject: OcspSubject, settings: OcspSettings, policy: string, done: (finding: OcspFinding) => void): () => void {
    const key = keyOf(subject);
    const found = findResponder(settings, subject.leaf);
    const id = 'url' in found ? `${key} ${found.url.href}` : '';
    let ask = this.#asks.get(id);
    if (ask === undefined) {
      const failure = 'url' in found ? this.#refuse(found.url) : found;
      if (failure !== undefined || !('url' in found)) {
        const why = failure ?? noPlace;
        this.#events?.onAsked(policy, why.problem);
        if (why.problem !== 'busy') this.#failures.add(key, settings, why);
        done({ known: unlessGood(this.#cache.find(key)), failure: why });
        return () => {};
      }
      const until = this.#clock.monotonic() + settings.timeoutMs;
      ask = { key, id, url: found.url, subject, settings, policy, until, waiting: new Set() };
      this.#asks.set(id, ask);
      this.#begin(ask);
    }
    const { waiting } = ask;
    waiting.add(done);
    return () => void waiting.delete(done);
  }

  /** When (Clock.monotonic) the answer for an open connection should be renewed; 0: at once. */
  renewAt(subject: OcspSubject, settings: OcspSettings): number {
    const { known, failed } = this.peek(subject, settings);
    const retryAt = failed === undefined ? 0 : failed.at + Math.min(maxRetryMs, failureMs * 2 ** (failed.count - 1));
    if (known === undefined) return retryAt;
    const { answer, receivedAt } = known;
    const receivedWhen = this.#clock.now() - (this.#clock.monotonic() - receivedAt);
    const lifeMs = Math.min(answer.validUntil - receivedWhen, settings.refreshMs);
    const dueMs = answer.status === 'unknown' ? failureMs : lifeMs * renewAfter;
    return Math.max(retryAt, receivedAt + Math.max(minRenewMs, dueMs));
  }

  #isFresh({ answer, receivedAt }: KnownAnswer, { refreshMs }: OcspSettings): boolean {
    const ageMs = this.#clock.monotonic() - receivedAt;
    if (answer.status === 'unknown') return ageMs < failureMs;
    const isValid = this.#clock.now() <= answer.validUntil;
    return answer.status === 'revoked' ? isValid || ageMs < refreshMs : isValid && ageMs < refreshMs;
  }

  #refuse(url: URL): OcspFailure | undefined {
    if (this.#outages.isDown(url)) return down;
    return this.#fetches < this.#maxFetches || this.#queue.size < this.#maxWaiting ? undefined : noPlace;
  }

  #begin(ask: Ask): void {
    if (this.#fetches < this.#maxFetches) {
      this.#fetch(ask);
      return;
    }
    this.#queue.add(ask);
    this.#clock.after(ask.settings.timeoutMs, () => {
      if (this.#queue.delete(ask)) this.#finish(ask, noPlace);
    });
  }

  #fetch(ask: Ask): void {
    const { url, subject, until } = ask;
    this.#fetches += 1;
    try {
      const request = encodeOcspRequest(makeCertId(subject.leaf, subject.issuer));
      const timeoutMs = Math.max(1, until - this.#clock.monotonic());
      fetchOcsp({ url, request, timeoutMs, clock: this.#clock, lookup: this.#lookup }, (fetched) => {
        this.#fetches -= 1;
        this.#outages.report(url, fetched);
        if (fetched.ok) this.#take(ask, fetched.body);
        else this.#finish(ask, fetched);
        this.#next();
      });
    } catch (error) {
      // A certificate that was read before and cannot be now, or a URL that Node's client does not take.
      this.#fetches -= 1;
      const why = error instanceof Fault ? (error.detail ?? error.code) : String(error);
      this.#clock.after(0, () => this.#finish(ask, { problem: 'unreachable', detail: `it cannot be asked (${why})` }));
    }
  }

  #next(): void {
    for (const ask of this.#queue) {
      if (this.#fetches >= this.#maxFetches) return;
      this.#queue.delete(ask);
      if (this.#outages.isDown(ask.url)) this.#finish(ask, down);
      else this.#fetch(ask);
    }
  }

  /** Keeps a valid answer; else says why there is none. */
  #take(ask: Ask, body: Buffer): void {
    const { key, subject, settings } = ask;
    const { leaf, issuer } = subject;
    const question = { id: makeCertId(leaf, issuer), issuer, now: this.#clock.now(), maxAgeMs: settings.refreshMs };
    const result = verifyOcspResponse(body, question);
    if (!result.ok) {
      this.#finish(ask, result);
      return;
    }
    const before = this.#cache.find(key)?.answer.status;
    const known = this.#cache.put(key, result.answer, this.#clock.monotonic());
    this.#failures.delete(key, settings);
    this.#finish(ask, undefined);
    if (before !== undefined && before !== known.answer.status) this.#events?.onChange();
  }

  #finish({ key, id, url, settings, policy, waiting }: Ask, why: OcspFailure | undefined): void {
    this.#asks.delete(id);
    const failure = why && { ...why, detail: `${why.detail} (${escapeForLog(url.href, maxShown)})` };
    if (failure !== undefined) this.#failures.add(key, settings, failure);
    const known = this.#cache.find(key);
    this.#events?.onAsked(policy, failure?.problem ?? known?.answer.status ?? '');
    const finding = { known: failure === undefined ? known : unlessGood(known), failure };
    for (const tell of waiting) tell(finding);
  }
}

const down: OcspFailure = { problem: 'down', detail: 'the responder did not answer lately' };
const noPlace: OcspFailure = { problem: 'busy', detail: 'too many questions to OCSP responders at once' };

/** Of an answer that should have been renewed only bad news counts. */
function unlessGood(known: KnownAnswer | undefined): KnownAnswer | undefined {
  return known?.answer.status === 'good' ? undefined : known;
}

/** Two issuers of one name are told apart by their keys. */
function keyOf({ leaf, issuer }: OcspSubject): string {
  return `${issuer.spkiSha256} ${leaf.serial} ${leaf.issuerKey}`;
}
