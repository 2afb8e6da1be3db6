// How long each test file took the last time, kept beside the compiled code: what takes longest begins first, so that all cores
// finish together. It decides on the order alone.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export class Durations {
  readonly #path: string;
  readonly #ms: Map<string, number>;

  /** With what `path` says of earlier runs, nothing where it cannot be read; `first`: what took longest elsewhere, for files that are new here. */
  constructor(path: string, first: readonly string[]) {
    this.#path = path;
    this.#ms = new Map(first.map((file) => [file, Infinity]));
    for (const [file, ms] of readEntries(path)) this.#ms.set(file, ms);
  }

  note(file: string, ms: number): void {
    this.#ms.set(file, ms);
  }

  /** Longest first; those of which nothing is known last, in their order. */
  sort(files: readonly string[]): string[] {
    const of = (file: string): number => this.#ms.get(file) ?? 0;
    // Not by subtraction: two that are infinite are equal.
    return files.toSorted((a, b) => Number(of(b) > of(a)) - Number(of(b) < of(a)));
  }

  /** Keeps what was measured. A place that cannot be written to costs the order of the next run, no more. */
  save(): void {
    const measured = [...this.#ms].filter(([, ms]) => Number.isFinite(ms));
    try {
      mkdirSync(dirname(this.#path), { recursive: true });
      writeFileSync(this.#path, JSON.stringify(Object.fromEntries(measured)));
    } catch (error) {
      console.error(`the durations of the tests cannot be kept: ${String(error)}`);
    }
  }
}

function readEntries(path: string): [string, number][] {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof value !== 'object' || value === null) return [];
    return Object.entries(value).filter((entry): entry is [string, number] => typeof entry[1] === 'number');
  } catch {
    return [];
  }
}
