// `countersign export`: the objects of the store as YAML that `apply` takes, and those of the main file for who wants to move them
// there. Private keys of the store are references to what is sealed; those of the file are left out.
import { basename, resolve } from 'node:path';
import { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { readRegularFile } from '../base/read-regular-file.ts';
import { looksSecret } from '../base/secret-text.ts';
import { UsageError } from '../base/usage-error.ts';
import { readStore } from '../config/read-config.ts';
import { storedKinds, storedList } from '../config/stored-kinds.ts';
import { openStore } from '../loading/open-store.ts';
import { type ExportedLists, exportStored, yamlOf } from '../loading/stored-yaml.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { Cursor } from '../yaml/cursor.ts';
import { yamlLimits } from '../yaml/limits.ts';
import { ProblemList } from '../yaml/problem-list.ts';
import { parseYamlTree, type TreeNode } from '../yaml/tree.ts';
import type { CommandIo } from './command-io.ts';
import { printProblems } from './problems.ts';

type Options = { readonly config: string; readonly only?: 'file' | 'store' };

export function exportCommand(io: CommandIo = process): Command {
  return new Command('export')
    .requiredOption('-c, --config <file>', 'configuration file')
    .option('--only <which>', 'file: objects of the main file; store: those of the store', (which) => {
      if (which !== 'file' && which !== 'store') throw new UsageError('--only takes file or store');
      return which;
    })
    .action(async (options: Options) => {
      try {
        await runExport(io, options);
      } catch (error) {
        if (!(error instanceof StoreProblem) && !(error instanceof UsageError)) throw error;
        io.exitCode = 1;
        const help = error instanceof StoreProblem ? `\n  ${error.help}` : '';
        io.stderr.write(`error: ${error.message}${help}\n`);
      }
    });
}

async function runExport(io: CommandIo, { config, only }: Options): Promise<void> {
  const file = resolve(config);
  const ofFile = only === 'store' ? undefined : await readFileObjects(io, file);
  const location =
    only === 'file'
      ? undefined
      : await readStore({ file }, { env: io.env, strict: true, clock: systemClock, readStore: io.readStore });
  if (location === undefined && only === 'store') throw new UsageError(`${config} names no store (gateway.store.url)`);
  if (ofFile !== undefined) io.stdout.write(yamlOf(`of ${config}; private keys are left out`, ofFile));
  if (location === undefined) return;
  await using store = await openStore(location, { access: 'read', clock: systemClock, as: 'command' });
  const text = await exportStored(store);
  if (ofFile !== undefined) io.stdout.write('---\n');
  io.stdout.write(text);
}

/** Of the main file alone, as they are written there. */
async function readFileObjects(io: CommandIo, file: string): Promise<ExportedLists> {
  const problems = new ProblemList();
  const text = await readRegularFile(file, yamlLimits.fileBytes).then(
    (bytes) => bytes.toString('utf8'),
    () => {
      throw new UsageError('the configuration file cannot be read');
    },
  );
  // No variable is put in: what it holds is nobody's to export.
  const tree = parseYamlTree(file, text, {}, problems);
  const errors = problems.sorted([file]);
  if (tree === undefined && errors.length > 0) {
    await printProblems(errors, io.stderr);
    throw new UsageError('the configuration file is not YAML, see the errors above');
  }
  const root = new Cursor(tree, { file, line: 1, col: 1 });
  return new Map(
    storedKinds.map((kind) => {
      const list = root.down(...storedList(kind).path).tree;
      const items = list?.kind === 'list' ? list.items : [];
      const shown = items.map((item) => ({
        value: plainOf(item, ''),
        at: `${basename(item.place.file)}:${item.place.line}`,
      }));
      return [kind, shown];
    }),
  );
}

const leftOut = 'LEFT OUT';
const keyNames: ReadonlySet<string> = new Set(['key', 'clientKey', 'keys']);

function plainOf(node: TreeNode, name: string): unknown {
  if (node.kind === 'list') return node.items.map((item) => plainOf(item, name));
  if (node.kind === 'map')
    return Object.fromEntries([...node.entries].map(([key, { value }]) => [key, plainOf(value, key)]));
  const text = node.source ?? node.text;
  if (text.includes('PRIVATE KEY')) return leftOut;
  // Where a key is due, only what is clearly a path is shown.
  if (keyNames.has(name) && (looksSecret(text) || !/[./$]/.test(text) || text.includes('\n'))) return leftOut;
  return node.isNull && node.source === undefined ? null : text;
}
