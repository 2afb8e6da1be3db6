// `npm run bench -- --only crl`: a CRL of a million entries. What it costs to take in, how long the event loops of primary and
// worker stand still meanwhile (beside what they do without it: the machine is shared), what a lookup and the memory cost.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../src/base/clock.ts';
import { CrlBuilder } from '../src/crl/builder.ts';
import { CrlIndex } from '../src/crl/serial-index.ts';
import { encodePem } from '../src/asn1/der-writer.ts';
import { readFacts } from '../src/certs/facts-reader.ts';
import type { TestCa } from '../src/certs/test-ca.ts';
import type { Gateway } from '../test/support/gateway.ts';
import { openSetup } from '../test/support/mtls-setup.ts';
import { sClient } from '../test/support/openssl.ts';
import { eventually } from '../test/support/wait-for.ts';

const entries = 1_000_000;
const serialBytes = 16;
const quietMs = 5_000;

export type CrlReport = {
  readonly entries: number;
  readonly derMb: number;
  readonly indexMb: number;
  readonly buildMs: number;
  readonly lookupNs: { readonly found: number; readonly absent: number };
  /** Longest stall in ms without anything to do, while the first large CRL comes, and while it is renewed. */
  readonly stallMs: readonly {
    readonly process: string;
    /** What other processes took counts by the clock, not by CPU. */
    readonly by: 'clock' | 'CPU';
    readonly idle: number;
    readonly load: number;
    readonly renew: number;
  }[];
  /** From the file in place to the first refusal of a client that it revokes. */
  readonly effectMs: { readonly load: number; readonly renew: number };
  readonly rssMb: readonly {
    readonly process: string;
    readonly before: number;
    readonly load: number;
    readonly renew: number;
  }[];
};

/** A million random serials as DER, and `extra` (hexadecimal) among them. */
function makeCrl(ca: TestCa, number: number, extra: readonly string[]): Buffer {
  const entryBytes = 2 + 2 + serialBytes + 2 + 13;
  const rows = Buffer.alloc(entries * entryBytes);
  const serials = randomBytes(entries * serialBytes);
  for (let row = 0; row < entries; row++) {
    const at = row * entryBytes;
    rows.set([0x30, entryBytes - 2, 0x02, serialBytes], at);
    serials.copy(rows, at + 4, row * serialBytes, (row + 1) * serialBytes);
    rows[at + 4] = ((rows[at + 4] as number) & 0x3f) | 0x40;
    rows.write('\x17\x0d261101000000Z', at + 4 + serialBytes, 'latin1');
  }
  return ca.issueCrl({ number, revoked: extra.map((serial) => ({ serial })), moreEntries: rows });
}

function timeLookups(index: CrlIndex, serials: readonly string[]): number {
  let found = 0;
  const rounds = 20;
  const start = process.hrtime.bigint();
  for (let round = 0; round < rounds; round++)
    for (const serial of serials) found += index.find(serial) === undefined ? 0 : 1;
  const ns = Number(process.hrtime.bigint() - start) / (rounds * serials.length);
  if (found !== 0 && found !== rounds * serials.length) throw new Error('a lookup went wrong');
  return Math.round(ns);
}

/** `column`: 1 for time by the clock, 2 for CPU time of the main thread. */
export function stallOf(dir: string, pid: number, column: 1 | 2, from: number, to: number): number {
  const lines = readFileSync(join(dir, String(pid)), 'utf8')
    .trim()
    .split('\n');
  const inside = lines.map((line) => line.split(' ').map(Number)).filter(([at = 0]) => at >= from && at <= to + 200);
  return Number(Math.max(0, ...inside.map((cells) => cells[column] ?? 0)).toFixed(1));
}

function rssOf(pid: number): number {
  const kb = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Math.round(Number(kb) / 1024);
}

