// `npm run bench -- --only judged [--connections 19000]`: what it takes to judge all open connections again, when one client of many is
// revoked and when the CAs of the policy become others: how long it is until the connections of whom is not trusted any more are closed,
// and the longest turn of the event loops of two workers and the primary meanwhile.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFacts } from '../src/certs/facts-reader.ts';
import { type Issued, mintCa, type TestCa } from '../src/certs/test-ca.ts';
import type { Gateway } from '../test/support/gateway.ts';
import { writeCrl } from '../test/support/crls.ts';
import { openSetup, reloadBy } from '../test/support/mtls-setup.ts';
import { stallOf } from './crl.ts';
import { listOf } from './scale.ts';
import type { ClientsJob, ClientsNews } from './judged-clients.ts';

const workers = 2;
/** Different certificates among the connections of either CA. */
const identities = 1000;
/** Connections of the client that is revoked, and of those whose CA goes. */
const revokedConnections = 100;
const quietMs = 3_000;
const limitMs = 60_000;

type Turn = { readonly process: string; readonly idle: number; readonly revoked: number; readonly replaced: number };

export type JudgedReport = {
  readonly connections: number;
  readonly openedMs: number;
  /** From the file in place to the last close. */
  readonly closedMs: { readonly revoked: number; readonly replaced: number };
  /** Longest, in milliseconds of CPU of the main thread. */
  readonly turns: readonly Turn[];
  /** Connections of trusted clients that were closed; none may be. */
  readonly lost: number;
};

export async function measureJudged(): Promise<JudgedReport> {
  // With 20,000 file descriptors for a process a worker takes 10,000 connections; the system does not part them evenly.
  const [connections = 19_000] = listOf('connections', '19000').map(Number);
  const preload = new URL('crl-preload.ts', import.meta.url).pathname;
  const leaving = await mintCa({ subject: '/CN=leaving' });
  await using setup = await openSetup({
    workers,
    idle: 0,
    clientAuth: '{clientCA: both-ca.crt, required: true, crl: {sources: [clients.crl, leaving.crl]}}',
    route: '      maintenance: {enabled: true}',
    target: 'http://127.0.0.1:9',
    prepare: ({ dir, clients }) => {
      dir.write('both-ca.crt', clients.certPem + leaving.certPem);
      writeCrl(dir, 'clients.crl', clients, { number: 1 });
      writeCrl(dir, 'leaving.crl', leaving, { number: 1 });
      process.env['STALL_DIR'] = dir.path;
      process.env['NODE_OPTIONS'] = `--import=${preload}`;
    },
  });
  delete process.env['NODE_OPTIONS'];
  const { pki, gateway } = setup;
  const issue = async (ca: TestCa, count: number): Promise<Issued[]> =>
    Promise.all(Array.from({ length: count }, async (_, at) => ca.issue({ kind: 'client', cn: `client-${at}` })));
  const [staying, revoked, gone] = [
    await issue(pki.clients, identities),
    await issue(pki.clients, 1),
    await issue(leaving, revokedConnections),
  ];
  const half = Math.ceil((connections - 2 * revokedConnections) / 2);
  const start = performance.now();
  const port = gateway.ports.webSecure;
  const ca = pki.servers.certPem;
  await using many = new Clients();
  const [one, other, bad, old] = await Promise.all([
    many.open({ port, ca, credentials: staying.map(toJob), count: half }),
    many.open({ port, ca, credentials: staying.map(toJob), count: half }),
    many.open({ port, ca, credentials: revoked.map(toJob), count: revokedConnections }),
    many.open({ port, ca, credentials: gone.map(toJob), count: revokedConnections }),
  ]);
  const openedMs = performance.now() - start;
  const spans: { from: number; to: number }[] = [];
  const watch = async (act: () => Promise<void>): Promise<number> => {
    const from = Date.now();
    await act();
    const took = Date.now() - from;
    await pause(quietMs);
    spans.push({ from, to: Date.now() });
    return took;
  };
  await watch(async () => pause(quietMs));
  const serials = revoked.map(({ der }) => ({ serial: readFacts(der).serial }));
  const revokedMs = await watch(async () => {
    writeCrl(pki.dir, 'clients.crl', pki.clients, { number: 2, revoked: serials });
    await bad.allClosed();
  });
  const replacedMs = await watch(async () => {
    const clientAuth = '{clientCA: clients-ca.crt, required: true, crl: {sources: [clients.crl]}}';
    const { ok, lines } = await reloadBy(gateway, () => gateway.rewrite(setup.yaml({ clientAuth })));
    if (!ok) throw new Error(`the reload was refused: ${JSON.stringify(lines)}`);
    await old.allClosed();
  });
  const processes = [
    ['primary', gateway.pid] as const,
    ...workerPids(gateway).map((pid, at) => [`worker ${at + 1}`, pid] as const),
  ];
  return {
    connections: 2 * half + 2 * revokedConnections,
    openedMs: Math.round(openedMs),
    closedMs: { revoked: revokedMs, replaced: replacedMs },
    turns: processes.map(([process, pid]) => {
      const [idle = NaN, revoked = NaN, replaced = NaN] = spans.map(({ from, to }) =>
        stallOf(pki.dir.path, pid, 2, from, to),
      );
      return { process, idle, revoked, replaced };
    }),
    lost: one.closed + other.closed,
  };
}

