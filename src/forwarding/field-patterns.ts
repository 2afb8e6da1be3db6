// Names of fields as a configuration lists them: whole, or a prefix that ends in `*`. Compared as they are; who wants
// spellings to be equal gives both sides in one spelling (lower case, or folded).

/** What a `*` stands for: an ordinary name goes on so. Anything else could be another spelling of a neighbour. */
const ordinaryRest = /^[a-z0-9-]+$/;

export class FieldPatterns {
  readonly #names: ReadonlySet<string>;
  readonly #prefixes: readonly string[];

  constructor(patterns: readonly string[]) {
    this.#names = new Set(patterns.filter((pattern) => !pattern.endsWith('*')));
    this.#prefixes = patterns.filter((pattern) => pattern.endsWith('*')).map((pattern) => pattern.slice(0, -1));
  }

  match(name: string): boolean {
    return (
      this.#names.has(name) ||
      this.#prefixes.some((prefix) => name.startsWith(prefix) && ordinaryRest.test(name.slice(prefix.length)))
    );
  }
}
