// Prints configuration problems with the line they stand on.
import { readFile } from 'node:fs/promises';
import { type Problem, renderProblem } from '../config/problem.ts';

export async function printProblems(problems: readonly Problem[], out: NodeJS.WritableStream): Promise<void> {
  const sources = new Map<string, string | undefined>();
  for (const problem of problems) {
    const { file } = problem.place;
    if (!sources.has(file)) sources.set(file, await readFile(file, 'utf8').catch(() => undefined));
    out.write(`${renderProblem(problem, sources.get(file))}\n\n`);
  }
}
