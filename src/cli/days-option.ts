// Options that are a number of days, by one rule: more than none, and no more than a century.
import { InvalidArgumentError } from 'commander';

const maxDays = 36_500;

/** For lifetimes. Throws what commander shows. */
export function parseWholeDays(text: string): number {
  const days = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (days < 1 || days > maxDays) throw new InvalidArgumentError('a whole number of days, at least 1.');
  return days;
}

/** For spans that are looked back on; parts of a day will do. Throws what commander shows. */
export function parseDays(text: string): number {
  const days = Number(text);
  if (!Number.isFinite(days) || days <= 0 || days > maxDays)
    throw new InvalidArgumentError('a number of days is wanted');
  return days;
}
