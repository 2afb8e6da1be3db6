// What `--against` names: the clients that one gateway saw (its admin URL, its file), or, as `store`, those of all gateways on the store
// that the configuration names. Who asks a gateway loads nothing of a store.
import { systemClock } from '../base/clock.ts';
import { UsageError } from '../base/usage-error.ts';
import { loadRecord } from '../inventory/load-record.ts';
import type { MergedRecord } from '../inventory/merge-records.ts';
import type { TrustRecordContents } from '../inventory/record-format.ts';
import type { CommandIo } from './command-io.ts';

/** A file of this name is `./store`. */
const storeWord = 'store';

export type RecordAgainst = {
  readonly contents: TrustRecordContents;
  /** Undefined where it is of one gateway. */
  readonly merged: MergedRecord | undefined;
  /** Sealed records that are not what they say: whoever they named is missing. */
  readonly refused: number;
};

export function isStore(against: string | undefined): boolean {
  return against === storeWord;
}

/** Throws an Error whose message says all. What is left out is told on standard error. */
export async function recordAgainst(
  io: Pick<CommandIo, 'env' | 'stderr' | 'readStore'>,
  against: string,
  config: string | undefined,
): Promise<RecordAgainst> {
  if (!isStore(against)) return { contents: await loadRecord(against), merged: undefined, refused: 0 };
  if (config === undefined) throw new UsageError('--against store: name the configuration (--config), which names it');
  const { describeTrouble } = await import('./store-trouble.ts');
  try {
    return await readOfStore(io, config);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new Error(`--against store: ${describeTrouble(error)}`, { cause: error });
  }
}

async function readOfStore(
  io: Pick<CommandIo, 'env' | 'stderr' | 'readStore'>,
  config: string,
): Promise<RecordAgainst> {
  const [{ findStoreOf }, { openStore }, { readOpener }, { checkOpener }, { StoreProblem }, { readClientsOfAll }] =
    await Promise.all([
      import('./open-store.ts'),
      import('../loading/open-store.ts'),
      import('../loading/read-opener.ts'),
      import('../store/opening-key.ts'),
      import('../store/store-problem.ts'),
      import('../sharing/shared-clients.ts'),
    ]);
  const location = await findStoreOf(io, config);
  const opener = readOpener(location);
  if (opener === undefined)
    throw new StoreProblem('seal_key_missing', 'the opening key is not there, and what gateways saw is sealed with it');
  await using store = await openStore(location, { clock: systemClock, as: 'command', access: 'read' });
  checkOpener(await store.sealed.keys(), opener);
  const { record, refused, unread } = await readClientsOfAll(store.records, opener);
  if (refused > 0)
    io.stderr.write(
      `warning: ${records(refused)} of the store refused: somebody without the opening key wrote there, and clients are missing here\n`,
    );
  if (unread > 0)
    io.stderr.write(
      `warning: ${records(unread)} of the store left out: of another opening key (one of before, perhaps) or another version\n`,
    );
  if (record === undefined)
    throw new UsageError('no gateway has put the clients that it saw there: none keeps a record (gateway.trustRecord)');
  return { contents: record.contents, merged: record, refused };
}

function records(count: number): string {
  return count === 1 ? '1 record' : `${count} records`;
}
