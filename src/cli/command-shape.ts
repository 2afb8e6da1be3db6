// What a command is called and takes, for completion and the manual page.
import type { Command } from 'commander';

export type OptionShape = {
  /** With its two hyphens. */
  readonly long: string;
  /** As the help shows it: `-c, --config <file>`. */
  readonly flags: string;
  readonly takesValue: boolean;
  readonly says: string;
};

export type CommandShape = {
  readonly name: string;
  readonly says: string;
  /** What follows the name: `[options] <file...>`. */
  readonly usage: string;
  readonly options: readonly OptionShape[];
  readonly commands: readonly CommandShape[];
};

/** All of it, commands below included; hidden options are left out. */
export function shapeOf(command: Command): CommandShape {
  const help = command.createHelp();
  return {
    name: command.name(),
    says: command.description(),
    usage: command.usage(),
    options: help.visibleOptions(command).flatMap((option) =>
      option.long === null || option.long === undefined
        ? []
        : [
            {
              long: option.long,
              flags: option.flags,
              takesValue: option.required || option.optional,
              says: help.optionDescription(option),
            },
          ],
    ),
    commands: command.commands.map(shapeOf),
  };
}
