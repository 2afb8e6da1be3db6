// The clients that a gateway saw, as its primary tells the control process: from the record of clients, bounded, and with every
// text of theirs escaped. Times in milliseconds since the epoch.
import type { RuleView } from './view.ts';

export type ClientsSeen = {
  readonly at: number;
  /** When the record began; null: none is kept (gateway.trustRecord). */
  readonly since: number | null;
  /** Whose records these are, in the order of their names. */
  readonly gateways: readonly { readonly name: string; readonly since: number; readonly written: number }[];
  /** Last seen first; beyond the limit only counted. */
  readonly identities: readonly ClientSeen[];
  readonly identityCount: number;
  readonly anonymous: readonly AnonymousSeen[];
  /** The name rule that the client let in last matched, by policy; null: the policy has none. */
  readonly matched: readonly { readonly policy: string; readonly sha256: string; readonly rule: RuleView | null }[];
};

export type ClientSeen = {
  readonly policy: string;
  readonly sha256: string;
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
  /** `TYPE:value`, the first few. */
  readonly sans: readonly string[];
  readonly notAfter: number;
  readonly serverNames: readonly (string | null)[];
  readonly firstSeen: number;
  readonly lastSeen: number;
  readonly lastAccepted: number | null;
  /** Handshakes. */
  readonly accepted: number;
  readonly refused: number;
  /** Of the last one. */
  readonly code: string;
  readonly detail: string;
  readonly version: string;
  /** Which gateways saw it, in the order of their names. */
  readonly seenAt: readonly {
    readonly gateway: string;
    readonly lastSeen: number;
    readonly lastAccepted: number | null;
  }[];
};

export type AnonymousSeen = {
  readonly policy: string;
  readonly serverName: string | null;
  readonly accepted: number;
  readonly refused: number;
  readonly firstSeen: number;
  readonly lastSeen: number;
};
