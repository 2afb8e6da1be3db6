// What the operations of the API work with.
import type { Clock } from '../base/clock.ts';
import type { DriftReport } from '../gateway/drift.ts';
import type { Store } from '../store/store.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Alerts } from './alerts.ts';
import type { CertificateSessions } from './certificate-sessions.ts';
import type { ClientsSeen } from './clients-seen.ts';
import type { ChangeQueue } from './change-queue.ts';
import type { Fleet } from './fleet.ts';
import type { InstanceShown } from './gateway-shape.ts';
import type { GatewayStatus } from './gateway-status.ts';
import type { HandshakeFeed } from './handshake-feed.ts';
import type { LoginLimits } from './login-limits.ts';
import type { OpenStreams } from './open-streams.ts';
import type { Passwords } from './passwords.ts';
import type { SignIn } from './sign-in.ts';
import type { StoredHead } from './stored-head.ts';
import type { Questions, Topic } from './messages.ts';
import type { ConfigView } from './view.ts';

export type ControlContext = {
  readonly clock: Clock;
  readonly log: Logger;
  readonly store: Store;
  readonly passwords: Passwords;
  readonly limits: LoginLimits;
  readonly certificateSessions: CertificateSessions;
  readonly signIn: SignIn;
  /** Name of this gateway. */
  readonly gateway: string;
  /** This run of it. */
  readonly instance: InstanceShown;
  /** All gateways on the store. */
  readonly fleet: Pick<Fleet, 'read' | 'isBehind'>;
  /** What runs at this moment. Rejects with an ApiProblem. */
  readonly view: () => Promise<ConfigView>;
  /** How it is at this moment. Rejects with an ApiProblem. */
  readonly status: () => Promise<GatewayStatus>;
  /** Who was seen lately. Rejects with an ApiProblem. */
  readonly clients: () => Promise<ClientsSeen>;
  /** Tells the primary what drifts, of one kind and source, all of it: from there it is in log, metric and status. */
  readonly drift: (report: DriftReport) => void;
  readonly alerts: Alerts;
  readonly handshakes: HandshakeFeed;
  readonly streams: OpenStreams;
  /** Asks the primary. Rejects with an ApiProblem. */
  readonly ask: <T extends Topic>(topic: T, asked: Questions[T]['asked']) => Promise<Questions[T]['answer']>;
  /** One after the other, where two at once could both be the first. */
  readonly inTurn: <T>(act: () => Promise<T>) => Promise<T>;
  /** The newest revision of the store. Rejects with a StoreProblem. */
  readonly stored: StoredHead;
  /** Changes of what gateways run. */
  readonly changes: ChangeQueue;
};
