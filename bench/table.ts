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
  /** Of ours: milliseconds by which no turn of the event loop was late by more; undefined where nobody says. */
  readonly delayMs: number | undefined;
};

/** Rounds of one gateway; a row with access logs has two of each. */
export type Measured = { readonly peer: PeerName; readonly withLog: boolean; readonly rounds: readonly Measurement[] };

export type Row = {
  readonly peer: PeerName;
  readonly withLog: boolean;
  readonly cost: number;
  /** Half the distance between the best and the worst round, as a share of the median. */
  readonly spread: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly resumed: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly delayMs: number | undefined;
  readonly rounds: readonly Measurement[];
};

export type WorkloadResult = {
  readonly workload: Workload;
  readonly generator: GeneratorName;
  /** Requests a second, where the row has a fixed rate. */
  readonly rate: number | undefined;
  readonly rows: readonly Row[];
  /**
   * Ours over the peer's: cost, or p99 where the row has a fixed rate. None where either failed: what did not do its work has
   * no cost.
   */
  readonly ratios: Readonly<Partial<Record<PeerName, Ratio>>>;
  /** Of a row with access logs: each gateway's cost with over its cost without. */
  readonly logRatios: Readonly<Partial<Record<PeerName, Ratio>>>;
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

/** Measurements of one workload, rounds in the same order for all. */
export function summarise(
  workload: Workload,
  generator: GeneratorName,
  measured: readonly Measured[],
  rate?: number,
): WorkloadResult {
  const withLog = workload.withLog === true;
  const judged = (round: Measurement): number => (rate === undefined ? round.cost : round.p99);
  const find = (peer: PeerName, log: boolean): readonly Measurement[] | undefined =>
    measured.find((one) => one.peer === peer && one.withLog === log)?.rounds;
  const ours = find('countersign', withLog);
  const ratios: Partial<Record<PeerName, Ratio>> = {};
  const logRatios: Partial<Record<PeerName, Ratio>> = {};
  for (const { peer, rounds } of measured.filter((one) => one.withLog === withLog)) {
    const ratio = peer === 'countersign' ? undefined : ratioOf(ours, rounds, judged);
    if (ratio !== undefined) ratios[peer] = ratio;
    const logRatio = withLog ? ratioOf(rounds, find(peer, false), judged) : undefined;
    if (logRatio !== undefined) logRatios[peer] = logRatio;
  }
  return { workload, generator, rate, rows: measured.map(summariseRow), ratios, logRatios };
}

function ratioOf(
  above: readonly Measurement[] | undefined,
  below: readonly Measurement[] | undefined,
  judged: (round: Measurement) => number,
): Ratio | undefined {
  if (above === undefined || below === undefined || hasFailed(above) || hasFailed(below)) return undefined;
  const ratios = below.flatMap((round, at) => {
    const other = above[at];
    return other === undefined ? [] : judged(other) / judged(round);
  });
  return ratios.length === 0 ? undefined : spanOf(ratios);
}

function hasFailed(rounds: readonly Measurement[]): boolean {
  return rounds.some(({ failures }) => Object.keys(failures).length > 0);
}

function summariseRow({ peer, withLog, rounds }: Measured): Row {
  const costs = rounds.map((round) => round.cost);
  const cost = median(costs);
  const failures: Record<string, number> = {};
  for (const round of rounds) {
    for (const [reason, count] of Object.entries(round.failures)) failures[reason] = (failures[reason] ?? 0) + count;
  }
  const delays = rounds.flatMap(({ delayMs }) => delayMs ?? []);
  return {
    peer,
    withLog,
    cost,
    spread: (Math.max(...costs) - Math.min(...costs)) / 2 / cost,
    perSecond: median(rounds.map((round) => round.perSecond)),
    p50: median(rounds.map((round) => round.p50)),
    p99: median(rounds.map((round) => round.p99)),
    resumed: median(rounds.map((round) => round.resumed)),
    failures,
    delayMs: delays.length === 0 ? undefined : Math.max(...delays),
    rounds,
  };
}

/** The table of one workload, ratios in its last column. */
export function renderTable(result: WorkloadResult): string {
  const { workload, rows, ratios, logRatios } = result;
  const withLog = workload.withLog === true;
  const head = [
    'gateway',
    unitOf(workload),
    'spread',
    `${workload.unit}s/s`,
    'p50 ms',
    'p99 ms',
    ...(withLog ? ['÷ without'] : []),
    workload.pace === undefined ? 'ours ÷ its' : 'p99, ours ÷ its',
  ];
  const lines = rows.map((row) => {
    const isJudged = row.withLog === withLog;
    return [
      row.withLog ? `${row.peer}, log` : row.peer,
      row.cost.toFixed(1),
      `±${(row.spread * 100).toFixed(0)} %`,
      row.perSecond.toFixed(0),
      milliseconds(row.p50),
      milliseconds(row.p99),
      ...(withLog ? [isJudged ? (logRatios[row.peer]?.median.toFixed(2) ?? '') : ''] : []),
      isJudged ? (ratios[row.peer]?.median.toFixed(2) ?? '') : '',
    ];
  });
  const widths = head.map((title, column) => Math.max(title.length, ...lines.map((line) => line[column]?.length ?? 0)));
  const format = (cells: readonly string[]): string =>
    cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  ');
  return [titleOf(result), format(head), ...lines.map(format), ...renderNotes(workload, rows)]
    .map((line, at) => (at === 0 ? line : `  ${line}`.trimEnd()))
    .join('\n');
}

/** What a piece of work costs, and of what. */
export function unitOf({ after, unit }: Workload): string {
  return `${after === 'idle' ? 'kB' : 'µs CPU'}/${unit}`;
}

export function titleOf({ workload, generator, rate }: WorkloadResult): string {
  const { name, title, connections, after } = workload;
  const count = after === 'idle' ? `${connections} ` : '';
  const certificate = withoutCertificate.has(generator) ? ', no client certificate' : '';
  const pace = rate === undefined ? '' : `: ${rate} ${workload.unit}s/s`;
  return `${name} (${generator}${certificate}): ${count}${title}${pace}`;
}

function milliseconds(value: number): string {
  return Number.isNaN(value) ? '–' : value.toFixed(2);
}

function renderNotes(workload: Workload, rows: readonly Row[]): string[] {
  const notes: string[] = [];
  for (const { peer, failures, resumed, delayMs } of rows) {
    if (delayMs !== undefined) notes.push(`${peer}: no turn of the event loop late by more than ${delayMs} ms`);
    const list = Object.entries(failures).map(([reason, count]) => `${count} × ${reason}`);
    if (list.length > 0) notes.push(`${peer} FAILED: ${list.join(', ')}`);
    if (workload.after === 'resume' && resumed < 0.995) notes.push(`${peer} resumed ${(resumed * 100).toFixed(0)} %`);
  }
  return notes;
}
