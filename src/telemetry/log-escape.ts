// Text that others wrote (names in certificates, header values, paths) made safe to stand in a log line: nothing can end
// the line, move a terminal's cursor or turn the direction of text (incident 15).

/** Everything that is not plain printable ASCII inside a JSON string. */
const special = /[^\x20\x21\x23-\x5b\x5d-\x7e]/;

/**
 * A JSON string literal in ASCII, at most `max` characters between its quotes; what is longer is cut and ends in `...`.
 * Costs one pass of a regular expression where nothing needs escaping.
 */
export function jsonText(text: string, max: number): string {
  if (text.length <= max && !special.test(text)) return `"${text}"`;
  let out = '';
  for (const char of text.slice(0, max)) {
    const piece = special.test(char) ? escapeJson(char) : char;
    if (out.length + piece.length > max - 3) return `"${out}..."`;
    out += piece;
  }
  return text.length > max ? `"${out}..."` : `"${out}"`;
}

function escapeJson(char: string): string {
  if (char === '"' || char === '\\') return `\\${char}`;
  let out = '';
  for (let i = 0; i < char.length; i++) out += `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`;
  return out;
}

/** What may stand inside JSON but harms a terminal or splits a line elsewhere: DEL, C1, bidi and zero-width marks, separators. */
const invisible = /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/** A finished JSON text with the invisible characters in its strings escaped. */
export function escapeInvisible(json: string): string {
  return json.replace(invisible, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Text for a person's eyes on one line. */
export function printable(text: string): string {
  return escapeInvisible(
    text.replace(/[\x00-\x1f]/g, (char) =>
      char === '\n' ? '\\n' : char === '\r' ? '\\r' : `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
    ),
  );
}
