// Prints configuration problems with the line they stand on.
import { wantsColours } from '../base/colour.ts';
import { readRegularFile } from '../base/read-regular-file.ts';
import { type Problem, renderProblem } from '../yaml/problem.ts';

export async function printProblems(problems: readonly Problem[], out: NodeJS.WritableStream): Promise<void> {
  const colour = 'isTTY' in out && out.isTTY === true && wantsColours(process.env);
  const sources = new Map<string, string | undefined>();
  for (const problem of problems) {
    const { file } = problem.place;
    if (!sources.has(file)) sources.set(file, await readSource(file));
    out.write(`${renderProblem(problem, sources.get(file), colour)}\n\n`);
  }
}

/** undefined where there is no line to show: what is no file, or too large, was refused unread. */
async function readSource(file: string): Promise<string | undefined> {
  // Only where there is something to show: it brings the parser of YAML.
  const { yamlLimits } = await import('../yaml/limits.ts');
  return readRegularFile(file, yamlLimits.fileBytes).then(
    (bytes) => bytes.toString('utf8'),
    () => undefined,
  );
}
