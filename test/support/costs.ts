// What the test files cost, for the end of a run: wall time of each file, and CPU time of each process with all that it started. On a
// machine with other work only the latter says whether a run became cheaper.
import { existsSync, readFileSync } from 'node:fs';
import { cpuMs } from './process-cost.ts';

/** How many files the table names. */
const SHOWN = 20;

type Cost = { readonly file: string; readonly own: number; readonly children: number };

export class Costs {
  readonly #wallMs = new Map<string, number>();

  add(file: string, ms: number): void {
    this.set(file, (this.#wallMs.get(file) ?? 0) + ms);
  }

  set(file: string, ms: number): void {
    this.#wallMs.set(file, ms);
  }

  /** CPU seconds of the whole run, this process included, by what the processes wrote into `path` (process-cost.ts). */
  cpuSeconds(path: string): number {
    const { own, children } = cpuMs();
    // What the processes of tests took is among our children.
    const written = readCosts(path).reduce((sum, cost) => sum + cost.own + cost.children, 0);
    return Math.round((own + Math.max(children, written)) / 1000);
  }

  /** The slowest files and the dearest processes, as lines. */
  table(path: string, name: (file: string) => string): string[] {
    const line = (seconds: number, text: string): string => `${seconds.toFixed(1).padStart(8)}  ${text}`;
    const slowest = [...this.#wallMs].toSorted(([, one], [, other]) => other - one).slice(0, SHOWN);
    const total = ({ own, children }: Cost): number => own + children;
    const dearest = readCosts(path)
      .toSorted((one, other) => total(other) - total(one))
      .slice(0, SHOWN);
    return [
      'wall s   the slowest files',
      ...slowest.map(([file, ms]) => line(ms / 1000, name(file))),
      ' CPU s   the dearest processes, with what they started',
      ...dearest.map((cost) => line(total(cost) / 1000, `${name(cost.file)} (itself ${(cost.own / 1000).toFixed(1)})`)),
    ];
  }
}

function readCosts(path: string): Cost[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Cost);
}
