// Lists in pages. A cursor belongs to the list that gave it; whoever asks passes it back and does not look inside.
import { defaultPageSize, maxPageSize } from './limits.ts';
import { StoreProblem } from './store-problem.ts';

export type PageRequest = {
  readonly cursor?: string | undefined;
  /** Default 100, at most 1,000. */
  readonly limit?: number | undefined;
};

export type Page<T> = {
  readonly items: readonly T[];
  /** For the page after this one; absent on the last. */
  readonly next?: string;
};

export function pageSize({ limit }: PageRequest): number {
  return Math.max(1, Math.min(Math.trunc(limit ?? defaultPageSize), maxPageSize));
}

/** Of rows that were asked for with one more than the page holds: the page. `cursorOf` gets its last item. */
export function toPage<T>(rows: readonly T[], size: number, cursorOf: (last: T) => string): Page<T> {
  const items = rows.slice(0, size);
  const last = items.at(-1);
  return rows.length > size && last !== undefined ? { items, next: cursorOf(last) } : { items };
}

/** The number in a cursor, `otherwise` where there is none; throws `invalid` for what no list gave. */
export function numberOfCursor(cursor: string | undefined, otherwise: number): number {
  if (cursor === undefined) return otherwise;
  if (!/^[0-9]{1,15}$/.test(cursor)) throw new StoreProblem('invalid', 'the cursor is not one of this list');
  return Number(cursor);
}
