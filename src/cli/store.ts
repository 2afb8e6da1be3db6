// `countersign store`: looks after the file of a store.
import { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { safeJson } from '../base/safe-json.ts';
import { showPath } from '../base/secret-text.ts';
import { openSqliteStore } from '../sqlite/sqlite-store.ts';
import { openingKeyPath, openOpener, readOpeningKeys, writeOpeningKeys } from '../store/opening-key.ts';
import { rotateSealKey } from '../store/rotate-seal-key.ts';
import { Opener } from '../store/seal.ts';
import type { Store } from '../store/store.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { CommandIo } from './command-io.ts';

export function storeCommand(io: CommandIo = process): Command {
  const verify = new Command('verify')
    .description('say whether revisions, audit log, accounts and sealed keys are what they say; changes nothing')
    .argument('<file>', 'the file of the store')
    .option('--key <file>', 'the file with the opening key (default: FILE.key, where it is there)')
    .option('--json', 'as JSON on standard output')
    .action((file: string, options: VerifyOptions) => tell(io, () => runVerify(io, file, options)));
  const backup = new Command('backup')
    .description('copy the store as of now while it is in use; the opening key is not in the copy')
    .argument('<file>', 'the file of the store')
    .argument('<to>', 'the copy, which must not be there yet')
    .action((file: string, to: string) => tell(io, () => runBackup(io, file, to)));
  const rotate = new Command('rotate-key')
    .description('seal every key anew with a new opening key, and end the old one; what was interrupted is finished')
    .argument('<file>', 'the file of the store')
    .option('--key <file>', 'the file with the opening key (default: FILE.key)')
    .action((file: string, options: RotateOptions) => tell(io, () => runRotate(io, file, options)));
  return new Command('store').addCommand(verify).addCommand(backup).addCommand(rotate);
}

type RotateOptions = { readonly key?: string };
type VerifyOptions = { readonly key?: string; readonly json?: true };

async function runVerify(io: CommandIo, file: string, { key, json }: VerifyOptions): Promise<void> {
  const keys = readOpeningKeys(key ?? openingKeyPath(file));
  if (keys === undefined && key !== undefined) throw new StoreProblem('not_found', `${showPath(key)} does not exist`);
  await using store = await openSqliteStore({ path: file, access: 'read', clock: systemClock });
  const findings = await store.verify(keys && new Opener(keys));
  if (findings.length > 0) io.exitCode = 1;
  const opened = keys !== undefined;
  const found =
    findings.length > 0 ? undefined : { revision: await store.revisions.head(), audit: await store.audit.head() };
  if (json === true) {
    io.stdout.write(`${safeJson({ findings, keysOpened: opened, ...found }, 2)}\n`);
    return;
  }
  for (const { code, where, detail } of findings) io.stdout.write(`${code}: ${safeText(where)}: ${safeText(detail)}\n`);
  if (found === undefined) {
    io.stdout.write(
      `${findings.length} found: do not load this store; put a backup in its place and compare the two\n`,
    );
    return;
  }
  const { revision, audit } = found;
  io.stdout.write(`revision ${revision.number} ${revision.digest}\naudit entry ${audit.seq} ${audit.hash}\n`);
  io.stdout.write(opened ? 'ok\n' : 'ok, without the sealed keys: the opening key is not there\n');
}

async function runBackup(io: CommandIo, file: string, to: string): Promise<void> {
  await using store = await openSqliteStore({ path: file, access: 'read', clock: systemClock });
  await store.backup(to);
  await using copy = await openSqliteStore({ path: to, access: 'read', clock: systemClock });
  const { number, digest } = await copy.revisions.head();
  io.stdout.write(`${showPath(to)}: revision ${number} ${digest}\n`);
}

async function runRotate(io: CommandIo, file: string, { key = openingKeyPath(file) }: RotateOptions): Promise<void> {
  const keys = readOpeningKeys(key);
  if (keys === undefined) throw new StoreProblem('seal_key_missing', `${showPath(key)} does not exist`);
  await using store = await openExisting(file);
  const keep = (all: typeof keys): void => writeOpeningKeys(key, all, false);
  const act = { actor: 'system', reason: 'countersign store rotate-key' };
  // Fails where the keys are not those of the store, before anything is changed.
  await openOpener(store.sealed, keys, keep, act);
  const left = await rotateSealKey(store.sealed, keys, keep, act);
  const [current] = new Opener(left).publicParts();
  io.stdout.write(
    `every key is sealed with ${current?.id} now; keep a copy of ${showPath(key)}, the old one opens nothing\n`,
  );
}

/** To write to, and never a new one. */
async function openExisting(file: string): Promise<Store> {
  await (await openSqliteStore({ path: file, access: 'read', clock: systemClock })).close();
  return openSqliteStore({ path: file, access: 'write', clock: systemClock });
}

async function tell(io: CommandIo, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof StoreProblem)) throw error;
    io.exitCode = 1;
    io.stderr.write(`${error.code}: ${error.message}\n  ${error.help}\n`);
  }
}

/** Names in a store that somebody else wrote to are not to reach a terminal as they are. */
function safeText(text: string): string {
  return safeJson(text).slice(1, -1);
}
