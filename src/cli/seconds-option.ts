// Options that are a number of seconds.
import { InvalidArgumentError } from 'commander';

const maxSeconds = 300;

/** Throws what commander shows. */
export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || seconds <= 0 || seconds > maxSeconds)
    throw new InvalidArgumentError(`a number of seconds up to ${maxSeconds}`);
  return seconds;
}
