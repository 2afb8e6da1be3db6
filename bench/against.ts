// `npm run bench -- --against REV`: another commit of ours, built beside the working tree in a temporary folder that goes away
// again, so that both are measured by turns. Dependencies and Node are the working tree's.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { countersignAt, type Peer } from './peer.ts';
import { unitOf, type WorkloadResult } from './table.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

export type OtherCommit = { readonly peer: Peer; readonly commit: string } & Disposable;

function git(...args: readonly string[]): string {
  return execFileSync('git', ['-C', root, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

/** Builds the commit that `revision` names; throws where there is none, or where it cannot be built. */
export function buildCommit(revision: string): OtherCommit {
  const commit = git('rev-parse', '--short', '--verify', '--end-of-options', `${revision}^{commit}`);
  const folder = mkdtempSync(join(tmpdir(), 'countersign-against-'));
  const tree = join(folder, 'tree');
  const remove = (): void => {
    process.off('exit', remove);
    try {
      git('worktree', 'remove', '--force', tree);
    } catch {
      // It was not added.
    }
    rmSync(folder, { recursive: true, force: true });
  };
  // Also where a signal ends us.
  process.on('exit', remove);
  try {
    git('worktree', 'add', '--quiet', '--detach', tree, commit);
    symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
    execFileSync(process.execPath, [join(tree, 'scripts/build.ts')], { cwd: tree, stdio: ['ignore', 2, 2] });
  } catch (error) {
    remove();
    throw error;
  }
  return { peer: countersignAt(join(tree, 'dist/cli/main.js'), 'against'), commit, [Symbol.dispose]: remove };
}

/** A line for each workload: what both cost, and the ratio of rounds that followed each other, with its range. */
export function renderAgainst(results: readonly WorkloadResult[], commit: string): string {
  const head = ['row', 'unit', 'here', commit, 'here ÷ it', 'lowest', 'highest'];
  const lines = results.map(({ workload, rows, ratios }) => {
    const withLog = workload.withLog === true;
    const cost = (name: string): string => {
      const row = rows.find((one) => one.peer === name && one.withLog === withLog);
      return (workload.pace === undefined ? row?.cost.toFixed(1) : row?.p99.toFixed(2)) ?? '–';
    };
    const ratio = ratios.against;
    const unit = workload.pace === undefined ? unitOf(workload) : 'p99 ms';
    const span = [ratio?.median, ratio?.lowest, ratio?.highest].map((value) => value?.toFixed(3) ?? '–');
    return [workload.name, unit, cost('countersign'), cost('against'), ...span];
  });
  const widths = head.map((title, column) => Math.max(title.length, ...lines.map((line) => line[column]?.length ?? 0)));
  const format = (cells: readonly string[]): string =>
    cells.map((cell, at) => (at < 2 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  ');
  return [head, ...lines].map(format).join('\n');
}
