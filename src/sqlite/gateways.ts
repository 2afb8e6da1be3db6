// Gateways and their last reports in the file.
import type { Clock } from '../base/clock.ts';
import { parseDigest } from '../store/digest.ts';
import type { Gateway, Gateways } from '../store/gateways.ts';
import { maxGateways, maxReportBytes } from '../store/limits.ts';
import { type Act, boundedJson, checkCount, checkName, readJson } from '../store/names.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { SqliteAuditLog } from './audit.ts';
import type { Database } from './database.ts';

type GatewayRow = Omit<Gateway, 'report'> & { readonly report: string };
const columns = 'name, joined_at AS joinedAt, reported_at AS reportedAt, revision, content, report';

export class SqliteGateways implements Gateways {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #audit: SqliteAuditLog;

  constructor(db: Database, clock: Clock, audit: SqliteAuditLog) {
    this.#db = db;
    this.#clock = clock;
    this.#audit = audit;
  }

  async report({ name, revision, content, report }: Parameters<Gateways['report']>[0]): Promise<void> {
    checkName(name, 'the name of a gateway');
    checkCount(revision, 'the revision of a gateway');
    if (content !== null) parseDigest(content, 'the content that a gateway serves');
    const text = boundedJson(report, maxReportBytes, 'the report of a gateway');
    const now = this.#clock.now();
    this.#db.write('normal', () => {
      const known = this.#db.get('SELECT 1 FROM gateway WHERE name = ?', name) !== undefined;
      const count = this.#db.get<{ n: number }>('SELECT count(*) AS n FROM gateway')?.n ?? 0;
      if (!known && count >= maxGateways) throw new StoreProblem('full', `there are ${count} gateways already`);
      this.#db.run(
        `INSERT INTO gateway (name, joined_at, reported_at, revision, content, report) VALUES (?1, ?2, ?2, ?3, ?4, ?5)
         ON CONFLICT (name) DO UPDATE SET reported_at = ?2, revision = ?3, content = ?4, report = ?5`,
        name,
        now,
        revision,
        content,
        text,
      );
    });
  }

  async find(name: string): Promise<Gateway | undefined> {
    const row = this.#db.get<GatewayRow>(`SELECT ${columns} FROM gateway WHERE name = ?`, name);
    return row && readGateway(row);
  }

  async list(): Promise<readonly Gateway[]> {
    return this.#db.all<GatewayRow>(`SELECT ${columns} FROM gateway ORDER BY name`).map(readGateway);
  }

  async remove(name: string, act: Act): Promise<boolean> {
    return this.#db.write('full', () => {
      if (this.#db.run('DELETE FROM gateway WHERE name = ?', name) === 0) return false;
      this.#audit.write(act, { action: 'gateway.remove', subject: `gateway/${name}`, row: null });
      return true;
    });
  }
}

function readGateway(row: GatewayRow): Gateway {
  return { ...row, report: readJson(row.report, 'the report of a gateway') };
}
