// The command line: one file per command. Nothing is loaded before it is needed, so that `--help` is quick.
import { Command } from 'commander';
import { checkCommand } from './check.ts';
import { demoCommand } from './demo.ts';
import { explainCommand } from './explain.ts';
import { pkiCommand } from './pki.ts';
import { runCommand } from './run.ts';
import { schemaCommand } from './schema.ts';
import { trustCommand } from './trust.ts';

const program = new Command('countersign')
  .description('API gateway for mutual TLS: both sides of every connection prove who they are.')
  .version('0.1.0')
  .showHelpAfterError('(countersign --help shows the commands)')
  .addCommand(runCommand())
  .addCommand(checkCommand())
  .addCommand(explainCommand())
  .addCommand(pkiCommand())
  .addCommand(trustCommand())
  .addCommand(schemaCommand())
  .addCommand(demoCommand());

// `countersign schema | head` closes our standard output early: nothing to make a fuss about.
process.stdout.on('error', () => {});

await program.parseAsync();
