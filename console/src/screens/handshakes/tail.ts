// The live list: server-sent events, which the browser takes up again where they broke off (Last-Event-ID).
import { useEffect, useRef, useState } from 'react';
import type { Failure } from './failure.ts';

/** How many are kept; the list below has them all. */
const maxKept = 100;

export type Told = { readonly number: number; readonly failure: Failure };

export type Tail = {
  /** Newest first; each has a number greater than the one before. */
  readonly told: readonly Told[];
  readonly isConnected: boolean;
};

/** `onTold`: something came, or was missed: what was read before is old. */
export function useTail(onTold: () => void): Tail {
  const [told, setTold] = useState<readonly Told[]>([]);
  const [isConnected, setConnected] = useState(false);
  const latest = useRef(onTold);
  useEffect(() => {
    latest.current = onTold;
  });
  useEffect(() => {
    const source = new EventSource('/api/v1/handshakes:stream');
    source.addEventListener('open', () => setConnected(true));
    source.addEventListener('error', () => setConnected(false));
    source.addEventListener('failure', ({ data }: MessageEvent<string>) => {
      const failure = JSON.parse(data) as Failure;
      setTold((before) => [{ number: (before[0]?.number ?? 0) + 1, failure }, ...before].slice(0, maxKept));
      latest.current();
    });
    source.addEventListener('gap', () => latest.current());
    // The session ended, or the role changed: the next question says so.
    source.addEventListener('end', () => {
      source.close();
      setConnected(false);
      latest.current();
    });
    return () => source.close();
  }, []);
  return { told, isConnected };
}
