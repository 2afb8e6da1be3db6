// How many things of a screen need somebody, for the navigation.
import { useRead } from '../api/queries.ts';

export type Counts = { readonly overview: number; readonly certificates: number; readonly handshakes: number };

export function useCounts(): Counts {
  // The same question as that of the overview: it is asked once.
  const { data } = useRead('getOverview', {}, { everyMs: 15_000 });
  const needs = data?.body.needs ?? [];
  const count = (...kinds: readonly string[]): number => needs.filter(({ kind }) => kinds.includes(kind)).length;
  return { overview: needs.length, certificates: count('expiry'), handshakes: count('client', 'relation') };
}
