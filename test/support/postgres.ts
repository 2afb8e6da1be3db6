// A real PostgreSQL server of a test's own: in a private directory, on a port of loopback, not as root. It can be stopped, killed
// as by a power cut, paused, started empty, and followed by a standby. Roles and databases are made as docs/operations.md says.
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findFreePort } from './free-port.ts';
import { type Line, type OwnedProcess, runToEnd, startProcess } from './owned-process.ts';
import { requireCommand } from './peers.ts';
import { type Authority, type CertFiles, openAuthority } from './pki.ts';
import { openTempDir, type TempDir } from './temp.ts';
import { Feed } from './wait-for.ts';

const READY = 'database system is ready to accept';

export type PostgresOptions = {
  /**
   * `server`: TLS with a minted certificate for localhost and 127.0.0.1, and nothing without. `client`: it also asks for a certificate of
   * its CA with the CN `countersign`, beside the password. Default: plain TCP.
   */
  readonly tls?: 'server' | 'client';
  /** Lines of postgresql.conf: `max_connections = 5`. */
  readonly settings?: readonly string[];
};

export type PostgresTls = {
  readonly authority: Authority;
  /** For the client: CN=countersign. */
  readonly client: CertFiles;
};

export type Postgres = AsyncDisposable & {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** Of the role `countersign`, which owns the database `countersign` and is nothing beside. */
  readonly password: string;
  readonly tls: PostgresTls | undefined;
  /** Of the database `countersign`, with its password, as `gateway.store.url` takes it. */
  readonly url: string;
  readonly log: Feed<Line>;
  /** As `url`, of another database or port (a proxy's), with other parameters. */
  urlOf(other?: PostgresUrl): string;
  /** A new, empty database that the role owns; returns its URL. Cheap: a test can have one each. */
  createDatabase(name?: string): Promise<string>;
  /** Runs SQL as a superuser, over the socket in the private directory; returns what it prints, unaligned, without headings. */
  psql(sql: string, database?: string): Promise<string>;
  start(): Promise<void>;
  /** `fast`: connections are ended. */
  stop(): Promise<void>;
  restart(): Promise<void>;
  /** All its processes at once, as when the machine dies. */
  kill(): Promise<void>;
  /** SIGSTOP for all its processes: connections stay open, nothing answers. */
  pause(): void;
  resume(): void;
  /** Stops it and starts it with the same role, password, port and an empty database: what there was is gone. */
  wipe(): Promise<void>;
  /** Another server that follows this one; it refuses writes until it is promoted. */
  startStandby(): Promise<Postgres>;
  promote(): Promise<void>;
};

export type PostgresUrl = {
  readonly host?: string;
  readonly port?: number;
  readonly database?: string;
  readonly user?: string;
  readonly password?: string;
  readonly parameters?: Readonly<Record<string, string>>;
};

type Setup = {
  readonly dir: TempDir;
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  readonly password: string;
  readonly tls: PostgresTls | undefined;
  readonly serverFiles: CertFiles | undefined;
  readonly options: PostgresOptions;
};

/** Starts one that holds an empty database `countersign`. Takes a second or two: share it within a file, with a database for each test. */
export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  const dir = openTempDir('postgres');
  const user = await findUser();
  if (user !== undefined) chownSync(dir.path, user.uid, user.gid);
  const password = randomBytes(18).toString('base64url');
  let tls: PostgresTls | undefined;
  let serverFiles: CertFiles | undefined;
  if (options.tls !== undefined) {
    const authority = await openAuthority(dir, 'database');
    serverFiles = await authority.issueFiles('server', { kind: 'server', sans: ['localhost', '127.0.0.1'] });
    tls = { authority, client: await authority.issueFiles('client', { kind: 'client', cn: 'countersign' }) };
  }
  const server = await PrivatePostgres.open({ dir, user, password, tls, serverFiles, options });
  await server.create();
  await server.start();
  await server.makeRole();
  return server;
}

/** PostgreSQL refuses to run as root: then as the user that Debian's package makes. */
async function findUser(): Promise<Setup['user']> {
  if (process.getuid?.() !== 0) return undefined;
  const { stdout } = await runToEnd(requireCommand('getent'), ['passwd', 'postgres']);
  const [, , uid, gid] = stdout.trim().split(':');
  if (uid === undefined || gid === undefined) throw new Error('there is no user postgres: see test/support/peers.ts');
  return { uid: Number(uid), gid: Number(gid) };
}

