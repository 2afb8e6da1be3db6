// A moment: in UTC, as the log has it, and how far it is away.
import { useEffect, useState } from 'react';
import { relative, utc } from './time.ts';
import css from './when.module.css';

/** One clock for the whole page: what is relative moves on once a minute, and at once where it is seconds. */
export function useNow(everyMs = 30_000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

export type WhenProps = {
  /** RFC 3339. */
  readonly at: string;
  /** `both`: date and distance; `distance`: the date is in its title. */
  readonly show?: 'both' | 'distance' | 'date';
};

export function When({ at, show = 'both' }: WhenProps) {
  const now = useNow();
  const ms = Date.parse(at);
  if (Number.isNaN(ms)) return <span>unknown</span>;
  const date = utc(ms, now);
  const distance = relative(ms, now);
  return (
    <time
      dateTime={at}
      title={`${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`}
      className={css['when']}
    >
      {show === 'distance' ? distance : show === 'date' ? date : `${date}, ${distance}`}
    </time>
  );
}
