// What a screen shows is in its URL: a filter, an order, which part is open. Text, '' where it is not there.
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback } from 'react';

export function useUrlState(name: string, fallback = ''): [value: string, set: (value: string) => void] {
  const search = useSearch({ strict: false }) as Readonly<Record<string, string | undefined>>;
  const navigate = useNavigate();
  const set = useCallback(
    (value: string) => {
      const next = (before: Readonly<Record<string, string>>): Record<string, string> => {
        const { [name]: _, ...rest } = before;
        return value === fallback ? rest : { ...rest, [name]: value };
      };
      // Typing in a filter is no step to go back to.
      void navigate({ to: '.', search: next as never, replace: true, resetScroll: false });
    },
    [navigate, name, fallback],
  );
  return [search[name] ?? fallback, set];
}
