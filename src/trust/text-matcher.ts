// How one text is compared with what a rule says. Names and subjects differ in what their text is, not in this.

export type Matcher = 'exact' | 'prefix' | 'suffix' | 'contains' | 'regex';

export type TextRule = {
  readonly matcher: Matcher;
  readonly value: string;
  /** ASCII letters. */
  readonly ignoreCase: boolean;
};

/** Throws SyntaxError for a pattern that is none. */
export function compileText({ matcher, value, ignoreCase }: TextRule): (text: string) => boolean {
  // Without text, a prefix would admit everybody.
  if (value === '') return () => false;
  if (matcher === 'regex') {
    // By itself first: `a)|(b` would be a pattern only between our brackets, and no longer the whole value.
    RegExp(value);
    const pattern = new RegExp(`^(?:${value})$`, ignoreCase ? 'i' : '');
    return (text) => pattern.test(text);
  }
  const fold = ignoreCase ? foldCase : asItIs;
  const wanted = fold(value);
  if (matcher === 'prefix') return (text) => fold(text).startsWith(wanted);
  if (matcher === 'suffix') return (text) => fold(text).endsWith(wanted);
  if (matcher === 'contains') return (text) => fold(text).includes(wanted);
  return (text) => fold(text) === wanted;
}

function asItIs(text: string): string {
  return text;
}

/** ASCII letters only: what Unicode takes for the same letter is another name. */
function foldCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
