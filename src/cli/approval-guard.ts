// What `run` has to do with approved files: what is required of them from outside the file, and looking whether something was approved.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Option } from 'commander';
import { systemClock } from '../base/clock.ts';
import { NoApproval } from '../drift/approval-list.ts';
import { FileGuard } from '../drift/file-guard.ts';
import { readApproval } from '../drift/stored-approval.ts';
import { type Anchor, parsePublicKey, type StoredList } from '../drift/trusted-list.ts';
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

/** Undefined where what is required cannot be had, which is told. */
export function openGuard(
  file: string,
  required: string | undefined,
  { store, location }: Pick<SourceToRun, 'store' | 'location'>,
): FileGuard | undefined {
  const mainFile = resolve(file);
  try {
    return new FileGuard({
      mainFile,
      required: required === undefined ? undefined : anchorOf(required, mainFile),
      stored: store && storedList(store, gatewayNameOf(location)),
    });
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

/** What was read last stays while the store cannot be asked. */
function storedList(store: StoreSource, gateway: string): StoredList {
  let last: string | undefined;
  return async () => {
    const answer = await store.ask(async ({ audit }, opener) => ({
      list: opener && (await readApproval(audit, opener, gateway)),
    }));
    if (answer !== undefined) last = answer.list;
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
