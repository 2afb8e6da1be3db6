// Whether text for a file descriptor may have colours: on a terminal that can show them, unless somebody wants none
// (https://no-color.org).
import { isatty } from 'node:tty';

type Environment = Readonly<Record<string, string | undefined>>;

export function mayHaveColours(fd: number, env: Environment = process.env): boolean {
  return isatty(fd) && wantsColours(env);
}

/** Of a terminal. */
export function wantsColours({ NO_COLOR, TERM }: Environment): boolean {
  return (NO_COLOR ?? '') === '' && TERM !== 'dumb';
}

/** `sgr`: parameters of Select Graphic Rendition, as `31` for red. */
export function paint(text: string, sgr: string, colour: boolean): string {
  return colour ? `\u001b[${sgr}m${text}\u001b[0m` : text;
}
