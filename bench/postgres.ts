// What a PostgreSQL store costs, by hand: `node bench/postgres.ts`. A server of its own, 100 simulated gateways that follow and report through the
// Store interface, a thousand revisions, a simulated month. Prints one line of JSON for each.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { systemClock } from '../src/base/clock.ts';
import { openPostgresStore } from '../src/postgres/postgres-store.ts';
import type { VerifiedSoFar } from '../src/postgres/verify-database.ts';
import { digestOf } from '../src/store/digest.ts';
import type { Store } from '../src/store/store.ts';
import { type Postgres, startPostgres } from '../test/support/postgres.ts';
import { addressOf, appendTo, patient, put } from '../test/support/stored-database.ts';

const gatewayCount = 100;
const seconds = 20;
const reportEveryMs = 15_000;
const clock = systemClock;
const say = (what: string, figures: object): void =>
  void process.stdout.write(`${JSON.stringify({ what, ...figures })}\n`);
const open = async (postgres: Postgres, soFar?: VerifiedSoFar): Promise<Store> =>
  openPostgresStore({ address: addressOf(postgres.url), access: 'write', clock, ...patient, ...(soFar && { soFar }) });

/** Seconds of CPU that the server and all its processes have used, those that ended included. */
function cpuOf(port: number): number {
  const main = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .find((name) => readText(`/proc/${name}/cmdline`).includes(`data-${port}`));
  const ticks = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => {
      const stat = readText(`/proc/${name}/stat`);
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (name === main) return Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14]);
      return fields[1] === main ? Number(fields[11]) + Number(fields[12]) : 0;
    });
  return ticks.reduce((sum, one) => sum + one, 0) / 100;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

const percentile = (sorted: readonly number[], share: number): number =>
  Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);

async function simulateFleet(postgres: Postgres): Promise<void> {
  await using writer = await open(postgres);
  await appendTo(writer, [put('services', 'a', { at: 0 })]);
  const stores: Store[] = [];
  for (let at = 0; at < gatewayCount; at++) stores.push(await open(postgres));
  const told = new Map<number, number[]>();
  const stops = stores.map((store) =>
    store.revisions.onRevision(({ number }) => told.get(number)?.push(performance.now())),
  );
  await setTimeout(3_000);
  const report = { workers: 2, generation: 7, text: 'x'.repeat(4_000) };
  const over = new AbortController();
  const reporting = stores.map(async (store, at) => {
    await setTimeout((reportEveryMs / gatewayCount) * at);
    for (; !over.signal.aborted; await setTimeout(reportEveryMs))
      await store.gateways.report({ name: `gateway-${at}`, revision: 1, content: digestOf('content', 'x'), report });
  });
  const counts = async (): Promise<number> =>
    Number(await postgres.psql("SELECT xact_commit FROM pg_stat_database WHERE datname = 'countersign'"));
  const [cpu, transactions, from] = [cpuOf(postgres.port), await counts(), performance.now()];
  await setTimeout(seconds * 1000);
  const lasted = (performance.now() - from) / 1000;
  say('100 gateways follow and report', {
    seconds: Math.round(lasted),
    transactionsPerSecond: Math.round(((await counts()) - transactions) / lasted),
    cpuPercentOfOneCore: Math.round(((cpuOf(postgres.port) - cpu) / lasted) * 1000) / 10,
    connections: Number(await postgres.psql('SELECT count(*) FROM pg_stat_activity')),
  });
  const first: number[] = [];
  const last: number[] = [];
  for (let at = 1; at <= 30; at++) {
    told.set(at + 1, []);
    await appendTo(writer, [put('services', 'a', { at })]);
    const begun = performance.now();
    while ((told.get(at + 1)?.length ?? 0) < gatewayCount) await setTimeout(1);
    const times = (told.get(at + 1) ?? []).map((time) => time - begun);
    first.push(Math.min(...times));
    last.push(Math.max(...times));
  }
  const sorted = last.toSorted((one, other) => one - other);
  say('append confirmed to the last of 100 told, ms', {
    p50: percentile(sorted, 0.5),
    max: percentile(sorted, 1),
    first: percentile(
      first.toSorted((a, b) => a - b),
      0.5,
    ),
  });
  over.abort();
  for (const stop of stops) stop();
  await Promise.all(stores.map((store) => store.close()));
  await Promise.allSettled(reporting);
}

async function simulateMonth(postgres: Postgres): Promise<void> {
  await using store = await open(postgres);
  const { number } = await store.revisions.head();
  for (let at = number; at < 1_000; at++)
    await appendTo(store, [
      put('services', `s${at % 50}`, { address: `b${at}.test:443`, tls: { mode: 'mtls', text: 'x'.repeat(600) } }),
    ]);
  for (let at = 0; at < 3_000; at++)
    await store.audit.note({
      actor: 'user:alice',
      action: 'session.create',
      subject: `session/${at}`,
      detail: { userId: 'alice' },
    });
  const failures = Array.from({ length: 10_000 }, (_, at) => ({
    gateway: `gateway-${at % 100}`,
    side: 'client' as const,
    code: 'expired',
    peer: `CN=${at}`,
    count: 3,
    firstAt: clock.now(),
    lastAt: clock.now(),
    sample: { subject: `CN=${at}`, text: 'x'.repeat(300) },
  }));
  await store.handshakeFailures.record(failures);
  const rows = await postgres.psql(
    `SELECT (SELECT count(*) FROM countersign.revision) || ' revisions, ' || (SELECT count(*) FROM countersign.audit) || ' audit entries, ' ||
       (SELECT count(*) FROM countersign.handshake_failure) || ' groups of failures, ' || pg_size_pretty(pg_database_size(current_database()))`,
  );
  say('a month: 1,000 revisions, 4,000 audit entries, 10,000 groups of failures', { rows });
  const soFar: VerifiedSoFar = { state: undefined };
  await using reader = await open(postgres, soFar);
  for (const what of ['verify of all', 'verify from there']) {
    const [from, memory] = [performance.now(), process.memoryUsage().rss];
    const findings = await reader.verify();
    const ms = Math.round(performance.now() - from);
    say(what, { ms, findings: findings.length, moreMemoryMB: Math.round((process.memoryUsage().rss - memory) / 1e6) });
  }
  const from = performance.now();
  await reader.revisions.read(1_000);
  say('read of the newest revision', { ms: Math.round(performance.now() - from) });
}

await using postgres = await startPostgres({ settings: ['max_connections = 400'] });
await simulateFleet(postgres);
await simulateMonth(postgres);
