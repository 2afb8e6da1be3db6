// OCSP of one worker's clients: the answers, what is counted and logged of them, and the connections that are open: their
// answers are renewed before they run out, and they are re-evaluated when an answer changes or holds no longer.
import type { LookupFunction } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { MetricCatalogue } from '../telemetry/metrics.ts';
import type { OcspSettings } from '../trust/revocation.ts';
import type { Identity } from '../trust/verdict.ts';
import { OcspChecker } from './checker.ts';
import { ocspSubject, type OcspSoftFail, type OcspVerification, verifyFinding, verifyOpen } from './verification.ts';

/** A client that is connected. */
export type OcspClient = { readonly serverName: string | undefined; readonly identity: Identity | undefined };

/** The trust policies of a generation, as far as they ask OCSP. */
export type OcspPolicies = {
  readonly policies: Iterable<OcspPolicy>;
  /** The policy of a server name. */
  find(serverName: string | undefined): OcspPolicy | undefined;
};

type OcspPolicy = {
  readonly name: string;
  readonly ocsp: OcspSettings | undefined;
};

export type ClientOcspOptions = {
  readonly clock: Clock;
  readonly metrics: MetricCatalogue;
  /** For the names of responders. */
  readonly lookup: LookupFunction;
  /** The active ones. */
  readonly policies: () => OcspPolicies;
  /** Clients that are connected and welcome. */
  readonly peers: () => Iterable<OcspClient>;
  /** Verifies all of them again. */
  readonly reEvaluate: () => void;
  /** A client was let in although OCSP could not say that it is good. */
  readonly onSoftFail: (pass: OcspSoftFail) => void;
};

/** How often the answers of open connections are looked through. */
const tickMs = 500;
/** A connection whose answer cannot be renewed is looked at again after this. */
const recheckMs = 1_000;
/** Renewals at once: handshakes, which somebody waits for, must not stand behind them. */
const maxRenewals = 8;
/** Many answers may change together: they are one occasion. */
const gatherMs = 20;

export class ClientOcsp {
  readonly checker: OcspChecker;
  readonly #options: ClientOcspOptions;
  readonly #renewing = new Set<string>();
  /** Clock.monotonic() before which nothing can become of a connection. */
  #due = new WeakMap<OcspClient, number>();
  #cancelTick: (() => void) | undefined;
  #verifying = false;

  constructor(options: ClientOcspOptions) {
    this.#options = options;
    const { clock, metrics, lookup } = options;
    this.checker = new OcspChecker({
      clock,
      lookup,
      events: {
        onAsked: (policy, result) => metrics.ocspRequests.labels({ use: 'client', policy, result }).inc(),
        onChange: () => this.#verifySoon(),
      },
    });
  }

  /** For the listener. */
  get ocsp(): Pick<OcspVerification, 'checker' | 'onSoftFail'> {
    const { metrics, onSoftFail } = this.#options;
    return {
      checker: this.checker,
      onSoftFail: (pass) => {
        metrics.ocspSoftPasses.labels({ policy: pass.policy, problem: pass.problem }).inc();
        onSoftFail(pass);
      },
    };
  }

  /** Other rules are active: looks after open connections where any policy asks OCSP. */
  follow({ policies }: OcspPolicies): void {
    this.#due = new WeakMap();
    const isAsked = [...policies].some(({ ocsp }) => ocsp !== undefined);
    if (isAsked) this.#cancelTick ??= this.#arm();
    else {
      this.#cancelTick?.();
      this.#cancelTick = undefined;
    }
  }

  #arm(): () => void {
    return this.#options.clock.after(tickMs, () => {
      this.#cancelTick = this.#arm();
      this.#tick();
    });
  }

  #tick(): void {
    const { clock, metrics, peers } = this.#options;
    metrics.ocspAnswers.labels({}).set(this.checker.size);
    const at = clock.monotonic();
    let again = false;
    for (const peer of peers()) {
      if ((this.#due.get(peer) ?? 0) <= at && this.#look(peer, at)) again = true;
    }
    if (again) this.#verifySoon();
  }

  /** Renews an answer whose time has come; true where the connection may have to end. */
  #look(peer: OcspClient, at: number): boolean {
    const { clock, policies } = this.#options;
    const policy = policies().find(peer.serverName);
    const settings = policy?.ocsp;
    const subject = ocspSubject(peer.identity?.leaf, peer.identity);
    if (policy === undefined || settings === undefined || subject === undefined) return false;
    const now = clock.now();
    const { leaf } = subject;
    if (verifyOpen(this.checker, subject, settings, now) !== undefined) return true;
    const renewAt = this.checker.renewAt(subject, settings);
    if (renewAt <= at && this.#renewing.size < maxRenewals && !this.#renewing.has(leaf.sha256)) {
      this.#renewing.add(leaf.sha256);
      this.checker.ask(subject, settings, policy.name, (finding) => {
        this.#renewing.delete(leaf.sha256);
        const { known: last } = this.checker.peek(subject, settings);
        // While the last answer holds, a failed renewal is nobody's end.
        const holds = last?.answer.status === 'good' && clock.now() <= last.answer.validUntil;
        if (!holds && verifyFinding(finding, settings.mode) !== undefined) this.#verifySoon();
      });
    }
    const validUntil = this.checker.peek(subject, settings).known?.answer.validUntil ?? now;
    this.#due.set(peer, renewAt > at ? Math.min(renewAt, at + Math.max(recheckMs, validUntil - now)) : at + recheckMs);
    return false;
  }

  #verifySoon(): void {
    if (this.#verifying) return;
    this.#verifying = true;
    this.#options.clock.after(gatherMs, () => {
      this.#verifying = false;
      this.#options.reEvaluate();
    });
  }
}