function toJob({ chainPem, keyPem }: Issued): { cert: string; key: string } {
  return { cert: chainPem, key: keyPem };
}

type Opened = { readonly closed: number; allClosed(): Promise<void> };

/** Processes of clients; they end with it. */
class Clients {
  readonly #children: ChildProcess[] = [];

  async open(job: ClientsJob): Promise<Opened> {
    const child = fork(new URL('judged-clients.ts', import.meta.url));
    this.#children.push(child);
    let closed = 0;
    const gone = Promise.withResolvers<void>();
    const opened = new Promise<void>((resolve, reject) => {
      child.on('message', (news: ClientsNews) => {
        if (news.kind === 'open') resolve();
        else if (news.kind === 'failed') reject(new Error(`a connection could not be opened: ${news.why}`));
        else if ((closed = news.total) === job.count) gone.resolve();
      });
    });
    child.send(job);
    await opened;
    const allClosed = async (): Promise<void> => {
      const timer = setTimeout(() => {
        gone.reject(new Error(`after ${limitMs} ms ${closed} of ${job.count} connections are closed`));
      }, limitMs);
      await gone.promise.finally(() => clearTimeout(timer));
    };
    return {
      get closed() {
        return closed;
      },
      allClosed,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const left = this.#children.filter((child) => child.exitCode === null && child.signalCode === null);
    const ends = left.map(async (child) => once(child, 'exit'));
    for (const child of left) child.kill();
    await Promise.all(ends);
  }
}

const pause = async (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function workerPids(gateway: Gateway): number[] {
  return gateway.log.items.filter(({ msg }) => msg === 'worker ready').map((line) => Number(line['pid']));
}

export function renderJudged({ connections, openedMs, closedMs, turns, lost }: JudgedReport): string {
  const cell = (ms: number): string => ms.toFixed(1).padStart(10);
  return [
    `judged again: ${connections} open connections over ${workers} workers, opened in ${(openedMs / 1000).toFixed(1)} s; trusted ones that were closed: ${lost}`,
    `  one client is revoked, with ${revokedConnections} connections: closed after ${closedMs.revoked} ms`,
    `  a CA goes, with ${revokedConnections} clients: closed after ${closedMs.replaced} ms`,
    `  longest turn, ms of CPU    idle   revoked  replaced`,
    ...turns.map(
      ({ process, idle, revoked, replaced }) => `  ${process.padEnd(20)}${cell(idle)}${cell(revoked)}${cell(replaced)}`,
    ),
  ].join('\n');
}
