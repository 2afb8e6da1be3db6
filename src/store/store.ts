// The store of the control plane: revisions of what gateways run, sealed keys, who may change it and who did. One interface
// for a file on one machine and for a database that several gateways share; every method may take as long as a database does,
// and rejects with a StoreProblem. Only `control` writes, the data path does not depend on it.
import type { Sessions, Tokens, Users } from './accounts.ts';
import type { AuditLog } from './audit.ts';
import type { Gateways } from './gateways.ts';
import type { HandshakeFailures } from './handshake-failures.ts';
import type { IdempotencyKeys } from './idempotency.ts';
import type { SharedRecords } from './records.ts';
import type { Revisions } from './revision.ts';
import type { Opener } from './seal.ts';
import type { SealedBlobs } from './sealed.ts';
import type { StoreFinding } from './verify.ts';

export interface Store extends AsyncDisposable {
  readonly revisions: Revisions;
  readonly sealed: SealedBlobs;
  readonly users: Users;
  readonly sessions: Sessions;
  readonly tokens: Tokens;
  readonly gateways: Gateways;
  readonly handshakeFailures: HandshakeFailures;
  readonly records: SharedRecords;
  readonly audit: AuditLog;
  readonly idempotencyKeys: IdempotencyKeys;

  /** What time it is there, in milliseconds since the epoch: reports are as old as this clock says. */
  now(): Promise<number>;

  /**
   * What is wrong, and where; nothing where all is well. Never rejects for what it finds. With an `opener` each sealed key is
   * opened as well: whoever can write to the store can seal another key in place of one, and only opening shows it.
   */
  verify(opener?: Opener): Promise<readonly StoreFinding[]>;

  /** Everything as of one moment, as a file of mode 0600 that is not there yet, while others go on. The opening key is not in it. */
  backup(path: string): Promise<void>;

  /** Waits for nothing; what is not confirmed did not happen. */
  close(): Promise<void>;
}
