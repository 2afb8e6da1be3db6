// How large and how deep a configuration file may be. Looked at before it is parsed, token by token, since the
// parser's own cost grows faster than the text where the text is made for it: brackets in brackets, comments without end.
import { CST, Lexer } from 'yaml';

/** Enough for 50,000 routes, with room; docs/configuration.md lists them. */
export const yamlLimits = {
  /** Bytes of one file. */
  fileBytes: 8 * 1024 * 1024,
  /** Bytes of all files together. */
  totalBytes: 32 * 1024 * 1024,
  /** Levels of maps and lists in each other. */
  depth: 64,
  /** Values of one file, those that aliases repeat included. */
  values: 1_000_000,
  /** `*name`, merge keys included. */
  aliases: 1_000,
  /** Values that aliases repeat, in all. */
  repeatedValues: 100_000,
  /** Lines outside of texts that run over several. */
  lines: 1_000_000,
  /** Keys, values, tags, anchors and signs between them. */
  tokens: 4_000_000,
  /** `---` and brackets that close nothing: mistakes, but to say so takes no more than these. */
  strays: 100,
} as const;

/** `offset`: where in the text the limit is passed. */
export type LimitPassed = { readonly what: string; readonly offset: number };

/** The first limit that the text passes; undefined where it passes none. Never recurses; its time grows with the text alone. */
export function findPassedLimit(text: string): LimitPassed | undefined {
  const scan = new LimitScan();
  for (const token of new Lexer().lex(text)) {
    const passed = scan.next(token);
    if (passed !== undefined) return passed;
  }
  return undefined;
}

/** The same, token by token of yaml's Lexer. */
export class LimitScan {
  #offset = 0;
  #lineStart = 0;
  /** Columns of the open block collections, ascending. */
  readonly #blocks: number[] = [];
  #flowLevel = 0;
  /** Column of what may turn out to be a key; -1 where nothing of it was seen. */
  #key = -1;
  /** The next token is the text of a scalar, whatever it looks like. */
  #scalarNext = false;
  #tokens = 0;
  #aliases = 0;
  #lines = 0;
  #strays = 0;

  /** What is passed with this token: then nobody should take it. */
  next(token: string): LimitPassed | undefined {
    const what = this.#take(token);
    if (what !== undefined) return { what, offset: this.#offset };
    this.#pass(token);
    return undefined;
  }

  #take(token: string): string | undefined {
    if (this.#scalarNext) return undefined;
    switch (token[0]) {
      case ' ':
      case '\t':
      case '#':
        return undefined;
      case '\r':
      case '\n':
        return ++this.#lines > yamlLimits.lines ? `more than ${yamlLimits.lines} lines` : undefined;
      case CST.DOCUMENT:
        this.#blocks.length = 0;
        this.#flowLevel = 0;
        return undefined;
      default:
        return ++this.#tokens > yamlLimits.tokens
          ? `more than ${yamlLimits.tokens} keys, values and signs`
          : this.#takeSign(token);
    }
  }

  #takeSign(token: string): string | undefined {
    switch (token[0]) {
      case '*':
        this.#startKey();
        return ++this.#aliases > yamlLimits.aliases ? `more than ${yamlLimits.aliases} aliases` : undefined;
      case CST.SCALAR:
      case '&':
      case '!':
        this.#startKey();
        return undefined;
      case '[':
      case '{':
        this.#startKey();
        this.#flowLevel++;
        return this.#tooDeep();
      case ']':
      case '}':
        if (this.#flowLevel === 0) return this.#stray('closing brackets without an opening one');
        this.#flowLevel--;
        return undefined;
      default:
        return token === '---' ? this.#stray('documents') : this.#takeBlockSign(token);
    }
  }

  #takeBlockSign(token: string): string | undefined {
    if (this.#flowLevel > 0 || (token !== '-' && token !== '?' && token !== ':')) return undefined;
    const column = this.#offset - this.#lineStart;
    this.#openBlock(token === ':' && this.#key >= 0 ? this.#key : column);
    this.#key = -1;
    return this.#tooDeep();
  }

  #stray(what: string): string | undefined {
    return ++this.#strays > yamlLimits.strays ? `more than ${yamlLimits.strays} ${what}` : undefined;
  }

  #startKey(): void {
    if (this.#key < 0) this.#key = this.#offset - this.#lineStart;
  }

  /** A list at the column of its key counts with it: never more levels than there are, at least half of them. */
  #openBlock(column: number): void {
    while ((this.#blocks.at(-1) ?? -1) >= column) this.#blocks.pop();
    this.#blocks.push(column);
  }

  #tooDeep(): string | undefined {
    const { depth } = yamlLimits;
    return this.#blocks.length + this.#flowLevel > depth ? `more than ${depth} levels of nesting` : undefined;
  }

  /** Moves behind the token. */
  #pass(token: string): void {
    const isControl = token === CST.SCALAR || token === CST.DOCUMENT || token === CST.FLOW_END;
    const isText = this.#scalarNext;
    this.#scalarNext = !isText && token === CST.SCALAR;
    if (isControl && !isText) return;
    const lineEnd = token.lastIndexOf('\n');
    if (lineEnd >= 0) {
      this.#lineStart = this.#offset + lineEnd + 1;
      if (!isText) this.#key = -1;
    }
    this.#offset += token.length;
  }
}
