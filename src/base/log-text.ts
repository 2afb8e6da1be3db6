// Text from certificates and peers made fit for a log line or a terminal (incident 15): nothing that moves a cursor, ends
// a line, reorders text or is invisible gets through. For people, not for parsing.

/** `text` with every character that is not plainly visible written as \xNN or \u{N}, cut to `max` characters and `…`. */
export function escapeForLog(text: string, max = 256): string {
  let shown = '';
  let count = 0;
  for (const character of text) {
    if (count >= max) return `${shown}…`;
    shown += isVisible(character) ? character : escapeCharacter(character.codePointAt(0) as number);
    count += 1;
  }
  return shown;
}

// Letters, marks, numbers, punctuation, symbols and the plain space: no controls, formats (bidi, zero width), surrogates,
// private use, and none of the other spaces and line separators.
function isVisible(character: string): boolean {
  return /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(character);
}

function escapeCharacter(point: number): string {
  const hex = point.toString(16);
  return point < 0x100 ? `\\x${hex.padStart(2, '0')}` : `\\u{${hex}}`;
}
