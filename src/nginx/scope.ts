// A block of an nginx configuration and those around it: what a directive is where it is not written itself. Most are inherited
// one by one; of those that may stand several times (`proxy_set_header`, `add_header`, `allow`) a single one hides all of the
// levels above.
import type { Directive } from './directive.ts';

export class Scope {
  readonly directives: readonly Directive[];
  readonly parent: Scope | undefined;
  readonly #constants: ReadonlyMap<string, string>;

  constructor(directives: readonly Directive[], parent?: Scope) {
    this.directives = directives;
    this.parent = parent;
    this.#constants = constantsOf(directives);
  }

  own(name: string): Directive[] {
    return this.directives.filter((directive) => directive.name === name);
  }

  /** Of the innermost level that has any. */
  all(name: string): Directive[] {
    const own = this.own(name);
    return own.length > 0 || this.parent === undefined ? own : this.parent.all(name);
  }

  /** The same for directives that replace each other as one list: `allow` and `deny`. */
  allOf(...names: readonly string[]): Directive[] {
    const own = this.directives.filter(({ name }) => names.includes(name));
    return own.length > 0 || this.parent === undefined ? own : this.parent.allOf(...names);
  }

  last(name: string): Directive | undefined {
    return this.all(name).at(-1);
  }

  /** What a variable is that is `set` once, to a text without variables. */
  constant(name: string): string | undefined {
    return this.#constants.get(name) ?? this.parent?.constant(name);
  }
}

function constantsOf(directives: readonly Directive[]): Map<string, string> {
  const found = new Map<string, string>();
  const twice = new Set<string>();
  const visit = (list: readonly Directive[], isSure: boolean): void => {
    for (const { name, args, block } of list) {
      const [variable, value] = args;
      if (name === 'set' && variable !== undefined && value !== undefined) {
        if (found.has(variable.text) || !isSure || value.text.includes('$')) twice.add(variable.text);
        found.set(variable.text, value.text);
      }
      if (block !== undefined && name === 'if') visit(block, false);
    }
  };
  visit(directives, true);
  for (const name of twice) found.delete(name);
  return found;
}
