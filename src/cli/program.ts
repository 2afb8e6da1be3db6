// The commands, one file each. None is loaded before it is needed, so that `--help` and `--version` are quick.
import { Command } from 'commander';
import { version } from '../base/version.ts';

type Entry = { readonly says: string; readonly open: () => Promise<Command> };

/** In the order of the help. */
const commands: ReadonlyMap<string, Entry> = new Map([
  [
    'run',
    {
      says: 'serve; SIGHUP reloads, SIGTERM and SIGINT drain and stop, a second one stops at once',
      open: async () => (await import('./run.ts')).runCommand(),
    },
  ],
  [
    'check',
    {
      says: 'check a configuration and every file it points to',
      open: async () => (await import('./check.ts')).checkCommand(),
    },
  ],
  [
    'health',
    {
      says: 'ask a running gateway whether it is ready: one line, and an exit code for a container that checks itself',
      open: async () => (await import('./health.ts')).healthCommand(),
    },
  ],
  [
    'explain',
    {
      says: 'say what would happen, and why',
      open: async () => (await import('./explain.ts')).explainCommand(),
    },
  ],
  [
    'pki',
    {
      says: 'make test certificates, look at any certificate',
      open: async () => (await import('./pki.ts')).pkiCommand(),
    },
  ],
  [
    'certificates',
    {
      says: 'every certificate and CA bundle: source, serial, expiry, next renewal, last error',
      open: async () => (await import('./certificates.ts')).certificatesCommand(),
    },
  ],
  [
    'trust',
    {
      says: 'what is known about whom the gateway trusts',
      open: async () => (await import('./trust.ts')).trustCommand(),
    },
  ],
  [
    'store',
    {
      says: 'look after a store: verify, backup, restore, rotate-key',
      open: async () => (await import('./store.ts')).storeCommand(),
    },
  ],
  [
    'export',
    {
      says: 'print the objects of the file and of the store as YAML; no private key among them',
      open: async () => (await import('./export.ts')).exportCommand(),
    },
  ],
  [
    'apply',
    {
      says: 'make the objects of YAML files a revision of the store; --dry-run says what it would do',
      open: async () => (await import('./apply.ts')).applyCommand(),
    },
  ],
  [
    'rollout',
    {
      says: 'what is on trial on some gateways: say it, put it in force for all, take it back',
      open: async () => (await import('./rollout.ts')).rolloutCommand(),
    },
  ],
  [
    'gateways',
    {
      says: 'the gateways on a store: what each runs, since when, and what it refused',
      open: async () => (await import('./gateways.ts')).gatewaysCommand(),
    },
  ],
  [
    'approve',
    {
      says: 'say that the files of a configuration, as they stand, are the ones that a gateway is to run',
      open: async () => (await import('./approve.ts')).approveCommand(),
    },
  ],
  [
    'import',
    {
      says: 'turn the configuration of Envoy, nginx, Traefik or Caddy into one of ours, and say what became of each line',
      open: async () => (await import('./import.ts')).importCommand(),
    },
  ],
  [
    'schema',
    {
      says: 'print the JSON Schema of the configuration',
      open: async () => (await import('./schema.ts')).schemaCommand(),
    },
  ],
  [
    'echo',
    {
      says: 'a backend to try things with, on loopback: answers with what it was sent',
      open: async () => (await import('./echo.ts')).echoCommand(),
    },
  ],
  [
    'demo',
    {
      says: 'run the demonstration (npm start)',
      open: async () => (await import('./demo.ts')).demoCommand(),
    },
  ],
  [
    'completion',
    {
      says: 'print what makes bash, zsh or fish complete all this',
      open: async () => (await import('./completion.ts')).completionCommand(() => openProgram('all')),
    },
  ],
]);

/**
 * `named`: as the user typed it, which loads the one command that is meant, also after `help`; of the others there is no more than
 * the help says. `all`: every command with its options.
 */
export async function openProgram(named: readonly string[] | 'all'): Promise<Command> {
  const program = new Command('countersign')
    .description('API gateway for mutual TLS: both sides of every connection prove who they are.')
    .version(version, '-v, --version')
    .showHelpAfterError('(countersign --help shows the commands)');
  const meant = named === 'all' ? undefined : named.find((word) => commands.has(word));
  for (const [name, { says, open }] of commands) {
    const command = named === 'all' || name === meant ? await open() : new Command(name);
    program.addCommand(command.description(says));
  }
  return program;
}
