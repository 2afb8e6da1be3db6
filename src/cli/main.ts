// The command line.
import { openProgram } from './program.ts';

// `countersign schema | head` closes our standard output early: nothing to make a fuss about.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

const program = await openProgram(process.argv.slice(2));
await program.parseAsync();
