// `countersign store`: looks after a store, in a file or in a database.
import { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { safeJson } from '../base/safe-json.ts';
import { showPath } from '../base/secret-text.ts';
import { copyIntoDatabase, openExistingStore, openStore } from '../loading/open-store.ts';
import { readOpener } from '../loading/read-opener.ts';
import { openingKeyPath, openOpener, readOpeningKeys, writeOpeningKeys } from '../store/opening-key.ts';
import { rotateSealKey } from '../store/rotate-seal-key.ts';
import { Opener } from '../store/seal.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { CommandIo } from './command-io.ts';
import { findStore } from './find-store.ts';

export function storeCommand(io: CommandIo = process): Command {
  const verify = new Command('verify')
    .description('say whether revisions, audit log, accounts and sealed keys are what they say; changes nothing')
    .argument('<store>', aboutStore)
    .option('--key <file>', 'the file with the opening key (default: that of the store, where it is there)')
    .option('--json', 'as JSON on standard output')
    .action((file: string, options: VerifyOptions) => tell(io, () => runVerify(io, file, options)));
  const backup = new Command('backup')
    .description('copy the store as of now while it is in use; the opening key is not in the copy')
    .argument('<store>', aboutStore)
    .argument('<to>', 'the copy, which must not be there yet: the file of a store, of a database as well')
    .action((file: string, to: string) => tell(io, () => runBackup(io, file, to)));
  const restore = new Command('restore')
    .description('put the file of a store, or a backup, into a database that holds none')
    .argument('<file>', 'the file of the store')
    .argument('<to>', 'URL of the database, or the configuration file that names it')
    .action((file: string, to: string) => tell(io, () => runRestore(io, file, to)));
  const rotate = new Command('rotate-key')
    .description('seal every key anew with a new opening key, and end the old one; what was interrupted is finished')
    .argument('<store>', aboutStore)
    .option('--key <file>', 'the file with the opening key (default: that of the store)')
    .action((file: string, options: RotateOptions) => tell(io, () => runRotate(io, file, options)));
  return new Command('store').addCommand(verify).addCommand(backup).addCommand(restore).addCommand(rotate);
}

const aboutStore = 'the file of the store, the URL of a database, or the configuration file (.yml) that names it';
const opening = { clock: systemClock, as: 'command' } as const;

type RotateOptions = { readonly key?: string };
type VerifyOptions = { readonly key?: string; readonly json?: true };

async function runVerify(io: CommandIo, file: string, { key, json }: VerifyOptions): Promise<void> {
  const location = await findStore(io, file);
  const opener = readOpener(key === undefined ? location : { ...location, sealKey: { path: key } });
  if (opener === undefined && key !== undefined) throw new StoreProblem('not_found', `${showPath(key)} does not exist`);
  await using store = await openStore(location, { ...opening, access: 'read' });
  const findings = await store.verify(opener);
  if (findings.length > 0) io.exitCode = 1;
  const opened = opener !== undefined;
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
  await using store = await openStore(await findStore(io, file), { ...opening, access: 'read' });
  await store.backup(to);
  await using copy = await openStore({ path: to }, { ...opening, access: 'read' });
  const { number, digest } = await copy.revisions.head();
  io.stdout.write(`${showPath(to)}: revision ${number} ${digest}\n`);
}

async function runRestore(io: CommandIo, file: string, to: string): Promise<void> {
  const target = await findStore(io, to);
  if (target.postgres === undefined)
    throw new StoreProblem(
      'invalid',
      'a backup is put into the place of a file by moving it there; this is for databases',
    );
  // What is damaged or altered is not carried on.
  await using source = await openStore({ path: file }, { ...opening, access: 'read' });
  const [finding] = await source.verify();
  if (finding !== undefined) throw new StoreProblem('altered', `${finding.where}: ${finding.detail}`);
  await copyIntoDatabase(file, target.postgres, systemClock);
  await using store = await openStore(target, { ...opening, access: 'read' });
  const { number, digest } = await store.revisions.head();
  io.stdout.write(`revision ${number} ${digest}\nok; every gateway needs the opening key of ${showPath(file)}\n`);
}

async function runRotate(io: CommandIo, file: string, { key: given }: RotateOptions): Promise<void> {
  const location = await findStore(io, file);
  const { sealKey } = location;
  const named = sealKey !== undefined && 'path' in sealKey ? sealKey.path : undefined;
  if (given === undefined && named === undefined && sealKey !== undefined)
    throw new StoreProblem('invalid', 'the opening key comes from the environment: give it as a file (--key)');
  const key = given ?? named ?? openingKeyPath(location.path);
  const keys = readOpeningKeys(key);
  if (keys === undefined) throw new StoreProblem('seal_key_missing', `${showPath(key)} does not exist`);
  await using store = await openExistingStore(location, opening);
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
