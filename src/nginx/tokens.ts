// The words of an nginx configuration, as ngx_conf_read_token reads them: quotes begin a word and nothing else, `#` begins a
// comment only where a word could begin, `${` opens no block, and Lua stands in blocks of its own.
import type { Place } from '../yaml/place.ts';
import type { Word } from './directive.ts';

export type Token =
  | ({ readonly kind: 'word' } & Word)
  | { readonly kind: ';' | '{' | '}'; readonly place: Place }
  /** The text of a `…_by_lua_block`, which is another language. */
  | { readonly kind: 'foreign'; readonly place: Place };

/** The text is no nginx configuration; `at` says where it ceased to be one. */
export class NginxSyntaxError extends Error {
  readonly place: Place;
  constructor(message: string, at: Place) {
    super(message);
    this.place = at;
  }
}

/** nginx itself refuses longer ones (NGX_CONF_BUFFER). */
const maxWordLength = 4096;

export function* readTokens(file: string, text: string): Generator<Token> {
  const source = new Source(file, text);
  let last = '';
  for (;;) {
    source.skipBlanks();
    const char = source.peek();
    if (char === '') return;
    const place = source.place();
    if (char === ';' || char === '{' || char === '}') {
      source.take();
      yield { kind: char, place };
      if (char === '{' && last.endsWith('_by_lua_block')) {
        skipLua(source);
        yield { kind: 'foreign', place };
      }
      last = '';
      continue;
    }
    const word = char === '"' || char === "'" ? quotedWord(source, place) : plainWord(source, place);
    if (last === '') last = word.text;
    yield { kind: 'word', ...word };
  }
}

class Source {
  readonly #file: string;
  readonly #text: string;
  #at = 0;
  #line = 1;
  #col = 1;

  constructor(file: string, text: string) {
    this.#file = file;
    this.#text = text.startsWith('\ufeff') ? text.slice(1) : text;
  }

  /** '' at the end. */
  peek(ahead = 0): string {
    return this.#text.charAt(this.#at + ahead);
  }

  take(): string {
    const char = this.#text.charAt(this.#at);
    this.#at += 1;
    if (char === '\n') {
      this.#line += 1;
      this.#col = 1;
    } else this.#col += 1;
    return char;
  }

  place(): Place {
    return { file: this.#file, line: this.#line, col: this.#col };
  }

  skipBlanks(): void {
    for (;;) {
      const char = this.peek();
      if (isBlank(char)) this.take();
      else if (char === '#') this.skipLine();
      else return;
    }
  }

  skipLine(): void {
    while (this.peek() !== '' && this.peek() !== '\n') this.take();
  }
}

function isBlank(char: string): boolean {
  return char === ' ' || char === '\t' || char === '\r' || char === '\n';
}

function plainWord(source: Source, at: Place): Word {
  let text = '';
  for (;;) {
    const char = source.peek();
    if (char === '' || isBlank(char) || char === ';') break;
    if (char === '{' && !text.endsWith('$')) break;
    text += char === '\\' ? escaped(source) : source.take();
    if (text.length > maxWordLength) throw new NginxSyntaxError('a word is too long', at);
    // `${name}` is one piece, whatever it holds.
    if (text.endsWith('${')) while (source.peek() !== '' && !text.endsWith('}')) text += source.take();
  }
  return { text, quoted: false, place: at };
}

function quotedWord(source: Source, at: Place): Word {
  const quote = source.take();
  let text = '';
  for (;;) {
    const char = source.peek();
    if (char === '') throw new NginxSyntaxError(`the quotation that begins here does not end`, at);
    if (char === quote) break;
    text += char === '\\' ? escaped(source) : source.take();
    if (text.length > maxWordLength)
      throw new NginxSyntaxError('a word is too long, or its quotation does not end', at);
  }
  source.take();
  const next = source.peek();
  if (next !== '' && !isBlank(next) && next !== ';' && next !== '{' && next !== ')')
    throw new NginxSyntaxError(`unexpected ${JSON.stringify(next)} behind a quotation`, source.place());
  return { text, quoted: true, place: at };
}

/** `\"`, `\'` and `\\` are the character, `\t`, `\r`, `\n` what they are called; of all others the backslash stays. */
function escaped(source: Source): string {
  source.take();
  const next = source.take();
  if (next === '"' || next === "'" || next === '\\') return next;
  const control = { t: '\t', r: '\r', n: '\n' }[next];
  return control ?? `\\${next}`;
}

/** To the brace that ends it, which stays: strings, long strings and comments of Lua may hold others. */
function skipLua(source: Source): void {
  const began = source.place();
  for (let depth = 0; ; ) {
    const char = source.peek();
    if (char === '') throw new NginxSyntaxError('the block that begins here does not end', began);
    if (char === '}' && depth === 0) return;
    if (char === '-' && source.peek(1) === '-') {
      source.take();
      source.take();
      if (!skipLongBracket(source)) source.skipLine();
    } else if (char === '[' && skipLongBracket(source)) continue;
    else if (char === '"' || char === "'") skipLuaString(source);
    else {
      if (char === '{') depth += 1;
      if (char === '}') depth -= 1;
      source.take();
    }
  }
}

function skipLuaString(source: Source): void {
  const quote = source.take();
  while (source.peek() !== '' && source.peek() !== quote) {
    if (source.take() === '\\') source.take();
  }
  source.take();
}

/** `[[…]]`, `[==[…]==]`; false where none begins here. */
function skipLongBracket(source: Source): boolean {
  if (source.peek() !== '[') return false;
  let level = 0;
  while (source.peek(1 + level) === '=') level += 1;
  if (source.peek(1 + level) !== '[') return false;
  const end = `]${'='.repeat(level)}]`;
  let read = '';
  while (source.peek() !== '' && !(read.length > level + 2 && read.endsWith(end)))
    read = (read + source.take()).slice(-(level + 4));
  return true;
}
