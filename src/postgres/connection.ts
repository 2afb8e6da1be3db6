// One connection to the database: TLS material read anew, the primary found among several hosts, every setting of the session
// that matters set on purpose, every wait bounded on our side as well, since a host that is gone says nothing.
import { Socket } from 'node:net';
import { rootCertificates } from 'node:tls';
import { Client, type ClientConfig } from 'pg';
import { readRegularFile } from '../base/read-regular-file.ts';
import { showPath } from '../base/secret-text.ts';
import type { PostgresAddress, PostgresTls } from '../config/postgres-address.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { asStoreProblem, endsConnection } from './postgres-problem.ts';

export type ConnectOptions = {
  readonly address: PostgresAddress;
  /** `read`: the server refuses writes of this session. */
  readonly access: 'read' | 'write';
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** For the connection as a whole, per host. Default 5 s. */
  readonly connectMs?: number;
  /** For one statement; the server ends it a second before. Default 8 s. */
  readonly queryMs?: number;
  /** How long a writer waits for another. Default 3 s. */
  readonly lockMs?: number;
};

export const defaultConnectMs = 5_000;
export const defaultQueryMs = 8_000;
const defaultLockMs = 3_000;
/** A transaction of ours never waits for us so long: it is over where this process hangs. */
const idleInTransactionMs = 30_000;
const keepAliveMs = 10_000;
const endMs = 1_000;
const maxFileBytes = 1024 * 1024;

export type Row = Readonly<Record<string, unknown>>;

export class Connection {
  readonly #client: Client;
  readonly #socket: Socket;
  readonly #queryMs: number;
  /** What the clock of the server said when the session began. */
  #serverNow = 0;
  /** Why it is of no use any more. */
  #problem: unknown;
  #onEnd: (problem: StoreProblem) => void = () => {};
  #onNotification: (payload: string) => void = () => {};

