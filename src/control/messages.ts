// What the primary and the control process say to each other: plain data over the fork's IPC channel. Nothing that goes to
// `control` holds a private key or a secret of the configuration, but for the client secret of the identity provider, which is
// worth no more than `control` itself; what needs another it asks the primary to do.
import type { Attempt } from '../alerts/receiver.ts';
import type { TriedReceiver } from '../alerts/try-receiver.ts';
import type { AlertKind, Severity } from '../config/alert-kinds.ts';
import type { LoginProviderConfig } from '../config/gateway-config.ts';
import type { LogLevel } from '../telemetry/logger.ts';
import type { ClientsSeen } from './clients-seen.ts';
import type { StoreAddress } from '../loading/open-store.ts';
import type { StoreProblemCode } from '../store/store-problem.ts';
import type { ObjectChange } from '../store/object.ts';
import type { SealedBlob, SealKey } from '../store/sealed.ts';
import type { PlannedProblem, ShownPlan } from './plan.ts';
import type { DriftReport } from '../gateway/drift.ts';
import type { FailureReport } from '../gateway/failure-tally.ts';
import type { GatewayStatus } from './gateway-status.ts';
import type { TestQuestion, TestReport } from './test-report.ts';
import type { Role } from '../store/accounts.ts';
import type { TrafficMinute } from './traffic.ts';
import type { ShownReview } from '../audit/review-file.ts';
import type { RecordAct, RecordOutcome } from '../sharing/shared-store.ts';
import type { ConfigView } from './view.ts';

export type ControlStart = {
  readonly store: StoreAddress;
  /** Where people reach the admin entry point: `http://localhost:9901`. */
  readonly url: string;
  /** This gateway, among others on one store. */
  readonly gateway: string;
  /** How often the rows of the store are looked at, milliseconds. */
  readonly verifyEveryMs: number;
  /** This run of it: another process that calls itself the same is another one. */
  readonly instance: GatewayInstance;
  readonly log: {
    readonly level: LogLevel;
    readonly format: 'text' | 'json' | undefined;
    readonly file: string | undefined;
  };
};

/** One run of a gateway, as others on the store tell it from another. */
export type GatewayInstance = {
  readonly id: string;
  /** Name of the machine, as it says itself. */
  readonly machine: string;
  readonly pid: number;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
};

/** A request as `explain route` takes it. `certificate`: PEM, leaf first. */
export type RouteQuestion = {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly string[];
  readonly certificate?: string | undefined;
  readonly entryPoint?: string | undefined;
};

/** Changes that nobody has made yet. `pending`: sealed keys that they refer to and that the store has not got. */
export type PlanQuestion = {
  readonly changes: readonly ObjectChange[];
  readonly pending: readonly SealedBlob[];
  /** What is changed stands in for what the file has under the name. */
  readonly inPlaceOfFile?: boolean;
};

/** What became of a revision here. `pending`: not yet, and it is tried again. */
export type Commitment =
  | { readonly state: 'committed'; readonly revision: number; readonly generation: number }
  | { readonly state: 'pending'; readonly why: string }
  | { readonly state: 'refused'; readonly why: string; readonly problems: readonly PlannedProblem[] };

/** To a receiver of the configuration in force, and nowhere else. */
export type DeliverQuestion = { readonly receiver: string; readonly id: string; readonly body: string };

/** Alerts of one kind that this gateway has now, for its metrics. */
export type FiringCount = {
  readonly kind: AlertKind;
  readonly code: string;
  readonly severity: Severity;
  readonly count: number;
};

