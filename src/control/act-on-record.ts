// Writes shared records for the primary, which only reads. What is in them it made, sealed and authenticated where that counts.
import type { SharedRecords } from '../store/records.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { RecordAct, RecordOutcome } from '../sharing/shared-store.ts';

/** Never rejects for what is wrong with the store. */
export async function actOnRecord(
  records: Pick<SharedRecords, 'put' | 'remove'>,
  act: RecordAct,
): Promise<RecordOutcome> {
  try {
    if (act.act === 'put') return { put: await records.put(act.record) };
    return { removed: await records.remove(act.kind, act.key, act.version) };
  } catch (error) {
    if (!(error instanceof StoreProblem)) throw error;
    return { problem: error.code, detail: error.message };
  }
}
