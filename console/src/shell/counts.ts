// How many things of a screen need somebody, for the navigation.
import { useReadAll } from '../api/queries.ts';

export type Counts = { readonly overview: number; readonly certificates: number; readonly handshakes: number };

export function useCounts(): Counts {
  const { data } = useReadAll('listCertificates', {}, { everyMs: 60_000 });
  const due = (data?.items ?? []).filter((one) => one.running && one.chain[0]?.state !== 'valid').length;
  return { overview: due, certificates: due, handshakes: 0 };
}