class PrivatePostgres implements Postgres {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly log = new Feed<Line>('postgres');
  readonly #setup: Setup;
  readonly #data: string;
  #process: OwnedProcess | undefined;
  #made = 0;
  #standbys: PrivatePostgres[] = [];

  private constructor(setup: Setup, port: number) {
    this.#setup = setup;
    this.port = port;
    this.#data = setup.dir.file(`data-${port}`);
  }

  static async open(setup: Setup): Promise<PrivatePostgres> {
    return new PrivatePostgres(setup, await findFreePort());
  }

  get password(): string {
    return this.#setup.password;
  }

  get tls(): PostgresTls | undefined {
    return this.#setup.tls;
  }

  get url(): string {
    return this.urlOf();
  }

  urlOf(other: PostgresUrl = {}): string {
    const { host = this.host, port = this.port, database = 'countersign', user = 'countersign' } = other;
    const url = new URL(`postgres://${host}:${port}/${database}`);
    url.username = user;
    url.password = other.password ?? this.password;
    const { tls } = this.#setup;
    const parameters = {
      ...(tls === undefined ? {} : { sslmode: 'verify-full', sslrootcert: tls.authority.file }),
      ...(this.#setup.options.tls === 'client' ? { sslcert: tls?.client.cert, sslkey: tls?.client.key } : {}),
      ...other.parameters,
    };
    for (const [name, value] of Object.entries(parameters)) if (value !== undefined) url.searchParams.set(name, value);
    return url.href;
  }

  /** The files of a new cluster. */
  async create(): Promise<void> {
    const superuser = ['--username', 'postgres', '--auth', 'trust'];
    // Segments of 1 MiB: a cluster is half as many bytes to write.
    const small = ['--no-sync', '--wal-segsize', '1'];
    await this.#run('initdb', ['-D', this.#data, ...small, '--encoding', 'UTF8', '--locale', 'C', ...superuser]);
    this.#configure();
  }

  async makeRole(): Promise<void> {
    await this.psql(
      `CREATE ROLE countersign LOGIN PASSWORD '${this.password}'; CREATE DATABASE countersign OWNER countersign;`,
      'postgres',
    );
  }

  async createDatabase(name = `db${process.pid}_${++this.#made}`): Promise<string> {
    await this.psql(`CREATE DATABASE "${name}" OWNER countersign`, 'postgres');
    return this.urlOf({ database: name });
  }

  async psql(sql: string, database = 'countersign'): Promise<string> {
    const to = ['-h', this.#setup.dir.path, '-p', String(this.port), '-U', 'postgres', '-d', database];
    const args = ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', ...to, '-f', '-'];
    return (await this.#run('psql', args, sql)).trim();
  }

  async start(): Promise<void> {
    const from = this.log.length;
    // One that was killed may leave backends behind that hold the shared memory for a moment: then it is tried again.
    for (let attempt = 1; ; attempt += 1) {
      const args = ['-D', this.#data];
      const server = await startProcess(requireCommand('postgres'), args, {
        cwd: this.#setup.dir.path,
        env: { LC_ALL: 'C' },
        name: 'postgres',
        ...this.#as(),
      });
      this.#process = server;
      server.lines.subscribe((line) => this.log.push(line));
      const ready = this.log.waitFor(({ text }) => text.includes(READY), {
        from,
        what: 'a server that is ready',
      });
      const ended = server.exited.then(() => 'ended' as const);
      if ((await Promise.race([ready, ended])) !== 'ended') return;
      ready.catch(() => {});
      if (attempt === 20) throw new Error(`postgres cannot be started\n${this.log.tail()}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  async stop(): Promise<void> {
    this.resume();
    await this.#process?.stop('SIGINT');
    this.#process = undefined;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async kill(): Promise<void> {
    const server = this.#process;
    if (server === undefined) return;
    // Stopped first, so that it starts nothing meanwhile.
    this.#signal([server.pid], 'SIGSTOP');
    const backends = childrenOf(server.pid);
    this.#signal([server.pid, ...backends], 'SIGKILL');
    await server.exited;
    this.#process = undefined;
  }

  pause(): void {
    const server = this.#process;
    if (server === undefined) throw new Error('it does not run');
    this.#signal([server.pid], 'SIGSTOP');
    this.#signal(childrenOf(server.pid), 'SIGSTOP');
  }

  resume(): void {
    const server = this.#process;
    if (server !== undefined) this.#signal([...childrenOf(server.pid), server.pid], 'SIGCONT');
  }

  async wipe(): Promise<void> {
    await this.stop();
    rmSync(this.#data, { recursive: true });
    await this.create();
    await this.start();
    await this.makeRole();
  }

  async startStandby(): Promise<Postgres> {
    const standby = await PrivatePostgres.open(this.#setup);
    const from = ['-h', this.#setup.dir.path, '-p', String(this.port), '-U', 'postgres'];
    await this.#run('pg_basebackup', [...from, '-D', standby.#data, '-R', '-c', 'fast', '--no-sync', '-X', 'stream']);
    standby.#configure();
    await standby.start();
    this.#standbys.push(standby);
    return standby;
  }

  async promote(): Promise<void> {
    await this.psql('SELECT pg_promote(true, 60)', 'postgres');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const standby of this.#standbys) await standby.kill();
    await this.kill();
    this.#setup.dir.remove();
  }

  #configure(): void {
    const { dir, options, serverFiles, tls } = this.#setup;
    const lines = [
      `listen_addresses = '127.0.0.1'`,
      `port = ${this.port}`,
      `unix_socket_directories = '${dir.path}'`,
      'max_connections = 60',
      'shared_buffers = 16MB',
      // What is killed here is processes and never the machine.
      'fsync = off',
      'full_page_writes = off',
      `lc_messages = 'C'`,
      `log_line_prefix = '%a '`,
    ];
    if (serverFiles !== undefined && tls !== undefined) {
      mkdirSync(this.#data, { recursive: true });
      const place = (from: string, name: string): string => {
        const to = join(this.#data, name);
        copyFileSync(from, to);
        chmodSync(to, 0o600);
        this.#own(to);
        return to;
      };
      lines.push(
        'ssl = on',
        `ssl_cert_file = '${place(serverFiles.cert, 'server.crt')}'`,
        `ssl_key_file = '${place(serverFiles.key, 'server.key')}'`,
        `ssl_ca_file = '${place(tls.authority.file, 'ca.crt')}'`,
      );
    }
    const tcp = options.tls === undefined ? 'host' : 'hostssl';
    const certificate = options.tls === 'client' ? ' clientcert=verify-full' : '';
    const who = [
      'local all,replication postgres trust',
      'local all all scram-sha-256',
      `${tcp} all all 127.0.0.1/32 scram-sha-256${certificate}`,
    ];
    this.#write('postgresql.conf', `${[...lines, ...(options.settings ?? [])].join('\n')}\n`);
    this.#write('pg_hba.conf', `${who.join('\n')}\n`);
  }

  #write(name: string, text: string): void {
    const { dir } = this.#setup;
    this.#own(dir.write(join(`data-${this.port}`, name), text));
  }

  #own(file: string): void {
    const { user } = this.#setup;
    if (user !== undefined) chownSync(file, user.uid, user.gid);
  }

  #as(): { readonly user?: { readonly uid: number; readonly gid: number } } {
    return this.#setup.user === undefined ? {} : { user: this.#setup.user };
  }

  async #run(command: string, args: readonly string[], input?: string): Promise<string> {
    const run = await runToEnd(requireCommand(command), args, {
      cwd: this.#setup.dir.path,
      env: { LC_ALL: 'C' },
      ...(input === undefined ? {} : { input }),
      ...this.#as(),
    });
    if (run.code !== 0) throw new Error(`${command} failed (${run.signal ?? `exit ${run.code}`}): ${run.stderr}`);
    return run.stdout;
  }

  #signal(pids: readonly number[], signal: NodeJS.Signals): void {
    for (const pid of pids) {
      try {
        process.kill(pid, signal);
      } catch {
        // It has ended by itself.
      }
    }
  }
}

/** Backends have sessions of their own, so no signal to a group reaches them. */
function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        // `pid (name) state ppid …`, and the name may hold anything.
        const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent;
      } catch {
        return false;
      }
    })
    .map(Number);
}
