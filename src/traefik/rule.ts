// Rules of Traefik's routers: matchers with `&&`, `||`, `!` and brackets, as a choice among lists of matchers that all have to hold.
// Of version 3, and of version 2 where a matcher takes several values.

export type Matcher = {
  /** Lower case: `host`, `pathprefix`. */
  readonly name: string;
  readonly values: readonly string[];
  readonly negated: boolean;
};

type Expression =
  | { readonly kind: 'matcher'; readonly matcher: Matcher }
  | { readonly kind: 'and' | 'or'; readonly left: Expression; readonly right: Expression };

/** Lists of matchers; one of the lists has to hold as a whole. A string: what is wrong with the rule. */
export function parseRule(text: string): readonly (readonly Matcher[])[] | string {
  if (text.length > 8192) return 'the rule is too long';
  const reader = new RuleReader(text);
  const expression = reader.or(0);
  if (expression === undefined || !reader.isAtEnd)
    return `the rule cannot be read from character ${reader.position + 1} on`;
  const found = choices(expression);
  return found ?? `the rule has more than ${maxChoices} choices`;
}

const maxChoices = 64;

function choices(expression: Expression): Matcher[][] | undefined {
  if (expression.kind === 'matcher') return [[expression.matcher]];
  const left = choices(expression.left);
  const right = choices(expression.right);
  if (left === undefined || right === undefined) return undefined;
  const found =
    expression.kind === 'or' ? [...left, ...right] : left.flatMap((one) => right.map((two) => [...one, ...two]));
  return found.length > maxChoices ? undefined : found;
}

class RuleReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get position(): number {
    return this.#at;
  }

  get isAtEnd(): boolean {
    this.#skip();
    return this.#at === this.#text.length;
  }

  or(depth: number, negated = false): Expression | undefined {
    let left = this.#and(depth, negated);
    while (left !== undefined && this.#take('||')) {
      const right = this.#and(depth, negated);
      // By De Morgan, where a bracket is negated.
      left = right && { kind: negated ? 'and' : 'or', left, right };
    }
    return left;
  }

  #and(depth: number, negated: boolean): Expression | undefined {
    let left = this.#unary(depth, negated);
    while (left !== undefined && this.#take('&&')) {
      const right = this.#unary(depth, negated);
      left = right && { kind: negated ? 'or' : 'and', left, right };
    }
    return left;
  }

  #unary(depth: number, negated: boolean): Expression | undefined {
    if (depth > 64) return undefined;
    if (this.#take('!')) return this.#unary(depth + 1, !negated);
    if (this.#take('(')) {
      const inner = this.or(depth + 1, negated);
      return this.#take(')') ? inner : undefined;
    }
    return this.#matcher(negated);
  }

  #matcher(negated: boolean): Expression | undefined {
    this.#skip();
    const name = /^[A-Za-z]+/.exec(this.#text.slice(this.#at, this.#at + 64))?.[0];
    if (name === undefined) return undefined;
    this.#at += name.length;
    if (!this.#take('(')) return undefined;
    const values: string[] = [];
    while (!this.#take(')')) {
      const value = this.#value();
      if (value === undefined) return undefined;
      values.push(value);
      this.#take(',');
    }
    return { kind: 'matcher', matcher: { name: name.toLowerCase(), values, negated } };
  }

  /** Between backticks as it is, between double quotes with escapes. */
  #value(): string | undefined {
    this.#skip();
    const quote = this.#text.charAt(this.#at);
    if (quote !== '`' && quote !== '"' && quote !== "'") return undefined;
    let value = '';
    for (this.#at += 1; this.#at < this.#text.length; this.#at += 1) {
      const char = this.#text.charAt(this.#at);
      if (char === quote) {
        this.#at += 1;
        return value;
      }
      if (char === '\\' && quote !== '`') {
        this.#at += 1;
        value += this.#text.charAt(this.#at);
      } else value += char;
    }
    return undefined;
  }

  #take(sign: string): boolean {
    this.#skip();
    if (!this.#text.startsWith(sign, this.#at)) return false;
    this.#at += sign.length;
    return true;
  }

  #skip(): void {
    while (/\s/.test(this.#text.charAt(this.#at))) this.#at += 1;
  }
}
