// What the flow needs of the running configuration. The gateway's Generation provides it; a request takes it once, at
// its start, and keeps it to its end, so that a reload never changes the rules in the middle of a request.
import type { Clock } from '../base/clock.ts';
import type { Deadlines } from '../base/deadline.ts';
import type { RouteConfig } from '../config/gateway-config.ts';
import type { ChallengeAnswers, ChallengeType } from '../acme/challenge-answers.ts';
import type { ClientCounts } from '../downstream/client-counts.ts';
import type { FutileHandshakes } from '../downstream/futile-handshakes.ts';
import type { TrustPolicy } from '../downstream/trust-policy.ts';
import type { PolicyTable } from '../downstream/policy-table.ts';
import type { UselessTraffic } from '../downstream/useless-traffic.ts';
import type { Filter } from '../filters/filter.ts';
import type { Forwarding } from '../forwarding/forwarding.ts';
import type { StripList } from '../forwarding/strip-list.ts';
import type { RouteRule } from '../trust/route-rule.ts';
import type { PathRewrite } from '../routing/rewrite-path.ts';
import type { RouteTable } from '../routing/route-table.ts';
import type { AccessLog } from '../telemetry/access-log.ts';
import type { Tracer } from '../telemetry/tracer.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { BodyBudget } from './body-buffer.ts';
import type { SlowLane } from './slow-lane.ts';
import type { TrafficHealth } from './traffic-health.ts';
import type { RequestMetrics, RouteMetrics } from './request-metrics.ts';

/** One route, ready to serve. */
export type Route = {
  readonly config: RouteConfig;
  readonly cluster: Cluster;
  readonly metrics: RouteMetrics;
  /** undefined: paths stay as they are. */
  readonly rewrite: PathRewrite | undefined;
  /** Who may call it, as the route itself says; undefined: it says nothing (`Serving.ruleOf`). */
  readonly rule: RouteRule | undefined;
  /** In the order in which they see a request. */
  readonly filters: readonly Filter[];
};

/** The active rules: immutable, replaced as a whole by a reload. */
export type Serving = {
  readonly number: number;
  readonly policies: PolicyTable;
  readonly routes: RouteTable<Route>;
  readonly strip: StripList;
  readonly forwarding: Forwarding;
  /** undefined: nobody is told of the gateway's health where traffic comes in. */
  readonly health: TrafficHealth | undefined;
  readonly clientLimits: {
    /** At a time, of one client; 0 = no limit. */
    readonly requests: number;
    /** Many clients stand behind such an address: no limit of one holds for it. */
    readonly isExempt: (address: string) => boolean;
  };
  /** Port of the TLS entry point; undefined where the TLS entry point is off. */
  readonly securePort: number | undefined;
  /** The same as clients reach it, where the operator says. */
  readonly redirectPort: number | undefined;
  /** Who may call a route under a policy: its own rule, else the default of the policy; undefined: whoever the policy lets in. */
  ruleOf(route: Route, policy: TrustPolicy | undefined): RouteRule | undefined;
  /** URI SANs of the certificate that a policy presents: XFCC's By. */
  ownUris(policy: TrustPolicy): readonly string[];
};

/** Whose word counts for which trace a request belongs to; trusted proxies' always. */
export type FollowFrom = 'proxies' | 'verified' | 'everybody';

/** What outlives a reload: one per worker. */
export type Services = {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly accessLog: AccessLog | undefined;
  /** undefined: nothing is traced. */
  readonly tracing: { readonly tracer: Tracer; readonly followFrom: FollowFrom } | undefined;
  /** For request bodies that are kept until a backend connection is worth taking. */
  readonly bodies: BodyBudget;
  /** Those in progress, by client, where there is a limit. */
  readonly clientRequests: ClientCounts;
  /** What clients did of no use, with all their connections. */
  readonly useless: UselessTraffic;
  /** Requests of those who did too much of it. */
  readonly slowLane: SlowLane;
  /** Addresses whose handshakes lead to nothing good. */
  readonly futile: FutileHandshakes;
  readonly metrics: RequestMetrics;
  /** Something that must not happen did: for the log, with its stack. */
  readonly onDefect: (error: unknown) => void;
  /** A failure worth a log line of its own (backend trouble); bounded by the receiver. */
  readonly onFault: (report: FaultReport) => void;
  /** The gateway is being stopped: it takes no further connections. */
  readonly isDraining: () => boolean;
  /** What a CA that validates is to find here. */
  readonly challenges: ChallengeAnswers;
  readonly onChallenge: (type: ChallengeType) => void;
  readonly current: () => Serving;
};

export type FaultReport = {
  readonly requestId: string;
  readonly code: string;
  readonly source: string;
  readonly detail: string | undefined;
  readonly raw: string | undefined;
  readonly route: string;
  readonly backend: string;
  /** What the operator should do. */
  readonly help: string;
};
