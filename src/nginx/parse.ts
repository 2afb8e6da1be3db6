// nginx configuration files to directives: blocks, and includes with their patterns followed as nginx follows them, relative to
// the folder of the main file. Files, depth and size are bounded; a file that includes itself is an error.
import { globSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import type { Place } from '../yaml/place.ts';
import type { Directive, Word } from './directive.ts';
import { NginxSyntaxError, readTokens, type Token } from './tokens.ts';

const limits = { files: 500, depth: 32, bytes: 32 << 20, directives: 200_000 };

/** A file that is named but cannot be read. */
export type MissingInclude = { readonly name: string; readonly place: Place };

export type NginxConfig = {
  readonly directives: readonly Directive[];
  /** In the order in which they were read, the main file first. */
  readonly files: readonly string[];
  readonly missing: readonly MissingInclude[];
};

/** Text of a file, undefined where it cannot be read. A relative path starts at the folder of the main file. */
export type ReadText = (path: string) => Promise<string | undefined>;

/** Throws NginxSyntaxError. */
export async function parseNginx(file: string, text: string, read: ReadText): Promise<NginxConfig> {
  const reader = new Reader(file, read);
  const directives = await reader.readFile(file, text, []);
  return { directives, files: reader.files, missing: reader.missing };
}

class Reader {
  readonly #main: string;
  readonly files: string[] = [];
  readonly missing: MissingInclude[] = [];
  readonly #folder: string;
  readonly #read: ReadText;
  #bytes = 0;
  #directives = 0;

  constructor(file: string, read: ReadText) {
    this.#main = file;
    this.#folder = dirname(resolve(file));
    this.#read = read;
  }

  /** `within`: the files that are being read, outermost first. */
  async readFile(file: string, text: string, within: readonly string[]): Promise<Directive[]> {
    const start: Place = { file, line: 1, col: 1 };
    this.files.push(file);
    this.#bytes += text.length;
    if (this.files.length > limits.files)
      throw new NginxSyntaxError(`more than ${limits.files} files are included`, start);
    if (this.#bytes > limits.bytes) throw new NginxSyntaxError('the files are too large together', start);
    const tokens = readTokens(file, text);
    const found = await this.#readBlock(tokens, undefined, [...within, resolve(file)]);
    return found;
  }

  /** As the world calls it: beside the main file, which may have been given with a relative path. */
  #called(path: string): string {
    return isAbsolute(path) ? path : join(dirname(this.#main), path);
  }

  async #readBlock(
    tokens: Generator<Token>,
    opened: Place | undefined,
    within: readonly string[],
    depth = 0,
  ): Promise<Directive[]> {
    const found: Directive[] = [];
    let line: Word[] = [];
    for (;;) {
      const next = tokens.next();
      if (next.done === true) {
        if (line[0] !== undefined)
          throw new NginxSyntaxError(`${line[0].text} does not end with ; or {`, line[0].place);
        if (opened !== undefined) throw new NginxSyntaxError('the block that begins here does not end', opened);
        return found;
      }
      const token = next.value;
      if (token.kind === 'word') {
        line.push(token);
        continue;
      }
      // The text of a block in another language is not read.
      if (token.kind === 'foreign') continue;
      const [name, ...args] = line;
      if (token.kind === '}') {
        if (name !== undefined) throw new NginxSyntaxError(`${name.text} does not end with ; or {`, name.place);
        if (opened === undefined) throw new NginxSyntaxError('unexpected }', token.place);
        return found;
      }
      if (name === undefined) throw new NginxSyntaxError(`unexpected ${token.kind}`, token.place);
      this.#directives += 1;
      if (this.#directives > limits.directives) throw new NginxSyntaxError('there are too many directives', name.place);
      line = [];
      if (token.kind === '{') {
        if (depth >= limits.depth) throw new NginxSyntaxError('blocks are nested too deep', token.place);
        const block = await this.#readBlock(tokens, token.place, within, depth + 1);
        found.push({ name: name.text, args, block, place: name.place });
      } else if (name.text === 'include' && args[0] !== undefined)
        found.push(...(await this.#include(args[0], name.place, within)));
      else found.push({ name: name.text, args, place: name.place });
    }
  }

  async #include(pattern: Word, at: Place, within: readonly string[]): Promise<Directive[]> {
    if (within.length >= limits.depth) throw new NginxSyntaxError('files include each other too deep', at);
    const isRelative = !isAbsolute(pattern.text);
    const path = isRelative ? join(this.#folder, pattern.text) : pattern.text;
    const isPattern = /[*?[]/.test(pattern.text);
    // A pattern that fits nothing is no mistake, in nginx neither.
    const names = isPattern ? globSync(path).toSorted() : [path];
    const found: Directive[] = [];
    for (const name of names) {
      if (within.includes(resolve(name))) throw new NginxSyntaxError(`${pattern.text} includes itself`, at);
      const asked = isRelative ? relative(this.#folder, name) : name;
      const text = await this.#read(asked);
      if (text === undefined) this.missing.push({ name: pattern.text, place: at });
      else found.push(...(await this.readFile(this.#called(asked), text, within)));
    }
    return found;
  }
}
