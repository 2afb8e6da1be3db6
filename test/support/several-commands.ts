// Several commands of `countersign` one after the other, in one process: what stands between them is the argument `then`, and
// `in FOLDER` is where the next ones run. It ends at the first that fails, with its exit code.
import { Command } from 'commander';
import { checkCommand } from '../../src/cli/check.ts';
import { explainCommand } from '../../src/cli/explain.ts';
import { pkiCommand } from '../../src/cli/pki.ts';

const lines: string[][] = [[]];
for (const word of process.argv.slice(2)) {
  if (word === 'then') lines.push([]);
  else lines.at(-1)?.push(word);
}

for (const line of lines) {
  if (line[0] === 'in') {
    process.chdir(line[1] ?? '');
    continue;
  }
  // Options that one was given are not those of the next.
  const program = new Command('countersign');
  for (const open of [checkCommand, explainCommand, pkiCommand]) program.addCommand(open());
  await program.parseAsync(line, { from: 'user' });
  if (process.exitCode !== undefined && process.exitCode !== 0) {
    process.stderr.write(`${line.join(' ')}: exit code ${process.exitCode}\n`);
    break;
  }
}
