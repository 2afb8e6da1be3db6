// What was done, said once: shown in the corner and read out by a screen reader. Errors do not go here; they stand where they belong.
import { useEffect, useSyncExternalStore } from 'react';
import css from './toast.module.css';

const shownMs = 6_000;

type Said = { readonly id: number; readonly text: string };

let said: Said | undefined;
let last = 0;
const listeners = new Set<() => void>();

function set(next: Said | undefined): void {
  said = next;
  for (const tell of listeners) tell();
}

export function say(text: string): void {
  last += 1;
  set({ id: last, text });
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Once on the page. */
export function Announcer() {
  const current = useSyncExternalStore(subscribe, () => said);
  useEffect(() => {
    if (current === undefined) return undefined;
    const timer = setTimeout(() => set(undefined), shownMs);
    return () => clearTimeout(timer);
  }, [current]);
  return (
    <div role="status" aria-live="polite" className={current === undefined ? 'visually-hidden' : css['toast']}>
      {current?.text}
    </div>
  );
}
