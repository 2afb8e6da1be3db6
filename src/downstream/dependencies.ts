// What the client side needs of the setup, passed in once per listener, and what a connection needs beside it to get to its
// verdict. Callbacks must not throw; if one does, the connection is refused and the process lives on.
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ChallengeAnswers } from '../acme/challenge-answers.ts';
import type { Clock } from '../base/clock.ts';
import type { Deadlines } from '../base/deadline.ts';
import type { FactsCache } from '../certs/facts-cache.ts';
import type { TrustBundle } from '../trust/trust-bundle.ts';
import type { Verdict } from '../trust/verdict.ts';
import type { ChainCache } from '../trust/chain-cache.ts';
import type { ChallengeTerminators } from './challenge-terminators.ts';
import type { AdmissionRules } from './admission.ts';
import type { ClientCounts } from './client-counts.ts';
import type { HandshakeLimits } from './handshake-limits.ts';
import type { HandshakeRecord } from './handshake-record.ts';
import type { HandshakeTurns } from './handshake-turns.ts';
import type { OcspVerification } from '../ocsp/verification.ts';
import type { Intermediates } from '../trust/intermediates.ts';
import type { Peer } from './peer.ts';
import type { PendingHandshakes } from './pending-handshakes.ts';
import type { SelfTestMarks } from './self-test-marks.ts';
import type { PolicyTable } from './policy-table.ts';

/** The active rules, taken anew for each connection. */
export type DownstreamState = AdmissionRules & {
  readonly policies: PolicyTable;
  /** Per worker; 0 = unlimited. */
  readonly handshakesPerSecond: number;
  /** Of these, of one client; 0 = unlimited. */
  readonly handshakesPerClient: number;
};

/** How an attempt ended, for metrics: every one, the refused ones included. */
export type HandshakeOutcome = {
  /** '' where no policy was chosen. */
  readonly policy: string;
  readonly code: HandshakeRecord['code'] | 'ok';
  /** undefined where it did not come to one. */
  readonly verdict: Verdict | undefined;
  /** The client asked for a stapled response: whether it got one; undefined where it did not ask, or there is no stapling. */
  readonly stapled: boolean | undefined;
  readonly durationMs: number;
  /** It could not start at once, since others did. */
  readonly waited: boolean;
  /** The gateway tried itself. */
  readonly isSelfTest: boolean;
};

/** A client that got as far as a verdict, let in or not: for the record of who was seen. */
export type VerifiedClient = {
  readonly policy: string;
  readonly serverName: string | undefined;
  readonly verdict: Verdict;
  /** The CAs of the policy: what is among them was perhaps never sent by the client. */
  readonly bundle: TrustBundle | undefined;
};

export type DownstreamDependencies = {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  /** What a CA that validates by tls-alpn-01 is to find here. */
  readonly challenges: ChallengeAnswers;
  /** Which connections are the gateway's own. */
  readonly selfTests: Pick<SelfTestMarks, 'take'>;
  /** Shared with the other workers. */
  readonly intermediates: Intermediates;
  /** The answers that open connections are verified by, too. */
  readonly ocsp: Pick<OcspVerification, 'checker' | 'onSoftFail'>;
  readonly current: () => DownstreamState;
  /** Of clients, on all entry points. */
  readonly clientConnections: ClientCounts;
  /** Likewise. */
  readonly handshakes: HandshakeLimits;
  /** Likewise. */
  readonly turns: HandshakeTurns;
  /**
   * A connection with a verdict, from now on the caller's to keep, to verify again and to end. `peer.refused` set means that
   * the first request is answered with it, then closed. `transport` is the TCP socket below, for nothing but a reset.
   */
  readonly onConnection: (socket: TLSSocket, peer: Peer, transport: Socket) => void;
  /** Every failed handshake; HandshakeLog keeps the log readable. */
  readonly onRefused: (record: HandshakeRecord) => void;
  /** Every attempt that ended, for metrics. */
  readonly onOutcome: (outcome: HandshakeOutcome) => void;
  /** Every client that got as far as a verdict. */
  readonly onVerified: (verified: VerifiedClient) => void;
  /** A CA was shown the certificate of an open order. */
  readonly onChallenge: () => void;
  /** Something that must not happen did: for the log, with its stack. */
  readonly onDefect: (error: unknown) => void;
};

/** What all connections of one listener share. */
export type AcceptDependencies = Omit<DownstreamDependencies, 'challenges'> & {
  readonly challenges: ChallengeTerminators;
  readonly pending: PendingHandshakes;
  readonly facts: FactsCache;
  readonly chains: ChainCache;
};
