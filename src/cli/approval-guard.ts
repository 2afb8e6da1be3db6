// What `run` has to do with approved files: what is required of them from outside the file, and looking whether something was approved.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Option } from 'commander';
import { systemClock } from '../base/clock.ts';
import { NoApproval } from '../drift/approval-list.ts';
import { FileGuard } from '../drift/file-guard.ts';
import { type Anchor, parsePublicKey, type StoredList } from '../drift/trusted-list.ts';
import type { StoreLocation } from '../config/store-location.ts';
import type { ApprovedCopy } from '../drift/approved-copy.ts';
import type { ConfigSource } from '../loading/config-source.ts';
import type { LoadedResult } from '../loading/load.ts';
import type { SourceToRun } from '../loading/open-source.ts';
import type { StoreSource } from '../loading/store-source.ts';
import type { Primary } from '../process/primary.ts';
import { gatewayNameOf } from './gateway-name.ts';

export function requireApprovalOption(): Option {
  return new Option(
    '--require-approval <by>',
    'take no files that are not approved, whatever they say themselves; BY: root (the list belongs to root) or the file with the public key that it is signed by',
  ).env('COUNTERSIGN_REQUIRE_APPROVAL');
}

export type Guard = {
  readonly files: FileGuard;
  /** What was approved before; undefined where no copy is kept. */
  readonly copy: ApprovedCopy | undefined;
};

/** Undefined where what is required cannot be had, which is told. */
export async function openGuard(
  file: string,
  required: string | undefined,
  { store, location }: Pick<SourceToRun, 'store' | 'location'>,
): Promise<Guard | undefined> {
  const mainFile = resolve(file);
  try {
    const copy = store && location && (await openCopy(store, location));
    const files = new FileGuard({
      mainFile,
      required: required === undefined ? undefined : anchorOf(required, mainFile),
      stored: store && location && (await storedList(store, location)),
      // What cannot be kept is missed at a start with other files only: the disk has alarms of its own.
      keep: copy && ((digests) => void copy.keep(digests).catch(() => {})),
    });
    return { files, copy };
  } catch (error) {
    if (!(error instanceof NoApproval)) throw error;
    process.stderr.write(`error: --require-approval: ${error.message}\n  ${error.help}\n`);
    process.exitCode = 1;
    return undefined;
  }
}

function anchorOf(required: string, mainFile: string): Anchor {
  const list = `${mainFile}.approved`;
  if (required === 'root') return { kind: 'root', list };
  let pem: string;
  try {
    pem = readFileSync(required, 'utf8');
  } catch {
    throw new NoApproval(
      'it is neither root nor a file that can be read',
      'Name the file with the public key, or root.',
    );
  }
  return { kind: 'key', key: parsePublicKey(pem, required), list };
}

async function openCopy(store: StoreSource, location: StoreLocation): Promise<ApprovedCopy> {
  const { ApprovedCopy: Copy } = await import('../drift/approved-copy.ts');
  const gateway = gatewayNameOf(location);
  return new Copy(`${location.path}.${gateway}.approved-files`, gateway, () => store.opener());
}

/** What was approved before, where the files on the disk are refused; undefined where there is none that is approved still. */
export async function loadCopy(
  { files, copy }: Guard,
  source: ConfigSource,
  load: (source: ConfigSource) => Promise<LoadedResult>,
): Promise<LoadedResult | undefined> {
  if (!files.isRefusing || copy === undefined) return undefined;
  try {
    const held = copy.read();
    if (held === undefined) return undefined;
    const { sourceOfCopy } = await import('../drift/approved-copy.ts');
    const result = await load(sourceOfCopy(held, source));
    const stood = await files.standIn({ ...result, digests: [...held.digests, ...result.digests] });
    return stood.loaded === undefined ? undefined : stood;
  } catch (error) {
    process.stderr.write(`error: the files that were approved last cannot be used: ${String(error)}\n`);
    return undefined;
  }
}

/** What was read last stays while the store cannot be asked, over a start too: sealed, as who can write there is not who approves. */
async function storedList(store: StoreSource, location: StoreLocation): Promise<StoredList> {
  const { KeptApproval, readApproval } = await import('../drift/stored-approval.ts');
  const gateway = gatewayNameOf(location);
  const kept = new KeptApproval(`${location.path}.${gateway}.approved`, gateway);
  let last: string | undefined;
  return async () => {
    const answer = await store.ask(async ({ audit }, opener) => {
      const list = opener && (await readApproval(audit, opener, gateway));
      if (list !== undefined && opener !== undefined && list !== last) kept.write(list, opener);
      return { list };
    });
    last = answer === undefined ? (last ?? kept.read(store.opener())) : answer.list;
    return last;
  };
}

/** While the gateway runs: what is approved is taken, and what loses its approval is told. */
export function followApprovals(guard: FileGuard, primary: Primary): void {
  systemClock.after(primary.config.drift.everyMs, () => {
    void look(guard, primary).finally(() => followApprovals(guard, primary));
  });
}

async function look(guard: FileGuard, primary: Primary): Promise<void> {
  if (await guard.recheck()) await primary.reload('its files were approved');
}
