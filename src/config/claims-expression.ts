// What is asked of the claims of a token: `claimsExpression` in Goma's words (Equals, Prefix, Contains, OneOf, &&, ||, !, brackets)
// as plain data, which filters/claims.ts looks at. Bounded, and nothing of it is ever run as code.

export type ClaimRule =
  /** `path`: the names of the claim, outermost first. */
  | { readonly kind: 'present'; readonly path: readonly string[] }
  | { readonly kind: 'equals' | 'prefix' | 'contains'; readonly path: readonly string[]; readonly value: string }
  | { readonly kind: 'oneOf'; readonly path: readonly string[]; readonly values: readonly string[] }
  | { readonly kind: 'all' | 'any'; readonly rules: readonly ClaimRule[] }
  | { readonly kind: 'not'; readonly rule: ClaimRule };

export type ClaimMistake = { readonly problem: string; readonly hint: string };

const maxLength = 4096;
const maxDepth = 16;
const maxParts = 128;
const maxPath = 8;
const example = "For example Equals('email_verified', true) && OneOf('role', 'admin', 'editor').";

/** `user.role`: a claim within a claim. Undefined for what is no such path. */
export function readClaimPath(text: string): readonly string[] | undefined {
  const path = text.split('.');
  return path.length > maxPath || path.includes('') || text.length > 256 ? undefined : path;
}

export function parseClaimsExpression(text: string): ClaimRule | ClaimMistake {
  if (text.length > maxLength) return { problem: `the expression is longer than ${maxLength} characters`, hint: '' };
  try {
    return new Parser(text).whole();
  } catch (error) {
    if (!(error instanceof Mistake)) throw error;
    return { problem: error.message, hint: example };
  }
}

class Mistake extends Error {}

type Token = { readonly kind: 'word' | 'text' | 'sign'; readonly text: string; readonly at: number };

const token =
  /\s*(?:(?<sign>&&|\|\||[!(),])|`(?<back>[^`]*)`|'(?<single>[^']*)'|"(?<double>[^"]*)"|(?<word>[A-Za-z0-9_.+-]+))/y;

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;
  #parts = 0;

  constructor(text: string) {
    const tokens: Token[] = [];
    const end = text.trimEnd().length;
    token.lastIndex = 0;
    while (token.lastIndex < end) {
      const at = token.lastIndex;
      const groups = token.exec(text)?.groups;
      if (groups === undefined) throw new Mistake(`what stands at character ${at + 1} is not understood`);
      const { sign, word, back, single, double } = groups;
      if (sign !== undefined) tokens.push({ kind: 'sign', text: sign, at });
      else if (word !== undefined) tokens.push({ kind: 'word', text: word, at });
      else tokens.push({ kind: 'text', text: back ?? single ?? double ?? '', at });
    }
    this.#tokens = tokens;
  }

  whole(): ClaimRule {
    const rule = this.#any();
    if (this.#at < this.#tokens.length) throw this.#unexpected();
    return rule;
  }

  #any(): ClaimRule {
    return this.#list('any', '||', () => this.#list('all', '&&', () => this.#one()));
  }

  #list(kind: 'all' | 'any', sign: string, next: () => ClaimRule): ClaimRule {
    const first = next();
    const rules = [first];
    while (this.#take(sign)) rules.push(next());
    return rules.length === 1 ? first : { kind, rules };
  }

  #one(): ClaimRule {
    if (++this.#depth > maxDepth || ++this.#parts > maxParts)
      throw new Mistake(`the expression has more than ${maxDepth} levels or ${maxParts} parts`);
    const rule = this.#take('!') ? this.#not() : this.#take('(') ? this.#bracket() : this.#call();
    this.#depth--;
    return rule;
  }

  #not(): ClaimRule {
    return { kind: 'not', rule: this.#one() };
  }

  #bracket(): ClaimRule {
    const rule = this.#any();
    this.#expect(')');
    return rule;
  }

  #call(): ClaimRule {
    const name = this.#tokens[this.#at];
    if (name?.kind !== 'word') throw this.#unexpected();
    this.#at++;
    this.#expect('(');
    const claim = this.#value();
    const values: string[] = [];
    while (this.#take(',')) values.push(this.#value());
    this.#expect(')');
    const path = readClaimPath(claim);
    if (path === undefined) throw new Mistake(`"${claim}" is no name of a claim`);
    return ruleOf(name.text, path, values);
  }

  #value(): string {
    const value = this.#tokens[this.#at];
    if (value === undefined || value.kind === 'sign') throw this.#unexpected();
    this.#at++;
    return value.text;
  }

  #take(sign: string): boolean {
    const next = this.#tokens[this.#at];
    if (next?.kind !== 'sign' || next.text !== sign) return false;
    this.#at++;
    return true;
  }

  #expect(sign: string): void {
    if (!this.#take(sign)) throw this.#unexpected(`"${sign}"`);
  }

  #unexpected(wanted = 'Equals, Prefix, Contains or OneOf'): Mistake {
    const found = this.#tokens[this.#at];
    return new Mistake(
      found === undefined
        ? `the expression ends where ${wanted} is due`
        : `"${found.text}" stands at character ${found.at + 1}, where ${wanted} is due`,
    );
  }
}

const functions: ReadonlySet<string> = new Set(['Equals', 'Prefix', 'Contains', 'OneOf']);

function ruleOf(name: string, path: readonly string[], values: readonly string[]): ClaimRule {
  if (!functions.has(name))
    throw new Mistake(`there is no function ${name}: Equals, Prefix, Contains and OneOf are known`);
  const [value] = values;
  if (value === undefined) throw new Mistake(`${name} has no value to compare with`);
  if (name === 'OneOf' || (name === 'Contains' && values.length > 1)) return { kind: 'oneOf', path, values };
  const kind = name === 'Equals' ? 'equals' : name === 'Prefix' ? 'prefix' : 'contains';
  if (values.length > 1) throw new Mistake(`${name} takes one value`);
  return { kind, path, value };
}
