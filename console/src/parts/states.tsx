// The four states that are not the data, each told apart: it could not be loaded, there is nothing yet, nothing fits the filter, he
// may not see it. And while it is under way, nothing that jumps.
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { asProblem, type Problem } from '../api/problem.ts';
import { useTrouble } from '../api/queries.ts';
import { Action } from './button.tsx';
import css from './states.module.css';

export function Loading({ what = 'Loading' }: { readonly what?: string }) {
  return (
    <div className={css['state']} role="status">
      <p className={css['loading']}>{what} …</p>
    </div>
  );
}

export function FailedToLoad({
  problem,
  onRetry,
}: {
  readonly problem: Problem;
  readonly onRetry?: (() => void) | undefined;
}) {
  if (problem.status === 403) return <NotAllowed problem={problem} />;
  if (problem.isPassing)
    return (
      <div className={css['state']} role="status">
        <h2>Not there yet</h2>
        <p>{problem.message}</p>
        <p>This page asks again by itself, every few seconds.</p>
        <p className={css['code']}>{problem.code}</p>
      </div>
    );
  return (
    <div className={css['state']} role="alert">
      <h2>{problem.status === 404 ? 'It is not there' : 'Could not be loaded'}</h2>
      <p>{problem.message}</p>
      <p className={css['code']}>{problem.code}</p>
      {onRetry !== undefined && <Action onPress={onRetry}>Try again</Action>}
    </div>
  );
}

export function NotAllowed({ problem }: { readonly problem?: Problem }) {
  return (
    <div className={css['state']}>
      <h2>You may not see this</h2>
      <p>{problem?.message ?? 'Your role does not allow it.'} An administrator can change your role.</p>
    </div>
  );
}

/** Nothing is there yet: what it is for and how the first comes. */
export function Empty({
  title,
  children,
  actions,
}: {
  readonly title: string;
  readonly children?: ReactNode;
  readonly actions?: ReactNode;
}) {
  return (
    <div className={css['state']}>
      <h2>{title}</h2>
      {children !== undefined && <div className={css['words']}>{children}</div>}
      {actions !== undefined && <div className={css['actions']}>{actions}</div>}
    </div>
  );
}

/** There are some, and the filter shows none. */
export function NothingFits({
  count,
  what,
  onClear,
}: {
  readonly count: number;
  readonly what: string;
  readonly onClear: () => void;
}) {
  return (
    <div className={css['state']}>
      <h2>Nothing fits the filter</h2>
      <p>
        {count} {what} are there, and none of them fits.
      </p>
      <Action onPress={onClear}>Show all</Action>
    </div>
  );
}

export type LoadedProps<T> = {
  readonly query: UseQueryResult<T>;
  readonly what?: string;
  readonly children: (data: T) => ReactNode;
};

/** Shows what a query gave, or which of the other states it is in. What was there stays when a later attempt fails, and that is said. */
export function Loaded<T>({ query, what, children }: LoadedProps<T>) {
  const { data, error, refetch } = query;
  const trouble = useTrouble(query);
  const retry = (): void => void refetch();
  if (data === undefined) {
    if (trouble !== null) return <FailedToLoad problem={asProblem(trouble)} onRetry={retry} />;
    return <Loading {...(what !== undefined && { what })} />;
  }
  return (
    <>
      {error !== null && (
        <p className={css['old']} role="alert">
          This is what was there before; now: {asProblem(error).message}
        </p>
      )}
      {children(data)}
    </>
  );
}
