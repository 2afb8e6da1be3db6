// Lists in pages. Cursors are opaque, and belong to the list that gave them.
import { z } from 'zod';
import { defaultPageSize, maxPageSize } from '../store/limits.ts';
import type { Page } from '../store/page.ts';
import { ApiProblem } from './api-problem.ts';

export const pageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(maxPageSize).default(defaultPageSize).describe('Items of one page.'),
  cursor: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,1000}$/)
    .optional()
    .describe('`next` of the page before.'),
});
export type PageQuery = z.output<typeof pageQuery>;

export function pageOf<T extends z.ZodType>(item: T) {
  return z.strictObject({ items: z.array(item), next: z.string().nullable().describe('Null on the last page.') });
}

/** What the store calls a cursor, of one that we gave. Throws `bad_cursor`. */
export function openCursor(list: string, cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  const text = Buffer.from(cursor, 'base64url').toString();
  if (!text.startsWith(`${list}:`)) throw new ApiProblem('bad_cursor', 'Send a cursor as `next` of this list gave it.');
  return text.slice(list.length + 1);
}

export function showPage<T, U>(list: string, page: Page<T>, show: (item: T) => U): { items: U[]; next: string | null } {
  const next = page.next === undefined ? null : Buffer.from(`${list}:${page.next}`).toString('base64url');
  return { items: page.items.map((item) => show(item)), next };
}

/** Of a list that is all there, in its order; the cursor is the id after which it goes on. */
export function cutPage<T extends { readonly id: string }>(
  list: string,
  items: readonly T[],
  query: PageQuery,
): Page<T> {
  const after = openCursor(list, query.cursor);
  const start = after === undefined ? 0 : items.findIndex(({ id }) => id === after) + 1;
  if (after !== undefined && start === 0)
    throw new ApiProblem('bad_cursor', 'What the cursor stood at is gone: begin the list anew.');
  const part = items.slice(start, start + query.limit);
  const last = part.at(-1);
  return start + query.limit < items.length && last !== undefined ? { items: part, next: last.id } : { items: part };
}
