// Whether a text can name a store at all. Apart from store-url.ts, so that who only asks does not load the declarations.

/** False where it names none for sure; a backslash may spell the key in another way. */
export function mayNameStore(text: string): boolean {
  return /store|\\/.test(text);
}