const pause = async (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function measureCrl(): Promise<CrlReport> {
  const preload = new URL('crl-preload.ts', import.meta.url).pathname;
  await using setup = await openSetup({
    workers: 1,
    clientAuth: '{clientCA: clients-ca.crt, required: true, crl: {sources: [clients.crl]}}',
    prepare: ({ dir, clients }) => {
      dir.write('clients.crl', encodePem('X509 CRL', clients.issueCrl({ number: 1 })));
      process.env['STALL_DIR'] = dir.path;
      process.env['NODE_OPTIONS'] = `--import=${preload}`;
    },
  });
  delete process.env['NODE_OPTIONS'];
  const { pki, gateway } = setup;
  const clients = await Promise.all(
    ['first', 'second'].map(async (cn) => pki.clients.issueFiles(cn, { kind: 'client', cn })),
  );
  const serials = clients.map(({ der }) => readFacts(der).serial);
  const crls = [2, 3].map((number) => makeCrl(pki.clients, number, serials.slice(0, number - 1)));
  const pids = new Map([
    ['primary', gateway.pid],
    ['worker', workerPid(gateway)],
  ] as const);
  const rss = [...pids.values()].map((pid) => [rssOf(pid)]);
  const idleFrom = Date.now();
  await pause(quietMs);
  const spans = [{ from: idleFrom, to: Date.now() }];
  const effects: number[] = [];
  for (const [at, der] of crls.entries()) {
    const client = clients[at];
    if (client === undefined) throw new Error('no client');
    const from = Date.now();
    pki.dir.replace('clients.crl', der);
    await eventually(
      async () =>
        (await sClient({ port: gateway.ports.webSecure, ca: pki.servers.file, cert: client.cert, key: client.key }))
          .status === undefined,
      { what: 'the refusal', everyMs: 50 },
    );
    effects.push(Date.now() - from);
    await pause(1_500);
    spans.push({ from, to: Date.now() });
    for (const [i, pid] of [...pids.values()].entries()) rss[i]?.push(rssOf(pid));
  }
  const names = [...pids.keys()];
  return {
    ...(await measureIndex(crls[0] as Buffer, pki.clients)),
    stallMs: [...pids].flatMap(([process, pid]) =>
      ([1, 2] as const).map((column) => {
        const [idle = NaN, load = NaN, renew = NaN] = spans.map(({ from, to }) =>
          stallOf(pki.dir.path, pid, column, from, to),
        );
        return { process, by: column === 1 ? ('clock' as const) : ('CPU' as const), idle, load, renew };
      }),
    ),
    effectMs: { load: effects[0] ?? NaN, renew: effects[1] ?? NaN },
    rssMb: names.map((process, i) => {
      const [before = NaN, load = NaN, renew = NaN] = rss[i] ?? [];
      return { process, before, load, renew };
    }),
  };
}

async function measureIndex(der: Buffer, ca: TestCa) {
  const builder = new CrlBuilder({ clock: systemClock });
  // Once to start the thread, as a gateway that runs has it or not; then for the time.
  await builder.build({ name: 'warm', from: { bytes: new Uint8Array(ca.issueCrl()) }, issuers: [ca.der] });
  const start = performance.now();
  const built = await builder.build({ name: 'bench', from: { bytes: new Uint8Array(der) }, issuers: [ca.der] });
  const buildMs = Math.round(performance.now() - start);
  builder.close();
  if ('refusal' in built) throw built.refusal;
  const [crl] = built.crls;
  if (crl === undefined) throw new Error('no CRL was built');
  const index = new CrlIndex(crl.index);
  const there = index.first(entries).filter((_, at) => at % 50 === 0);
  const absent = there.map(() => `7f${randomBytes(serialBytes - 1).toString('hex')}`);
  for (const list of [there, absent]) timeLookups(index, list);
  return {
    entries: crl.facts.entries,
    derMb: Number((der.length / 2 ** 20).toFixed(1)),
    indexMb: Number((crl.index.length / 2 ** 20).toFixed(1)),
    buildMs,
    lookupNs: { found: timeLookups(index, there), absent: timeLookups(index, absent) },
  };
}

function workerPid(gateway: Gateway): number {
  const line = gateway.log.items.find(({ msg }) => msg === 'worker ready');
  if (line === undefined) throw new Error('no worker is ready');
  return Number(line['pid']);
}

export function renderCrl(report: CrlReport): string {
  const { derMb, indexMb, buildMs, lookupNs, effectMs } = report;
  const row = (what: string, ...cells: (string | number)[]): string =>
    what.padEnd(34) + cells.map((cell) => String(cell).padStart(12)).join('');
  return [
    `CRL of ${report.entries.toLocaleString('en')} entries: ${derMb} MB, its index ${indexMb} MB`,
    row('read, verify, sort (in a thread)', `${buildMs} ms`),
    row('lookup, found / absent', `${lookupNs.found} ns`, `${lookupNs.absent} ns`),
    row('file to refusal, first / renewed', `${effectMs.load} ms`, `${effectMs.renew} ms`),
    '',
    row('', 'before', 'first', 'renewed'),
    ...report.stallMs.map(({ process, by, idle, load, renew }) =>
      row(`stall of the ${process}, ms ${by}`, idle, load, renew),
    ),
    ...report.rssMb.map(({ process, before, load, renew }) => row(`RSS of the ${process}, MB`, before, load, renew)),
  ].join('\n');
}