  private constructor(client: Client, socket: Socket, queryMs: number) {
    this.#client = client;
    this.#socket = socket;
    this.#queryMs = queryMs;
    client.on('error', (error) => this.#fail(error));
    client.on('end', () => this.#fail(new StoreProblem('unreachable', 'the connection to the database was lost')));
    client.on('notification', ({ payload }) => this.#onNotification(payload ?? ''));
  }

  /** The first host that takes writes. Rejects with the StoreProblem that says most. */
  static async open(options: ConnectOptions): Promise<Connection> {
    const problems: StoreProblem[] = [];
    for (const { host, port } of options.address.hosts) {
      try {
        return await Connection.#openHost(options, host, port);
      } catch (error) {
        const problem = asStoreProblem(error);
        if (!(problem instanceof StoreProblem)) throw problem;
        problems.push(problem);
      }
    }
    const [first] = problems;
    // That one is a standby is no news where another is away: the one that is away is what is missing.
    throw (
      problems.find(({ code }) => code !== 'standby') ?? first ?? new StoreProblem('unreachable', 'no host is named')
    );
  }

  static async #openHost(options: ConnectOptions, host: string, port: number): Promise<Connection> {
    const { address, applicationName, connectMs = defaultConnectMs, queryMs = defaultQueryMs } = options;
    const socket = new Socket().setKeepAlive(true, keepAliveMs);
    const settings: ClientConfig = {
      host,
      port,
      user: address.user,
      // A function, so that no variable of the environment and no file in the home stands in for it.
      password: () => address.password ?? '',
      database: address.database,
      application_name: applicationName,
      options: '',
      ssl: await readTls(address.tls),
      stream: () => socket,
      types: { getTypeParser: parserOf },
    };
    const client = new Client(settings);
    const connection = new Connection(client, socket, queryMs);
    const where =
      address.hosts.length > 1
        ? ` (host ${address.hosts.findIndex((one) => one.host === host && one.port === port) + 1})`
        : '';
    try {
      await within(connectMs, client.connect(), () => connection.destroy());
      await connection.#prepareSession(options);
      return connection;
    } catch (error) {
      connection.destroy();
      const problem = asStoreProblem(error);
      if (!(problem instanceof StoreProblem) || where === '') throw problem;
      throw new StoreProblem(problem.code, `${problem.message}${where}`, { cause: problem });
    }
  }

  get serverNow(): number {
    return this.#serverNow;
  }

  get isUsable(): boolean {
    return this.#problem === undefined;
  }

  /** Of what ends by itself. Once. */
  onEnd(act: (problem: StoreProblem) => void): void {
    this.#onEnd = act;
  }

  onNotification(act: (payload: string) => void): void {
    this.#onNotification = act;
  }

  /** One statement at a time. Rejects with a StoreProblem; after one that ends the connection it is of no use. */
  async query(text: string, values?: readonly unknown[]): Promise<{ readonly rows: Row[]; readonly count: number }> {
    if (this.#problem !== undefined) throw this.#problem;
    try {
      const sent = this.#client.query<Row>(text, values === undefined ? undefined : [...values]);
      const results = await within(this.#queryMs, sent, () => this.destroy());
      // Of several statements in one text: nobody wants to know more than that they succeeded.
      if (Array.isArray(results)) return { rows: [], count: 0 };
      return { rows: results.rows, count: results.rowCount ?? 0 };
    } catch (error) {
      const problem = asStoreProblem(error);
      if (endsConnection(problem)) this.destroy();
      throw problem;
    }
  }

  /** Waits for nothing. */
  destroy(): void {
    this.#problem ??= new StoreProblem('unreachable', 'the connection to the database was ended');
    this.#socket.destroy();
  }

  /** Says goodbye, where somebody listens. */
  async end(): Promise<void> {
    this.#problem ??= new StoreProblem('closed', 'the connection to the database is closed');
    await within(endMs, this.#client.end(), () => {}).catch(() => {});
    this.#socket.destroy();
  }

  async #prepareSession({ access, lockMs = defaultLockMs }: ConnectOptions): Promise<void> {
    const { rows } = await this.query(
      `SELECT pg_is_in_recovery() AS standby, current_setting('default_transaction_read_only') AS readonly,
         getdatabaseencoding() AS encoding, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now`,
    );
    const [server] = rows;
    if (server?.['standby'] !== false || server['readonly'] !== 'off')
      throw new StoreProblem('standby', 'the database takes no writes: it is a standby, or set to read only');
    if (server['encoding'] !== 'UTF8')
      throw new StoreProblem('cannot_open', 'the database must have the encoding UTF8');
    this.#serverNow = Number(server['now']);
    // Nothing that somebody else puts into another schema may stand for a table or a function here.
    await this.query(`SET search_path = pg_catalog, countersign, pg_temp;
      SET statement_timeout = ${this.#queryMs - 1_000};
      SET lock_timeout = ${lockMs};
      SET idle_in_transaction_session_timeout = ${idleInTransactionMs};
      SET default_transaction_isolation = 'read committed';
      SET default_transaction_read_only = ${access === 'read' ? 'on' : 'off'};
      SET client_encoding = 'UTF8';
      SET standard_conforming_strings = on;
      SET bytea_output = 'hex';
      SET client_min_messages = warning;
      SET row_security = off`);
  }

  #fail(error: unknown): void {
    const isFirst = this.#problem === undefined;
    const found = asStoreProblem(error);
    const problem =
      found instanceof StoreProblem
        ? found
        : new StoreProblem('unreachable', 'the connection to the database was lost', { cause: error });
    this.#problem ??= problem;
    this.#socket.destroy();
    if (isFirst) this.#onEnd(problem);
  }
}

/** Rejects with `timed_out`, after `giveUp`. */
async function within<T>(ms: number, act: Promise<T>, giveUp: () => void): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new StoreProblem('timed_out', `the database did not answer in ${ms} ms`));
      giveUp();
    }, ms);
  });
  try {
    return await Promise.race([act, late]);
  } finally {
    clearTimeout(timer);
    // What it says later is nobody's.
    act.catch(() => {});
  }
}

async function readTls(tls: PostgresTls): Promise<NonNullable<ClientConfig['ssl']>> {
  if (tls.mode === 'disable') return false;
  const { ca, pair } = tls;
  return {
    ca: ca === 'system' ? [...rootCertificates] : await readPem(ca.path),
    ...(pair && { cert: await readPem(pair.cert), key: await readPem(pair.key) }),
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
  };
}

async function readPem(path: string): Promise<string> {
  try {
    return (await readRegularFile(path, maxFileBytes)).toString('latin1');
  } catch (error) {
    throw new StoreProblem('tls_failed', `${showPath(path)} cannot be read`, { cause: error });
  }
}

const int8 = 20;
const bytea = 17;
const bool = 16;
const int4 = 23;

/** Only what our columns are of; everything else stays a text. */
function parserOf(oid: number): (text: string) => unknown {
  if (oid === int8 || oid === int4) return readNumber;
  if (oid === bytea) return (text) => Buffer.from(text.slice(2), 'hex');
  return oid === bool ? (text) => text === 't' : (text) => text;
}

/** Beyond what JavaScript can count is what no store writes. */
function readNumber(text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number)) return number;
  throw new StoreProblem('altered', 'the database holds a number that was never stored');
}
