// Gateways and their last reports in the database, by the time of the database.
import { parseDigest } from '../store/digest.ts';
import type { Gateway, Gateways } from '../store/gateways.ts';
import { maxGateways, maxReportBytes } from '../store/limits.ts';
import { type Act, boundedJson, checkCount, checkName, readJson } from '../store/names.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { PostgresAuditLog } from './audit.ts';
import type { Database } from './database.ts';
import type { StoreTime } from './store-time.ts';

type GatewayRow = Omit<Gateway, 'report'> & { readonly report: string };
const columns = 'name, joined_at AS "joinedAt", reported_at AS "reportedAt", revision, content, report';

export class PostgresGateways implements Gateways {
  readonly #db: Database;
  readonly #time: StoreTime;
  readonly #audit: PostgresAuditLog;

  constructor(db: Database, time: StoreTime, audit: PostgresAuditLog) {
    this.#db = db;
    this.#time = time;
    this.#audit = audit;
  }

  async report({ name, revision, content, report }: Parameters<Gateways['report']>[0]): Promise<void> {
    checkName(name, 'the name of a gateway');
    checkCount(revision, 'the revision of a gateway');
    if (content !== null) parseDigest(content, 'the content that a gateway serves');
    const text = boundedJson(report, maxReportBytes, 'the report of a gateway');
    // Gateways report all the time, each for itself: one statement, and none of them waits for another.
    const changed = await this.#db.run(
      `INSERT INTO gateway (name, joined_at, reported_at, revision, content, report)
       SELECT $1, $2, $2, $3, $4, $5 WHERE EXISTS (SELECT 1 FROM gateway WHERE name = $1)
         OR (SELECT count(*) FROM gateway) < $6
       ON CONFLICT (name) DO UPDATE SET reported_at = excluded.reported_at, revision = excluded.revision,
         content = excluded.content, report = excluded.report`,
      name,
      this.#time.now(),
      revision,
      content,
      text,
      maxGateways,
    );
    if (changed === 0) throw new StoreProblem('full', `there are ${maxGateways} gateways already`);
  }

  async find(name: string): Promise<Gateway | undefined> {
    const row = await this.#db.get<GatewayRow>(`SELECT ${columns} FROM gateway WHERE name = $1`, name);
    return row && readGateway(row);
  }

  async list(): Promise<readonly Gateway[]> {
    return (await this.#db.all<GatewayRow>(`SELECT ${columns} FROM gateway ORDER BY name`)).map(readGateway);
  }

  async remove(name: string, act: Act): Promise<boolean> {
    return this.#db.write('full', async (queries) => {
      if ((await queries.run('DELETE FROM gateway WHERE name = $1', name)) === 0) return false;
      await this.#audit.write(queries, act, { action: 'gateway.remove', subject: `gateway/${name}`, row: null });
      return true;
    });
  }
}

function readGateway(row: GatewayRow): Gateway {
  return { ...row, report: readJson(row.report, 'the report of a gateway') };
}
