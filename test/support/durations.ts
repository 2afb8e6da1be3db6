// How long each test file took the last time, kept beside the compiled code: what takes longest begins first, so that all cores
// finish together. It decides on the order alone.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export class Durations {
  readonly #path: string;
  readonly #guessed: ReadonlyMap<string, number>;
  readonly #measured: Map<string, number>;

  /** With what `path` says of earlier runs, nothing where it cannot be read; `guessed`: what files took elsewhere, for those that are new here. */
  constructor(path: string, guessed: ReadonlyMap<string, number>) {
    this.#path = path;
    this.#guessed = guessed;
    this.#measured = new Map(readEntries(path));
  }

  /** Milliseconds; 0 where nothing is known. */
  of(file: string): number {
    return this.#measured.get(file) ?? this.#guessed.get(file) ?? 0;
  }

  note(file: string, ms: number): void {
    this.#measured.set(file, ms);
  }

  /** Longest first; those of which nothing is known last, in their order. */
  sort(files: readonly string[]): string[] {
    return files.toSorted((a, b) => this.of(b) - this.of(a));
  }

  /** Keeps what was measured. A place that cannot be written to costs the order of the next run, no more. */
  save(): void {
    try {
      mkdirSync(dirname(this.#path), { recursive: true });
      writeFileSync(this.#path, JSON.stringify(Object.fromEntries(this.#measured)));
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
