// `npm run bench -- --render FILE…`: complete runs become the page, its chart, and the runs beside them, which a test compares.
import { readFileSync, writeFileSync } from 'node:fs';
import { renderChart } from './render-chart.ts';
import { putIntoPage, renderReport } from './render-report.ts';
import { parseRun } from './report-run.ts';

const docs = new URL('../docs/', import.meta.url);
/** So many complete runs the committed page has at least. */
const ENOUGH = 3;

/** Returns what to tell. `complete`: keys of the rows that a complete run has. */
export function renderRuns(files: readonly string[], complete: readonly string[]): string {
  const runs = files.map((file) => parseRun(readFileSync(file, 'utf8'), file));
  const page = new URL('performance.md', docs);
  const next = putIntoPage(readFileSync(page, 'utf8'), renderReport(runs, complete));
  writeFileSync(page, next);
  writeFileSync(new URL('performance.svg', docs), renderChart(runs));
  writeFileSync(new URL('performance-runs.jsonl', docs), runs.map((run) => `${JSON.stringify(run)}\n`).join(''));
  const few = runs.length < ENOUGH ? ` The committed page has ${ENOUGH} runs or more.` : '';
  return `docs/performance.md is made of ${runs.length} run${runs.length === 1 ? '' : 's'}.${few}`;
}
