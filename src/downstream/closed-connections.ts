// Whose open connections are closed because trust changed: gathered over one re-evaluation, for one log line per reason. Nobody can
// flood the log with it: each of them was let in before, and is not let in again.
import type { VerificationResult } from '../trust/certificate-checks.ts';
import { escapeForLog } from '../base/log-text.ts';
import type { Identity } from '../trust/verdict.ts';

const maxNamed = 5;
const maxShown = 200;
const maxDetail = 512;

export type ClosedConnection = {
  readonly policy: string;
  readonly connections: number;
  /** Subjects of the first few clients, escaped. */
  readonly clients: readonly string[];
  readonly code: VerificationResult['code'];
  /** About the first of them, escaped. */
  readonly detail: string;
};

type Tally = Pick<ClosedConnection, 'code' | 'detail' | 'policy'> & {
  connections: number;
  readonly clients: Set<string>;
};

export class ClosedConnections {
  readonly #tallies = new Map<string, Tally>();

  note(policy: string, identity: Identity | undefined, { code, detail }: VerificationResult): void {
    const kind = `${code} ${policy}`;
    let tally = this.#tallies.get(kind);
    if (tally === undefined)
      this.#tallies.set(
        kind,
        (tally = { policy, code, detail: escapeForLog(detail, maxDetail), connections: 0, clients: new Set() }),
      );
    tally.connections++;
    if (identity !== undefined && tally.clients.size < maxNamed)
      tally.clients.add(escapeForLog(identity.leaf.subject, maxShown));
  }

  tell(report: (one: ClosedConnection) => void): void {
    for (const { policy, connections, clients, code, detail } of this.#tallies.values())
      report({ policy, connections, clients: [...clients], code, detail });
  }
}
