// The list of approved files in the audit log of the store, sealed with the opening key: who can write to the database and does not
// hold that key can neither approve anything nor learn what files are like. In pieces, since an entry is bounded.
import { randomUUID } from 'node:crypto';
import type { AuditEntry, AuditLog } from '../store/audit.ts';
import { readRegularFileSync } from '../base/read-regular-file.ts';
import { maxPageSize } from '../store/limits.ts';
import type { Act } from '../store/names.ts';
import { checkPrivateFile, replacePrivateFile } from '../store/private-file.ts';
import type { Opener } from '../store/seal.ts';
import { maxListBytes, NoApproval } from './approval-list.ts';

export const approveAction = 'config.approve';

/** In base64 two thirds of what the detail of an entry may have. */
const partBytes = 8 * 1024;
/** Sealing adds some hundred bytes. */
const maxKeptBytes = maxListBytes + 4096;

/** What its entries are about. */
export function approvalSubject(gateway: string): string {
  return `approval/${gateway}`;
}

/** What is sealed for one gateway is nobody else's approval. */
function purposeFor(gateway: string): string {
  return `approved files of ${gateway}`;
}

type Part = { readonly list: string; readonly part: number; readonly of: number; readonly sealed: string };

/** Rejects with a StoreProblem. */
export async function recordApproval(
  audit: Pick<AuditLog, 'note'>,
  opener: Opener,
  gateway: string,
  text: string,
  act: Act,
): Promise<void> {
  const sealed = opener.sealOwn(purposeFor(gateway), Buffer.from(text));
  const list = randomUUID();
  const of = Math.ceil(sealed.length / partBytes);
  if (of > maxPageSize)
    throw new NoApproval('there are too many files for a list in the store', 'Sign the list instead.');
  for (let part = 1; part <= of; part++) {
    const piece = sealed.subarray((part - 1) * partBytes, part * partBytes).toString('base64');
    const detail = { list, part, of, sealed: piece };
    await audit.note({ ...act, action: approveAction, subject: approvalSubject(gateway), detail });
  }
}

/** The newest; undefined where there is none. Rejects with NoApproval where it is not what was recorded, or with a StoreProblem. */
export async function readApproval(
  audit: Pick<AuditLog, 'list'>,
  opener: Opener,
  gateway: string,
): Promise<string | undefined> {
  const subject = approvalSubject(gateway);
  const [newest] = (await audit.list({ subject, limit: 1 })).items;
  if (newest === undefined) return undefined;
  const { list, of } = partOf(newest);
  const parts = (await audit.list({ subject, limit: of })).items.map(partOf).toReversed();
  if (parts.some((one, at) => one.list !== list || one.part !== at + 1) || parts.length !== of)
    throw new NoApproval('the newest approval in the store is not complete', 'Run `countersign approve` again.');
  try {
    const sealed = Buffer.concat(parts.map((one) => Buffer.from(one.sealed, 'base64')));
    return opener.openOwn(purposeFor(gateway), sealed).toString('utf8');
  } catch {
    throw altered;
  }
}

const altered = new NoApproval(
  'the newest approval in the store was not made with the opening key of this gateway',
  'Run `countersign store verify`, and `countersign approve` where the opening key is.',
);

function partOf({ action, detail }: AuditEntry): Part {
  const { list, part, of, sealed } = (detail ?? {}) as Partial<Part>;
  const isPart =
    action === approveAction &&
    typeof list === 'string' &&
    typeof sealed === 'string' &&
    Number.isSafeInteger(part) &&
    Number.isSafeInteger(of) &&
    (of ?? 0) >= 1 &&
    (of ?? 0) <= maxPageSize;
  if (!isPart) throw altered;
  return { list, part: part ?? 0, of: of ?? 0, sealed };
}

/** The newest one on the gateway's own disk, for a start without the store. */
export class KeptApproval {
  readonly #path: string;
  readonly #purpose: string;

  constructor(path: string, gateway: string) {
    this.#path = path;
    this.#purpose = purposeFor(gateway);
  }

  /** What cannot be kept is missed at a start without the store only: the disk has alarms of its own. */
  write(list: string, opener: Opener): void {
    try {
      if (this.read(opener) === list) return;
      replacePrivateFile(this.#path, opener.sealOwn(this.#purpose, Buffer.from(list)));
    } catch {
      // As above.
    }
  }

  /** Undefined where there is none. Throws NoApproval where it is not what was kept. */
  read(opener: Opener | undefined): string | undefined {
    let sealed: Buffer;
    try {
      if (!checkPrivateFile(this.#path, 'path_refused')) return undefined;
      sealed = readRegularFileSync(this.#path, maxKeptBytes);
      if (opener === undefined) throw new Error('there is no opening key');
      return opener.openOwn(this.#purpose, sealed).toString('utf8');
    } catch (error) {
      throw new NoApproval(
        `the store cannot be asked, and the approval that was kept for that cannot be used: ${error instanceof Error ? error.message : String(error)}`,
        'Bring the store back, or approve in a file.',
      );
    }
  }
}
