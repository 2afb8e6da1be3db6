// `countersign completion SHELL`: a script for the shell to read, made from the commands as they are, so that it cannot know others.
import { Argument, Command } from 'commander';
import { type CommandShape, shapeOf } from './command-shape.ts';

const shells = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

export function completionCommand(openAll: () => Promise<Command>): Command {
  return new Command('completion')
    .addArgument(new Argument('<shell>', 'which shell is to read it').choices(Object.keys(shells)))
    .addHelpText(
      'after',
      '\nFor bash: countersign completion bash > ~/.local/share/bash-completion/completions/countersign',
    )
    .action(async (shell: keyof typeof shells) => {
      process.stdout.write(completionScript(shell, shapeOf(await openAll())));
    });
}

export function completionScript(shell: keyof typeof shells, program: CommandShape): string {
  return shells[shell](program);
}

type Place = { readonly path: string; readonly shape: CommandShape };

/** Every command below, by its words: '' is the program itself. */
function listPlaces(shape: CommandShape, path = ''): Place[] {
  const below = shape.commands.flatMap((one) => listPlaces(one, `${path} ${one.name}`.trim()));
  return [{ path, shape }, ...below];
}

/** What may stand there, files apart. */
function wordsOf({ commands, options }: CommandShape): string[] {
  return [...commands.map(({ name }) => name), ...options.flatMap(({ long }) => long)];
}

/** Words are ours: letters, digits and hyphens, nothing that a shell reads. */
function bashScript(program: CommandShape): string {
  const cases = listPlaces(program).map(
    ({ path, shape }) =>
      `    '${path}') words='${wordsOf(shape).join(' ')}'${shape.commands.length > 0 ? '' : ' files=yes'} ;;`,
  );
  return `# bash completion for countersign
_countersign() {
  local current=\${COMP_WORDS[COMP_CWORD]} path='' words='' files='' word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path \${word}" in
${listPlaces(program)
  .slice(1)
  .map(({ path }) => `      '${path.includes(' ') ? path : ` ${path}`}') path='${path}' ;;`)
  .join('\n')}
    esac
  done
  case $path in
${cases.join('\n')}
  esac
  COMPREPLY=()
  if [[ -n $files && $current != -* ]]; then mapfile -t COMPREPLY < <(compgen -f -- "$current"); fi
  mapfile -t -O \${#COMPREPLY[@]} COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o filenames -F _countersign countersign
`;
}

function zshScript(program: CommandShape): string {
  return `#compdef countersign
autoload -U +X bashcompinit && bashcompinit
${bashScript(program)}`;
}

function fishScript(program: CommandShape): string {
  const lines = listPlaces(program).flatMap(({ path, shape }) => {
    const [first, second] = path.split(' ');
    const others = shape.commands.map(({ name }) => name).join(' ');
    const conditions = [
      path === '' ? '__fish_use_subcommand' : `__fish_seen_subcommand_from ${second ?? first}`,
      ...(others !== '' && path !== '' ? [`not __fish_seen_subcommand_from ${others}`] : []),
    ];
    const here = `complete -c countersign -n '${conditions.join('; and ')}'`;
    return [
      ...shape.commands.map(({ name, says }) => `${here} -f -a ${name} -d ${fishText(says)}`),
      ...shape.options.map(
        ({ long, takesValue, says }) => `${here} -l ${long.slice(2)}${takesValue ? ' -r' : ''} -d ${fishText(says)}`,
      ),
    ];
  });
  return `# fish completion for countersign\n${lines.join('\n')}\n`;
}

function fishText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
