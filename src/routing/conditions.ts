// What a route asks of a request beside path and host: method, header fields, query parameters, the trust policy and the entry
// point that it came in through. A field or parameter that backends could read in another way than we do is neither there
// nor absent: such a request is refused, or a client could choose which rules hold for it by its spelling.
import type { FieldCondition, RouteMatchConfig } from '../config/gateway-config.ts';
import { countConditions } from '../config/match-conditions.ts';
import { matchInputLimit } from '../config/safe-regex.ts';
import { foldName } from '../http/fold-name.ts';
import { takesMethod } from './takes-method.ts';

/** What is asked of a request. Each answer may be a `Doubt`. */
export interface RequestFacts {
  /** The value of a header field that came once and in its plain spelling; undefined where it is absent. */
  header(name: string): string | undefined | Doubt;
  /** Likewise of a parameter of the query. */
  parameter(name: string): string | undefined | Doubt;
  /** Where no request is at hand, only what one could be like: whether it meets a condition. Then neither of the above is asked. */
  assumes?(what: 'header' | 'query parameter', condition: FieldCondition): boolean;
  /** The trust policy that the client came in through; '' over plain HTTP. */
  readonly policy: string;
  readonly entryPoint: string;
}

/** Why it cannot be said: for the log. */
export class Doubt {
  readonly why: string;
  constructor(why: string) {
    this.why = why;
  }
}

export class Conditions {
  readonly #match: RouteMatchConfig;
  readonly #headers: readonly Test[];
  readonly #query: readonly Test[];

  private constructor(match: RouteMatchConfig) {
    this.#match = match;
    this.#headers = match.headers.map((condition) => new Test(condition));
    this.#query = match.query.map((condition) => new Test(condition));
  }

  /** Undefined where nothing is asked. */
  static of(match: RouteMatchConfig): Conditions | undefined {
    return countConditions(match) === 0 ? undefined : new Conditions(match);
  }

  /** The key of the first that does not hold; undefined where all do. */
  findUnmet(method: string, facts: RequestFacts): string | undefined | Doubt {
    const { methods, policies, entryPoints } = this.#match;
    if (!takesMethod(methods, method)) return 'match.methods';
    if (policies.length > 0 && !policies.includes(facts.policy)) return 'policies';
    if (entryPoints.length > 0 && !entryPoints.includes(facts.entryPoint)) return 'entryPoints';
    for (const test of this.#headers) {
      const unmet = test.judge('header', facts);
      if (unmet !== undefined) return unmet;
    }
    for (const test of this.#query) {
      const unmet = test.judge('query parameter', facts);
      if (unmet !== undefined) return unmet;
    }
    return undefined;
  }
}

class Test {
  readonly #condition: FieldCondition;
  readonly #regex: RegExp | undefined;

  constructor(condition: FieldCondition) {
    this.#condition = condition;
    this.#regex = condition.regex === undefined ? undefined : new RegExp(`^(?:${condition.regex})$`);
  }

  judge(what: 'header' | 'query parameter', facts: RequestFacts): string | undefined | Doubt {
    const { name, invert } = this.#condition;
    if (facts.assumes !== undefined) return facts.assumes(what, this.#condition) ? undefined : `${what} ${name}`;
    const value = what === 'header' ? facts.header(name) : facts.parameter(name);
    if (value instanceof Doubt) return value;
    if (this.#regex !== undefined && value !== undefined && value.length > matchInputLimit)
      return new Doubt(`${what} ${name} is longer than an expression is tried on`);
    return this.#holds(value) === invert ? `${what} ${name}` : undefined;
  }

  #holds(value: string | undefined): boolean {
    if (value === undefined) return false;
    if (this.#regex !== undefined) return this.#regex.test(value);
    return this.#condition.value === undefined || this.#condition.value === value;
  }
}

/** `fields`: names as they came, with their values. */
export function findHeader(
  {
    names,
    values,
  }: {
    readonly names: readonly { readonly lower: string; readonly folded: string }[];
    readonly values: readonly string[];
  },
  name: string,
): string | undefined | Doubt {
  const lower = name.toLowerCase();
  const folded = foldName(name);
  let found: string | undefined;
  for (let i = 0; i < names.length; i++) {
    const field = names[i];
    if (field === undefined || field.folded !== folded) continue;
    if (field.lower !== lower) return new Doubt(`header ${name} is spelt in a way that some backends take for it`);
    if (found !== undefined) return new Doubt(`header ${name} came more than once`);
    found = values[i] ?? '';
  }
  return found;
}
