// Words for commands that people paste into a POSIX shell.

const plain = /^[\w@%+=:,./-]+$/;

/** A word as it is where that is safe, else in single quotes. */
export function shellQuote(word: string): string {
  return plain.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** What messages call a file as it stands in a command: itself where it is a path beyond doubt, else FILE. */
export function fileInCommand(name: string): string {
  return plain.test(name) && !name.startsWith('-') ? name : 'FILE';
}
