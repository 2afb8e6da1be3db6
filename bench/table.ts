// From rounds to a table: medians, how far the rounds lie apart, and the ratios of ours to each peer, round by round so
// that the drift of the machine cancels out.
import { type GeneratorName, withoutCertificate } from './job.ts';
import type { Workload } from './workload.ts';
import type { PeerName } from './peer.ts';

export type Measurement = {
  /** What a piece of work cost the gateway: microseconds of CPU; of idle connections, kB of memory. */
  readonly cost: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly resumed: number;
  readonly failures: Readonly<Record<string, number>>;
};

export type Row = {
  readonly peer: PeerName;
  readonly cost: number;
  /** Half the distance between the best and the worst round, as a share of the median. */
  readonly spread: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly resumed: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly rounds: readonly Measurement[];
};

export type WorkloadResult = {
  readonly workload: Workload;
  readonly generator: GeneratorName;
  readonly rows: readonly Row[];
  /** Cost of countersign over cost of the peer. None where either failed: what did not do its work has no cost. */
  readonly ratios: Readonly<Partial<Record<PeerName, Ratio>>>;
};

/** Of the rounds' ratios. */
export type Ratio = { readonly median: number; readonly lowest: number; readonly highest: number };

export function spanOf(values: readonly number[]): Ratio {
  return { median: median(values), lowest: Math.min(...values), highest: Math.max(...values) };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return Number.isInteger(middle) ? ((sorted[middle - 1] ?? Number.NaN) + upper) / 2 : upper;
}

/** Measurements of one workload, a list of rounds per peer, in the same order of rounds. */
export function summarise(
  workload: Workload,
  generator: GeneratorName,
  measured: ReadonlyMap<PeerName, readonly Measurement[]>,
): WorkloadResult {
  const rows = [...measured].map(([peer, rounds]) => summariseRow(peer, rounds));
  const ours = measured.get('countersign');
  const ratios: Partial<Record<PeerName, Ratio>> = {};
  for (const [peer, rounds] of measured) {
    if (peer === 'countersign' || ours === undefined || hasFailed(rounds) || hasFailed(ours)) continue;
    ratios[peer] = spanOf(rounds.map((round, at) => (ours[at]?.cost ?? Number.NaN) / round.cost));
  }
  return { workload, generator, rows, ratios };
}

function hasFailed(rounds: readonly Measurement[]): boolean {
  return rounds.some(({ failures }) => Object.keys(failures).length > 0);
}

function summariseRow(peer: PeerName, rounds: readonly Measurement[]): Row {
  const costs = rounds.map((round) => round.cost);
  const cost = median(costs);
  const failures: Record<string, number> = {};
  for (const round of rounds) {
    for (const [reason, count] of Object.entries(round.failures)) failures[reason] = (failures[reason] ?? 0) + count;
  }
  return {
    peer,
    cost,
    spread: (Math.max(...costs) - Math.min(...costs)) / 2 / cost,
    perSecond: median(rounds.map((round) => round.perSecond)),
    p50: median(rounds.map((round) => round.p50)),
    p99: median(rounds.map((round) => round.p99)),
    resumed: median(rounds.map((round) => round.resumed)),
    failures,
    rounds,
  };
}

/** The table of one workload, ratios in its last column. */
export function renderTable({ workload, generator, rows, ratios }: WorkloadResult): string {
  const head = [
    'gateway',
    `${workload.after === 'idle' ? 'kB' : 'µs CPU'}/${workload.unit}`,
    'spread',
    `${workload.unit}s/s`,
    'p50 ms',
    'p99 ms',
    'ours ÷ its',
  ];
  const lines = rows.map((row) => [
    row.peer,
    row.cost.toFixed(1),
    `±${(row.spread * 100).toFixed(0)} %`,
    row.perSecond.toFixed(0),
    milliseconds(row.p50),
    milliseconds(row.p99),
    ratios[row.peer]?.median.toFixed(2) ?? '',
  ]);
  const widths = head.map((title, column) => Math.max(title.length, ...lines.map((line) => line[column]?.length ?? 0)));
  const format = (cells: readonly string[]): string =>
    cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  ');
  return [titleOf(workload, generator), format(head), ...lines.map(format), ...renderNotes(workload, rows)]
    .map((line, at) => (at === 0 ? line : `  ${line}`.trimEnd()))
    .join('\n');
}

function titleOf({ name, title, connections, after }: Workload, generator: GeneratorName): string {
  const count = after === 'idle' ? `${connections} ` : '';
  const certificate = withoutCertificate.has(generator) ? ', no client certificate' : '';
  return `${name} (${generator}${certificate}): ${count}${title}`;
}

function milliseconds(value: number): string {
  return Number.isNaN(value) ? '–' : value.toFixed(2);
}

function renderNotes(workload: Workload, rows: readonly Row[]): string[] {
  const notes: string[] = [];
  for (const { peer, failures, resumed } of rows) {
    const list = Object.entries(failures).map(([reason, count]) => `${count} × ${reason}`);
    if (list.length > 0) notes.push(`${peer} FAILED: ${list.join(', ')}`);
    if (workload.after === 'resume' && resumed < 0.995) notes.push(`${peer} resumed ${(resumed * 100).toFixed(0)} %`);
  }
  return notes;
}
