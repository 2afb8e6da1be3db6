// One complete run of the benchmark as it is written into a file and read again: what was measured, on what, with what.
import type { GeneratorName } from './job.ts';
import type { PeerName } from './peer.ts';
import { type Ratio, unitOf, type WorkloadResult } from './table.ts';

/** A number that nobody could tell is null: JSON knows no NaN. */
export type Figure = number | null;

export type ReportCell = {
  readonly peer: PeerName;
  readonly withLog: boolean;
  /** In the row's unit. */
  readonly cost: Figure;
  readonly perSecond: Figure;
  /** Milliseconds. */
  readonly p50: Figure;
  readonly p99: Figure;
  /** Of ours: no turn of the event loop was late by more milliseconds; null: not told, or by more than the metric counts. */
  readonly delayMs: Figure;
  /** Share of the connections that resumed, 0 to 1. */
  readonly resumed: Figure;
  readonly failures: Readonly<Record<string, number>>;
};

export type ReportRow = {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly work: string;
  readonly generator: GeneratorName;
  /** What ratios compare. */
  readonly judged: 'cost' | 'p99';
  /** Requests a second, where they are fixed. */
  readonly rate: Figure;
  readonly cells: readonly ReportCell[];
  readonly ratios: Readonly<Partial<Record<PeerName, Ratio>>>;
  readonly logRatios: Readonly<Partial<Record<PeerName, Ratio>>>;
};

export type ReportRun = {
  readonly format: 1;
  /** ISO 8601, when its first row began. */
  readonly date: string;
  /** Of the sources; `+` where they had changes. */
  readonly commit: string;
  readonly machine: string;
  readonly method: string;
  /** Versions; null: not installed. */
  readonly peers: Readonly<Partial<Record<PeerName, string | null>>>;
  readonly generators: Readonly<Record<string, string | null>>;
  /** How often the run was interrupted and went on later. */
  readonly interruptions: number;
  /** Who was left out of rows, and why. */
  readonly notes: readonly string[];
  readonly rows: readonly ReportRow[];
};

/** What tells rows of a run apart. */
export function keyOf({ name, generator }: Pick<ReportRow, 'name' | 'generator'>): string {
  return `${name}/${generator}`;
}

function figure(value: number | undefined): Figure {
  return value !== undefined && Number.isFinite(value) ? value : null;
}

export function rowOf(result: WorkloadResult): ReportRow {
  const { workload, generator, rate, rows, ratios, logRatios } = result;
  const count = workload.after === 'idle' ? `${workload.connections} ` : '';
  return {
    name: workload.name,
    title: `${count}${workload.title}`,
    unit: unitOf(workload),
    work: workload.unit,
    generator,
    judged: rate === undefined ? 'cost' : 'p99',
    rate: figure(rate),
    cells: rows.map((row) => ({
      peer: row.peer,
      withLog: row.withLog,
      cost: figure(row.cost),
      perSecond: figure(row.perSecond),
      p50: figure(row.p50),
      p99: figure(row.p99),
      delayMs: figure(row.delayMs),
      resumed: workload.after === 'resume' ? figure(row.resumed) : null,
      failures: row.failures,
    })),
    ratios,
    logRatios,
  };
}

/** Throws where the text is no run of this format. */
export function parseRun(text: string, file: string): ReportRun {
  const run = JSON.parse(text) as ReportRun;
  if (run.format !== 1 || !Array.isArray(run.rows)) throw new Error(`${file} is no run of the benchmark.`);
  return run;
}

/** What must be the same in all runs that one page is made of: where something differs, its name. */
export function findDifference(one: ReportRun, other: ReportRun): string | undefined {
  const names = ['commit', 'machine', 'method', 'peers', 'generators'] as const;
  return names.find((name) => JSON.stringify(one[name]) !== JSON.stringify(other[name]));
}
