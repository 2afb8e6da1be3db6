// What an nginx configuration consists of: directives with their words, each with the place where it stands.
import type { Place } from '../yaml/place.ts';

/** A word of a directive, unquoted and with its escapes undone; variables in it are not replaced. */
export type Word = { readonly text: string; readonly quoted: boolean; readonly place: Place };

export type Directive = {
  readonly name: string;
  readonly args: readonly Word[];
  /** Absent: it ends with a semicolon. */
  readonly block?: readonly Directive[];
  readonly place: Place;
};

/** The words behind the name. */
export function words({ args }: Directive): string[] {
  return args.map(({ text }) => text);
}

/** The first word behind the name, '' where there is none. */
export function firstWord({ args }: Directive): string {
  return args[0]?.text ?? '';
}

/** As it is written, shortened: for the report. */
export function showDirective({ name, args, block }: Directive): string {
  const text = [name, ...args.map((word) => (word.quoted ? JSON.stringify(word.text) : word.text))].join(' ');
  const short = text.length > 100 ? `${text.slice(0, 99)}…` : text;
  return block === undefined ? short : `${short} { }`;
}
