// Which characters of foreign text are shown as codes: controls, what turns the direction of text around, what takes no room.
export type HostilePiece = { readonly text: string; readonly isCode: boolean };

/** Cc, Cf, Co, Cn, lone surrogates, line and paragraph separators, and blanks that are no plain blank. */
const strange = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;

/** `max`: characters that are shown; `cut`: how many are not. */
export function showHostile(
  text: string,
  max: number,
): { readonly pieces: readonly HostilePiece[]; readonly cut: number } {
  const characters = Array.from(text);
  const pieces: HostilePiece[] = [];
  let plain = '';
  const flush = (): void => {
    if (plain !== '') pieces.push({ text: plain, isCode: false });
    plain = '';
  };
  for (const character of characters.slice(0, max)) {
    if (!strange.test(character)) {
      plain += character;
      continue;
    }
    flush();
    pieces.push({ text: codeOf(character), isCode: true });
  }
  flush();
  return { pieces, cut: Math.max(0, characters.length - max) };
}

function codeOf(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return `U+${code}`;
}

/** As one line of plain text, for titles and names of controls. */
export function plainHostile(text: string, max = 80): string {
  const { pieces, cut } = showHostile(text, max);
  const shown = pieces.map(({ text: piece, isCode }) => (isCode ? `‹${piece}›` : piece)).join('');
  return cut > 0 ? `${shown}…` : shown;
}