/** What the primary is asked, and what it answers. */
export type Questions = {
  /** Null: it is still the generation that is known. */
  view: { readonly asked: { readonly known: number }; readonly answer: ConfigView | null };
  status: { readonly asked: null; readonly answer: GatewayStatus };
  /** Who was seen lately. */
  clients: { readonly asked: null; readonly answer: ClientsSeen };
  /** Whom this gateway trusts, who came by it to any gateway, and what is wrong with it. */
  review: { readonly asked: { readonly staleDays: number }; readonly answer: ShownReview };
  /** The last hour, minute by minute. */
  traffic: { readonly asked: null; readonly answer: readonly TrafficMinute[] };
  /** `change`: with which it is probed before anything is saved. */
  probe: {
    readonly asked: { readonly service: string; readonly change: PlanQuestion | null };
    readonly answer: { readonly backends: readonly object[] } | { readonly problems: readonly PlannedProblem[] };
  };
  match: { readonly asked: RouteQuestion; readonly answer: object };
  /** Sends a request to an entry point of this gateway. */
  test: { readonly asked: TestQuestion; readonly answer: TestReport };
  plan: { readonly asked: PlanQuestion; readonly answer: ShownPlan };
  /** Has the newest revision loaded, where it is not in force yet. */
  commit: { readonly asked: { readonly revision: number }; readonly answer: Commitment };
  /** Tells a receiver of alerts: who signs has the secret, who connects has the key. One attempt. */
  deliver: { readonly asked: DeliverQuestion; readonly answer: Attempt };
  /** The same for somebody who tries it, step by step. */
  tryReceiver: { readonly asked: DeliverQuestion; readonly answer: TriedReceiver };
  /** With whom people sign in at this moment; null: with nobody. */
  provider: { readonly asked: null; readonly answer: LoginProvider | null };
  /** Of this client at the provider, read anew. */
  providerSecret: { readonly asked: null; readonly answer: { readonly secret: string } | { readonly why: string } };
  /** The public half of the key that opens what is sealed; null: there is none. */
  sealKey: { readonly asked: null; readonly answer: Pick<SealKey, 'id' | 'publicKey'> | null };
};
export type Topic = keyof Questions;

/** `ca`: PEM; undefined: the CAs that Node has. */
export type LoginProvider = Omit<LoginProviderConfig, 'clientSecret' | 'caBundle' | 'place'> & {
  readonly ca: string | undefined;
};

export type Question = { readonly [T in Topic]: { readonly topic: T; readonly asked: Questions[T]['asked'] } }[Topic];

/** Why there is no answer; `invalid` and `absent` are about the question. */
export type NoAnswer =
  | { readonly code: 'invalid' | 'absent' | 'busy' | 'internal'; readonly detail: string }
  | { readonly code: 'store'; readonly problem: StoreProblemCode; readonly detail: string };

export type ToControl =
  | { readonly kind: 'start'; readonly start: ControlStart }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly kind: 'noAnswer'; readonly id: number; readonly why: NoAnswer }
  /** Handshakes that failed; answered with `taken`, then the next ones come. */
  | { readonly kind: 'failures'; readonly report: FailureReport }
  /** Has a shared record written; answered with `recorded`. */
  | { readonly kind: 'record'; readonly id: number; readonly act: RecordAct }
  | { readonly kind: 'ping' }
  /** What runs has changed, or was refused: it is time to report. */
  | { readonly kind: 'changed' }
  /** Reopen the log file. */
  | { readonly kind: 'reopen' };

export type FromControl =
  | { readonly kind: 'pong' }
  /** Failed handshakes can be told: the first time when it is ready for them. */
  | { readonly kind: 'taken' }
  /** All of them, each time. */
  | { readonly kind: 'firing'; readonly firing: readonly FiringCount[] }
  /** Its store is open: shared records can be written. */
  | { readonly kind: 'records' }
  | { readonly kind: 'recorded'; readonly id: number; readonly outcome: RecordOutcome }
  | { readonly kind: 'ask'; readonly id: number; readonly question: Question }
  /** What it found that is not as it is meant, of one kind and source, all of it. */
  | { readonly kind: 'drift'; readonly report: DriftReport };

/** Descriptor of the connection over which the primary passes requests on: HTTP/2 between the two ends of a pair of sockets. */
export const requestsFd = 4;
/** Who asks, as the admin entry point saw it. Never taken from a client. */
export const remoteField = 'x-countersign-remote';
/** Likewise: the client certificate that the connection showed, as the primary judged it for this request. Base64url of JSON. */
export const certificateField = 'x-countersign-certificate';
/** Every field that the primary says itself; what a client sends under these names goes nowhere. */
export const primaryFields: ReadonlySet<string> = new Set([remoteField, certificateField]);

export type MappedCertificate = {
  readonly role: Role;
  /** Hexadecimal, of the DER. */
  readonly sha256: string;
  /** Escaped, and cut where it is long. */
  readonly subject: string;
  readonly serial: string;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
};

/** One that logs in with a role, or one that logs nobody in, and why: a sentence for whoever showed it. */
export type ShownCertificate = MappedCertificate | { readonly role: null; readonly why: string };

/** Of one request. */
export const maxBodyBytes = 1024 * 1024;
