// What a gateway says of itself at this moment: what it runs and since when, what it refused, how its store, its workers and its
// backends are. Made by the primary from what its workers report; plain data, times in milliseconds since the epoch.
import type { BackendHandshake } from '../gateway/backend-handshakes.ts';
import type { Drift } from '../gateway/drift.ts';
import type { LoadedCertificate } from '../gateway/observation.ts';

export type GatewayStatus = {
  readonly at: number;
  readonly generation: number;
  /** Of the store; 0: nothing of it comes from there. */
  readonly revision: number;
  /** When this generation became active. */
  readonly since: number;
  /** The newest configuration, where it was not taken. */
  readonly refused: RefusedConfig | null;
  /** Null: there is none. */
  readonly store: StoreStatus | null;
  readonly workers: readonly WorkerStatus[];
  /** When the control process ended, of the last hour, oldest first. */
  readonly control: { readonly endedAt: readonly number[] };
  /** What the workers have loaded, together; beyond the limit only counted. */
  readonly certificates: readonly LoadedCertificate[];
  readonly certificateCount: number;
  /** Who delivers certificates and CAs, as the primary asks them. */
  readonly sources: readonly SourceStatus[];
  readonly backends: readonly BackendStatus[];
  /** Sources of revocation lists that the configuration in force asks for. */
  readonly revocation: readonly RevocationStatus[];
  /** Ports that are listened on, by entry point. */
  readonly ports: Readonly<Record<string, number>>;
  /** The latest of all workers, by address. */
  readonly handshakes: readonly BackendHandshake[];
  /** What runs against what is meant, oldest first. */
  readonly drift: readonly Drift[];
};

export type SourceStatus = {
  /** `edge (spiffe)`. */
  readonly label: string;
  readonly kind: string;
  readonly wants: 'pair' | 'anchors';
  /** Of what it delivered last; null: nothing yet. */
  readonly delivered: {
    readonly at: number;
    readonly subject: string;
    readonly serial: string;
    readonly notAfter: number;
  } | null;
  /** When it is asked next; null: it is being asked. */
  readonly nextAt: number | null;
  /** Why the last attempt brought nothing; null where it did. */
  readonly problem: {
    readonly at: number;
    readonly code: string;
    readonly message: string;
    readonly hint: string;
  } | null;
};

export type RefusedConfig = {
  readonly at: number;
  readonly why: string;
  /** `moment`: nobody said no, it is tried again. */
  readonly blame: 'configuration' | 'moment' | 'defect';
  /** Of the store, that was loaded; null: what is wrong is not of it. */
  readonly revision: number | null;
  /** The first of them. */
  readonly problems: readonly RefusedProblem[];
};

export type RefusedProblem = {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  /** `gateway.yml:12`, or the object of the store with its pointer. */
  readonly place: string;
  /** Of the store, that is at fault. */
  readonly object: { readonly kind: string; readonly id: string; readonly pointer: string } | null;
};

export type StoreStatus = {
  readonly up: boolean;
  readonly revision: number;
  /** Of the revision in force; null: none is. */
  readonly digest: string | null;
  /** When it could last be read; null: not by this process. */
  readonly readAt: number | null;
  readonly problem: { readonly code: string; readonly message: string; readonly help: string } | null;
};

export type RevocationStatus = {
  /** Name of a file, or a URL. */
  readonly source: string;
  readonly readAt: number | null;
  /** The last reading failed. */
  readonly failing: boolean;
  readonly lists: readonly { readonly issuer: string; readonly thisUpdate: number; readonly nextUpdate: number }[];
  /** Who looks at it: `policy edge`, `route orders`. */
  readonly usedBy: readonly string[];
  /** Of these, who refuses what a list past its date speaks of. */
  readonly refusesStale: readonly string[];
};

export type WorkerStatus = {
  readonly slot: number;
  readonly pid: number;
  readonly serving: boolean;
  /** Null: it did not answer. */
  readonly generation: number | null;
};

/** A backend of a route, over all workers that answered. */
export type BackendStatus = {
  readonly route: string;
  /** host:port. */
  readonly label: string;
  /** `partly`: some workers reach it. */
  readonly state: 'up' | 'partly' | 'down';
  /** Of the change that is oldest among those that say so. */
  readonly since: number;
  readonly down: { readonly code: string; readonly detail: string; readonly help: string } | null;
};
