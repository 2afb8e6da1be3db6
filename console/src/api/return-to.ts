// Where somebody was when he left for the identity provider, kept in this tab: never in an address that somebody else could have written.
// What stands there is taken only where it is a path of this console.

const key = 'countersign.returnTo';
/** The tab was opened for the login alone: another one waits for it. */
const waits = 'countersign.anotherTabWaits';

/** Undefined where `text` is no path of ours: the login itself is none to go back to. */
export function ownPath(text: string | null): string | undefined {
  if (text === null || !/^\/(?![/\\])[\x21-\x7e]*$/.test(text)) return undefined;
  const base = 'http://console.invalid';
  if (!URL.canParse(text, base)) return undefined;
  const { origin, pathname, search } = new URL(text, base);
  // `/..//evil.test` has become `//evil.test` by now.
  const isOurs = origin === base && !pathname.startsWith('//') && !pathname.startsWith('/log-in');
  return isOurs ? `${pathname}${search}` : undefined;
}

export function keepReturn(path: string): void {
  sessionStorage.setItem(key, path);
}

/** Once. */
export function takeReturn(): string {
  const path = ownPath(sessionStorage.getItem(key));
  sessionStorage.removeItem(key);
  return path ?? '/';
}

export function markWaited(): void {
  sessionStorage.setItem(waits, 'yes');
}

/** Once. */
export function takeWaited(): boolean {
  const isWaited = sessionStorage.getItem(waits) !== null;
  sessionStorage.removeItem(waits);
  return isWaited;
}
