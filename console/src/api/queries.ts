// What screens read and do, over TanStack Query: `useRead` and `useReadAll` for what is shown, `useAct` for what changes something.
// Names of the data are the operations of the API.
import { QueryClient, useMutation, useQuery, useQueryClient, type UseQueryResult } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { type Asked, type Answer, call, type Item, type OperationId, type Reply } from './client.ts';
import { Problem } from './problem.ts';

/** How old something may be before it is asked for again when it is shown. */
const staleMs = 5_000;

export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: staleMs,
        refetchOnWindowFocus: true,
        // A refusal stays one; what did not answer is asked twice more, and then every few seconds until it does.
        retry: (count, error) => count < 2 && isPassing(error),
        refetchInterval: askEvery(undefined),
      },
      mutations: { retry: false },
    },
  });
}

/** Until something that did not answer is asked again, while the page can be seen. */
const againMs = 3_000;

function isPassing(error: Error | null): boolean {
  return error instanceof Problem && error.isPassing;
}

type Failing = { readonly state: { readonly error: Error | null } };

function askEvery(everyMs: number | undefined): (query: Failing) => number | false {
  return ({ state: { error } }) => (isPassing(error) ? Math.min(againMs, everyMs ?? againMs) : (everyMs ?? false));
}

export type ReadOptions = {
  /** Asked for again every so often, while the page can be seen. */
  readonly everyMs?: number;
  readonly enabled?: boolean;
};

export type ReadResult<T> = UseQueryResult<T>;

/**
 * Why there is nothing to show; null: it is there, or nothing is known against it. It lasts while it is asked again, when the query
 * itself has forgotten.
 */
export function useTrouble({
  data,
  error,
  failureReason,
}: Pick<UseQueryResult, 'data' | 'error' | 'failureReason'>): Error | null {
  const [last, setLast] = useState<Error | null>(null);
  const trouble = data === undefined ? (error ?? failureReason ?? last) : null;
  if (trouble !== last) setLast(trouble);
  return trouble;
}

/** One thing and its ETag. */
export function useRead<I extends OperationId>(
  id: I,
  asked: Asked<I>,
  { everyMs, enabled = true }: ReadOptions = {},
): ReadResult<Reply<Answer<I>>> {
  return useQuery({
    queryKey: [id, asked],
    queryFn: async ({ signal }) => call(id, { ...asked, signal }),
    refetchInterval: askEvery(everyMs),
    enabled,
  });
}

type Paged = { readonly items: readonly unknown[]; readonly next: string | null };
type ListId = { [I in OperationId]: Answer<I> extends Paged ? I : never }[OperationId];

/** How many items a screen takes at most; beyond, it says so and filters on the server. */
export const maxItems = 1000;

export type All<T> = { readonly items: readonly T[]; readonly more: boolean };

/** A list, all pages of it up to `maxItems`. */
export function useReadAll<I extends ListId>(
  id: I,
  query: Filters<I> = {} as Filters<I>,
  { everyMs, enabled = true }: ReadOptions = {},
): ReadResult<All<Item<I>>> {
  return useQuery({
    queryKey: [id, 'all', query],
    queryFn: async ({ signal }) => readAll(id, query, signal),
    refetchInterval: askEvery(everyMs),
    enabled,
  });
}

type Filters<I extends OperationId> = Omit<NonNullable<Asked<I>['query']>, 'limit' | 'cursor'>;

async function readAll<I extends ListId>(id: I, query: object, signal: AbortSignal): Promise<All<Item<I>>> {
  const items: Item<I>[] = [];
  for (let cursor: string | undefined; ; ) {
    const asked = { query: { ...query, ...(cursor !== undefined && { cursor }) }, signal } as unknown as Asked<I>;
    const { body } = await call(id, asked);
    const page = body as unknown as { readonly items: readonly Item<I>[]; readonly next: string | null };
    items.push(...page.items);
    if (page.next === null || page.next === undefined) return { items, more: false };
    if (items.length >= maxItems) return { items, more: true };
    cursor = page.next;
  }
}

export type ActOptions<I extends OperationId> = {
  /** Operations whose data is old then; default: all data. */
  readonly outdates?: readonly OperationId[];
  readonly onDone?: (reply: Reply<Answer<I>>) => void;
};

export type Acting<I extends OperationId> = {
  /** Resolves with the reply; undefined where it was refused, which `problem` says. */
  run(asked: Asked<I>): Promise<Reply<Answer<I>> | undefined>;
  readonly isRunning: boolean;
  readonly problem: Error | null;
  readonly reply: Reply<Answer<I>> | undefined;
  reset(): void;
};

/** A change or a question with POST. The same content sent again after a failure has the same Idempotency-Key. */
export function useAct<I extends OperationId>(id: I, { outdates, onDone }: ActOptions<I> = {}): Acting<I> {
  const client = useQueryClient();
  const intent = useRef<{ readonly content: string; readonly key: string }>(undefined);
  const mutation = useMutation({
    mutationFn: async (asked: Asked<I>) => {
      const content = JSON.stringify([asked.params, asked.query, asked.body]);
      if (intent.current?.content !== content) intent.current = { content, key: crypto.randomUUID() };
      const reply = await call(id, { ...asked, idempotencyKey: intent.current.key });
      intent.current = undefined;
      return reply;
    },
    onSuccess: async () => {
      const isOld = ({ queryKey }: { readonly queryKey: readonly unknown[] }): boolean =>
        outdates === undefined || outdates.includes(queryKey[0] as OperationId);
      await client.invalidateQueries({ predicate: isOld });
    },
  });
  return {
    run: async (asked) => {
      try {
        const reply = await mutation.mutateAsync(asked);
        onDone?.(reply);
        return reply;
      } catch {
        return undefined;
      }
    },
    isRunning: mutation.isPending,
    problem: mutation.error,
    reply: mutation.data,
    reset: mutation.reset,
  };
}
