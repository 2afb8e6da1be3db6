// Single keys: `/` search, `g` and a letter to a screen, `n` new, `e` edit, `?` help. Never while somebody types, never with a
// modifier, and they can be switched off (WCAG 2.1.4).
import { useEffect, useEffectEvent, useSyncExternalStore } from 'react';

export type KeyMap = Readonly<Record<string, () => void>>;

const storageName = 'countersign.keys';
/** After `g`. */
const secondMs = 1_500;
const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function areOn(): boolean {
  try {
    return localStorage.getItem(storageName) !== 'off';
  } catch {
    return true;
  }
}

export function useKeysOn(): [isOn: boolean, set: (isOn: boolean) => void] {
  const isOn = useSyncExternalStore(subscribe, areOn);
  return [
    isOn,
    (next) => {
      try {
        localStorage.setItem(storageName, next ? 'on' : 'off');
      } catch {
        // Then it is as it was at the next visit.
      }
      for (const tell of listeners) tell();
    },
  ];
}

/** What the screen does for `n` and `e`, beside what the shell does. Names of two characters are typed one after the other: `gs`. */
export function useKeys(map: KeyMap): void {
  const find = useEffectEvent((name: string) => map[name]);
  const begins = useEffectEvent((key: string) =>
    Object.keys(map).some((name) => name.length === 2 && name.startsWith(key)),
  );
  const [isOn] = useKeysOn();
  useEffect(() => {
    if (!isOn) return undefined;
    let first = '';
    let firstAt = 0;
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(event.target)) return;
      // A dialog has keys of its own.
      if (document.querySelector('[role="dialog"], [role="alertdialog"], [role="listbox"]') !== null) return;
      const isSecond = first !== '' && event.timeStamp - firstAt < secondMs;
      const act = find(isSecond ? first + event.key : event.key);
      first = !isSecond && begins(event.key) ? event.key : '';
      firstAt = event.timeStamp;
      if (act === undefined) return;
      event.preventDefault();
      act();
    };
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  }, [isOn]);
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}
