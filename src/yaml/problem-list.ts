// Collects problems while a configuration is read: they are never thrown one by one, and come out sorted by place.
import type { Place } from './place.ts';
import type { Problem } from './problem.ts';

/** Problems beyond this number are counted, not kept: a file of garbage must not fill memory. */
export const maxProblems = 1000;

/** Collects problems; the same code at the same place is kept once. */
export class ProblemList {
  readonly #items = new Map<string, Problem>();
  #errors = 0;
  #unknownKeys = 0;
  #dropped = 0;

  get hasErrors(): boolean {
    return this.#errors > 0;
  }

  /** Every error is a key that nobody knows: the rest can be read, and what it points to can be looked at. */
  get onlyUnknownKeys(): boolean {
    return this.#errors === this.#unknownKeys;
  }

  /** A problem that was found elsewhere. */
  add(problem: Problem): void {
    if (problem.severity === 'error') this.#errors++;
    this.#add(problem);
  }

  error(code: string, place: Place, message: string, hint = ''): void {
    this.#errors++;
    if (code === 'unknown_key') this.#unknownKeys++;
    this.#add({ severity: 'error', code, place, message, hint });
  }

  warn(code: string, place: Place, message: string, hint = ''): void {
    this.#add({ severity: 'warning', code, place, message, hint });
  }

  #add(problem: Problem): void {
    const { place } = problem;
    const id = `${place.file}\0${place.line}\0${place.col}\0${place.stored?.pointer ?? ''}\0${problem.code}\0${problem.message}`;
    if (this.#items.has(id)) return;
    if (this.#items.size >= maxProblems) this.#dropped++;
    else this.#items.set(id, problem);
  }

  /** All problems by place: files in the order of `files`, others after them; then line, column, errors first. */
  sorted(files: readonly string[]): Problem[] {
    const rank = (file: string): number => {
      const index = files.indexOf(file);
      return index < 0 ? files.length : index;
    };
    const list = [...this.#items.values()].sort(
      (a, b) =>
        rank(a.place.file) - rank(b.place.file) ||
        (a.place.file < b.place.file ? -1 : a.place.file > b.place.file ? 1 : 0) ||
        a.place.line - b.place.line ||
        a.place.col - b.place.col ||
        (a.severity === b.severity ? 0 : a.severity === 'error' ? -1 : 1),
    );
    const last = list.at(-1);
    if (this.#dropped > 0 && last !== undefined) {
      const severity = this.hasErrors ? 'error' : 'warning';
      const message = `${this.#dropped} more problems are not shown`;
      list.push({ severity, code: 'too_many_problems', place: last.place, message, hint: '' });
    }
    return list;
  }
}
