// One thing that is wrong (or doubtful) in the configuration, and the text that shows it: file:line:col, the line with a
// caret, what to do. Problems are collected, never thrown one by one. Material problems (files, certificates) use it too.
import type { Place } from './gateway-config.ts';

export type Problem = {
  readonly severity: 'error' | 'warning';
  /** Stable, snake_case, for --json and tests. */
  readonly code: string;
  readonly place: Place;
  readonly message: string;
  /** What to do about it; '' where the message says it all. */
  readonly hint: string;
};
