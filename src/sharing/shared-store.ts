// The shared records of a store as the primary has them: read over its own connection, written by `control`, which alone writes.
// Each call ends in time; where the store or `control` is away it rejects, and who asked goes on alone.
import type { Clock } from '../base/clock.ts';
import type { Page, PageRequest } from '../store/page.ts';
import type { RecordKind, RecordPut, RecordToPut, SharedRecord, SharedRecords } from '../store/records.ts';
import { StoreProblem, type StoreProblemCode } from '../store/store-problem.ts';

/** What `control` is asked to do. */
export type RecordAct =
  | { readonly act: 'put'; readonly record: RecordToPut }
  | { readonly act: 'remove'; readonly kind: RecordKind; readonly key: string; readonly version: number | undefined };

export type RecordOutcome =
  | { readonly put: RecordPut }
  | { readonly removed: boolean }
  | { readonly problem: StoreProblemCode; readonly detail: string };

export type RecordWriter = { writeRecord(id: number, act: RecordAct): void };

const readMs = 2_000;
const writeMs = 5_000;
const maxOpen = 256;
const pageSize = 50;
/** Pages of one kind: more is not read. */
const maxPages = 400;

export class SharedStore implements SharedRecords {
  readonly #clock: Pick<Clock, 'after'>;
  readonly #read: () => Pick<SharedRecords, 'find' | 'list'> | undefined;
  readonly #waiting = new Map<number, (outcome: RecordOutcome) => void>();
  readonly #onWriter: (() => void)[] = [];
  #writer: RecordWriter | undefined;
  #acts = 0;

  /** `read`: undefined where the store cannot be asked at the moment. */
  constructor(clock: Pick<Clock, 'after'>, read: () => Pick<SharedRecords, 'find' | 'list'> | undefined) {
    this.#clock = clock;
    this.#read = read;
  }

  get canWrite(): boolean {
    return this.#writer !== undefined;
  }

  /** Called each time when records can be written (again). Must not throw. */
  onWriter(act: () => void): void {
    this.#onWriter.push(act);
  }

  /** A `control` that has its store open; undefined: it is gone, and what was under way perhaps with it. */
  connect(writer: RecordWriter | undefined): void {
    this.#writer = writer;
    for (const settle of this.#waiting.values()) settle({ problem: 'closed', detail: 'the control process ended' });
    if (writer !== undefined) for (const act of this.#onWriter) act();
  }

  written(id: number, outcome: RecordOutcome): void {
    this.#waiting.get(id)?.(outcome);
  }

  async put(record: RecordToPut): Promise<RecordPut> {
    const outcome = await this.#ask({ act: 'put', record });
    if ('put' in outcome) return outcome.put;
    throw new StoreProblem('closed', 'the control process answered something else');
  }

  async remove(kind: RecordKind, key: string, version?: number): Promise<boolean> {
    const outcome = await this.#ask({ act: 'remove', kind, key, version });
    return 'removed' in outcome && outcome.removed;
  }

  async find(kind: RecordKind, key: string): Promise<SharedRecord | undefined> {
    return this.#inTime(async (records) => records.find(kind, key));
  }

  async list(kind: RecordKind, request?: PageRequest): Promise<Page<SharedRecord>> {
    return this.#inTime(async (records) => records.list(kind, request));
  }

  async #inTime<T>(act: (records: Pick<SharedRecords, 'find' | 'list'>) => Promise<T>): Promise<T> {
    const records = this.#read();
    if (records === undefined) throw new StoreProblem('closed', 'the store cannot be read at the moment');
    return new Promise<T>((resolve, reject) => {
      const cancel = this.#clock.after(readMs, () => reject(new StoreProblem('closed', 'the store does not answer')));
      void act(records).then(resolve, reject).finally(cancel);
    });
  }

  async #ask(act: RecordAct): Promise<Exclude<RecordOutcome, { readonly problem: unknown }>> {
    const writer = this.#writer;
    if (writer === undefined || this.#waiting.size >= maxOpen)
      throw new StoreProblem('closed', 'the store cannot be written to at the moment');
    const id = ++this.#acts;
    const outcome = await new Promise<RecordOutcome>((resolve) => {
      const cancel = this.#clock.after(writeMs, () => settle({ problem: 'closed', detail: 'it takes too long' }));
      const settle = (settled: RecordOutcome): void => {
        cancel();
        this.#waiting.delete(id);
        resolve(settled);
      };
      this.#waiting.set(id, settle);
      writer.writeRecord(id, act);
    });
    if ('problem' in outcome) throw new StoreProblem(outcome.problem, outcome.detail);
    return outcome;
  }
}

/** All of a kind. Rejects with a StoreProblem. */
export async function listAll(
  records: Pick<SharedRecords, 'list'>,
  kind: RecordKind,
): Promise<readonly SharedRecord[]> {
  const found: SharedRecord[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < maxPages; page++) {
    const { items, next } = await records.list(kind, { limit: pageSize, ...(cursor !== undefined && { cursor }) });
    found.push(...items);
    if (next === undefined) break;
    cursor = next;
  }
  return found;
}
