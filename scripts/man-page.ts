// The manual page countersign(1), from the commands as they are. The build puts it into dist/.
import { type CommandShape, shapeOf } from '../src/cli/command-shape.ts';
import { openProgram } from '../src/cli/program.ts';

/** As man(7) wants it. `version`: of the package. */
export async function manPage(version: string): Promise<string> {
  const program = shapeOf(await openProgram('all'));
  const lines = [
    `.TH COUNTERSIGN 1 "" "countersign ${version}" "User Commands"`,
    '.SH NAME',
    'countersign \\- API gateway for mutual TLS',
    '.SH SYNOPSIS',
    ...program.commands.map(({ name, usage }) => `.B countersign ${text(name)}\n${text(usage)}\n.br`),
    '.SH DESCRIPTION',
    'Both sides of every connection prove who they are: the client to the gateway, the gateway to the backend.',
    'The configuration is a YAML file; everything that is wrong in it is told at once, with line and column.',
    '.SH COMMANDS',
    ...program.commands.flatMap((command) => section(command, [])),
    '.SH SIGNALS',
    definition('SIGHUP', 'Opens the log files anew and reloads; what is wrong leaves what runs as it is.'),
    definition('SIGTERM, SIGINT', 'Drains and stops; the same again stops at once.'),
    '.SH EXIT STATUS',
    definition('0', 'All is well, or the gateway was asked to stop.'),
    definition('1', 'It cannot be done: what is wrong stands on standard error.'),
    '.SH FILES',
    definition('/etc/countersign/gateway.yml', 'What the service of the Debian package runs.'),
    definition('/var/lib/countersign', 'Its store.'),
  ];
  return `${lines.join('\n')}\n`;
}

function section(command: CommandShape, above: readonly string[]): string[] {
  const words = [...above, command.name];
  return [
    `.SS countersign ${text(words.join(' '))}`,
    text(command.says),
    ...command.options.map(({ flags, says }) => definition(flags, says)),
    ...command.commands.flatMap((below) => section(below, words)),
  ];
}

function definition(term: string, says: string): string {
  return `.TP\n.B ${text(term)}\n${text(says)}`;
}

/** A line may not begin with what roff reads as a request; a hyphen that is typed is no dash. */
function text(value: string): string {
  const escaped = value.replaceAll('\\', '\\e').replaceAll('-', '\\-');
  return escaped.replaceAll(/^(?=[.'])/gm, '\\&');
}

if (import.meta.main) process.stdout.write(await manPage('0.1.0'));
