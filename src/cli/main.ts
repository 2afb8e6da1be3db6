// The command line: one file per command. Nothing is loaded before it is needed, so that `--help` is quick.
import { Command } from 'commander';

/** In the order of the help. */
const commands: ReadonlyMap<string, () => Promise<Command>> = new Map([
  ['run', async () => (await import('./run.ts')).runCommand()],
  ['check', async () => (await import('./check.ts')).checkCommand()],
  ['explain', async () => (await import('./explain.ts')).explainCommand()],
  ['pki', async () => (await import('./pki.ts')).pkiCommand()],
  ['trust', async () => (await import('./trust.ts')).trustCommand()],
  ['schema', async () => (await import('./schema.ts')).schemaCommand()],
  ['echo', async () => (await import('./echo.ts')).echoCommand()],
  ['demo', async () => (await import('./demo.ts')).demoCommand()],
]);

const program = new Command('countersign')
  .description('API gateway for mutual TLS: both sides of every connection prove who they are.')
  .version('0.1.0')
  .showHelpAfterError('(countersign --help shows the commands)');

// Where the first argument names a command, no other is loaded: that is half of what a start costs.
const named = commands.get(process.argv[2] ?? '');
for (const open of named === undefined ? commands.values() : [named]) program.addCommand(await open());

// `countersign schema | head` closes our standard output early: nothing to make a fuss about.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

await program.parseAsync();
