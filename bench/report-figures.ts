// From several complete runs to the figures of one page: medians over runs, and how far they lie apart.
import type { PeerName } from './peer.ts';
import { type Figure, findDifference, keyOf, type ReportCell, type ReportRow, type ReportRun } from './report-run.ts';
import { median, type Ratio, spanOf } from './table.ts';

export type Standing =
  /** Ours over its, `median` of the runs' medians with the lowest and the highest of them. */
  | { readonly kind: 'ratio'; readonly ratio: Ratio }
  /** It failed in a run, or we did: nothing is said of speed. */
  | { readonly kind: 'failed'; readonly what: string }
  /** It does not do this row as it is installed, is not installed, or was left out. */
  | { readonly kind: 'absent' };

export type FigureRow = {
  readonly row: ReportRow;
  /** How many runs have it. */
  readonly runs: number;
  /** Requests a second of a row at a fixed rate, which each run finds for itself: the lowest and the highest. */
  readonly rates: readonly [number, number] | undefined;
  /** Medians over runs, of each gateway; of a row with access logs, those with. */
  readonly cells: ReadonlyMap<PeerName, ReportCell>;
  readonly standings: ReadonlyMap<PeerName, Standing>;
  /** Of a row with access logs: each gateway's cost with over its own without. */
  readonly logRatios: ReadonlyMap<PeerName, Ratio>;
};

export const opponents = ['nginx', 'haproxy', 'caddy', 'envoy'] as const satisfies readonly PeerName[];
export const everybody = ['countersign', ...opponents] as const satisfies readonly PeerName[];

/** Throws where the runs are not of one commit on one machine with the same programs. */
export function figuresOf(runs: readonly ReportRun[]): readonly FigureRow[] {
  const [first, ...others] = runs;
  if (first === undefined) throw new Error('No run was given.');
  for (const other of others) {
    const difference = findDifference(first, other);
    if (difference !== undefined)
      throw new Error(`Runs differ in their ${difference}: one page is made of equal ones.`);
  }
  const keys = new Set(runs.flatMap(({ rows }) => rows.map(keyOf)));
  return [...keys].map((key) => figureRow(runs.flatMap(({ rows }) => rows.find((row) => keyOf(row) === key) ?? [])));
}

function figureRow(rows: readonly ReportRow[]): FigureRow {
  const [row] = rows;
  if (row === undefined) throw new Error('a row that no run has');
  const withLog = row.name === 'log';
  const cellsOf = (peer: PeerName): ReportCell[] =>
    rows.flatMap(({ cells }) => cells.find((cell) => cell.peer === peer && cell.withLog === withLog) ?? []);
  const cells = new Map<PeerName, ReportCell>();
  const standings = new Map<PeerName, Standing>();
  const logRatios = new Map<PeerName, Ratio>();
  for (const peer of everybody) {
    const cell = middle(cellsOf(peer));
    if (cell !== undefined) cells.set(peer, cell);
    const ratios = rows.flatMap((one) => one.logRatios[peer]?.median ?? []);
    if (ratios.length > 0) logRatios.set(peer, spanOf(ratios));
  }
  for (const peer of opponents) standings.set(peer, standingOf(peer, rows, cells));
  const rates = rows.flatMap(({ rate }) => rate ?? []);
  const span = rates.length === 0 ? undefined : ([Math.min(...rates), Math.max(...rates)] as const);
  return { row, runs: rows.length, rates: span, cells, standings, logRatios };
}

function standingOf(peer: PeerName, rows: readonly ReportRow[], cells: ReadonlyMap<PeerName, ReportCell>): Standing {
  const cell = cells.get(peer);
  if (cell === undefined) return { kind: 'absent' };
  const what = [...listFailures(peer, rows), ...listFailures('countersign', rows)].join(', ');
  if (what !== '') return { kind: 'failed', what };
  const ratios = rows.flatMap((row) => row.ratios[peer]?.median ?? []);
  return ratios.length === 0 ? { kind: 'absent' } : { kind: 'ratio', ratio: spanOf(ratios) };
}

/** All failures of a gateway in a row, over the runs, each with how often. */
export function listFailures(peer: PeerName, rows: readonly ReportRow[]): string[] {
  const counts = new Map<string, number>();
  for (const cell of rows.flatMap((row) => row.cells.filter((one) => one.peer === peer)))
    for (const [reason, count] of Object.entries(cell.failures)) counts.set(reason, (counts.get(reason) ?? 0) + count);
  return [...counts].map(([reason, count]) => `${peer}: ${count} × ${reason}`);
}

function middle(cells: readonly ReportCell[]): ReportCell | undefined {
  const [cell] = cells;
  if (cell === undefined) return undefined;
  const of = (read: (one: ReportCell) => Figure): Figure => {
    const values = cells.flatMap((one) => read(one) ?? []);
    return values.length === 0 ? null : median(values);
  };
  const delays = cells.flatMap(({ delayMs }) => delayMs ?? []);
  return {
    peer: cell.peer,
    withLog: cell.withLog,
    cost: of(({ cost }) => cost),
    perSecond: of(({ perSecond }) => perSecond),
    p50: of(({ p50 }) => p50),
    p99: of(({ p99 }) => p99),
    resumed: of(({ resumed }) => resumed),
    // The longest of all: a delay that happened in one run has happened.
    delayMs: delays.length < cells.length ? null : Math.max(...delays),
    failures: Object.assign({}, ...cells.map(({ failures }) => failures)) as Record<string, number>,
  };
}
