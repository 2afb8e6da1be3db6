// How far a certificate is from its end, by the share of its lifetime that is left: 20 days are much for one of 30, and little for one
// of ten years. Which of them are due the server says (`state`); here are the words and the order.
import { duration } from './time.ts';

export type Lifetime = {
  /** RFC 3339. */
  readonly notBefore: string;
  readonly notAfter: string;
  readonly state: 'valid' | 'expiresSoon' | 'expired' | 'notYetValid';
};

/** From 1 (new) to 0 (over). */
export function shareLeft({ notBefore, notAfter }: Lifetime, now: number): number {
  const [begin, end] = [Date.parse(notBefore), Date.parse(notAfter)];
  return end <= begin ? 0 : Math.min(1, Math.max(0, (end - now) / (end - begin)));
}

/** What comes first in a list: what is over, what has not begun, then the smallest share. Undefined (nothing to show) comes last. */
export function urgency(lifetime: Lifetime | undefined, now: number): number {
  if (lifetime === undefined) return 2;
  if (lifetime.state === 'expired') return -2;
  return lifetime.state === 'notYetValid' ? -1 : shareLeft(lifetime, now);
}

export function expiryTag(
  lifetime: Lifetime,
  now: number,
): { readonly tone: 'ok' | 'due' | 'bad'; readonly text: string } {
  const { state, notAfter } = lifetime;
  if (state === 'expired') return { tone: 'bad', text: 'expired' };
  if (state === 'notYetValid') return { tone: 'bad', text: 'not yet valid' };
  return { tone: state === 'expiresSoon' ? 'due' : 'ok', text: `${duration(Date.parse(notAfter) - now)} left` };
}

/** The one of a chain that ends first. */
export function firstToEnd<T extends Lifetime>(certificates: readonly T[], now: number): T | undefined {
  return certificates.toSorted((a, b) => urgency(a, now) - urgency(b, now))[0];
}
