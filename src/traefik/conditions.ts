// One list of matchers as the hosts, path and conditions of a route.
import type { DraftMap } from '../import/draft.ts';
import type { LossCode } from '../import/losses.ts';
import { hasOuterAlternative } from '../import/outer-alternative.ts';
import type { Matcher } from './rule.ts';

export type Conditions = {
  readonly hosts: readonly string[];
  readonly path: string;
  readonly pathMatch?: 'exact' | 'regex';
  /** Of a path prefix, as it was written: `/api/` is not `/api`. */
  readonly prefix?: string;
  readonly match: DraftMap;
  /** Rules of accessPolicy. */
  readonly addresses: readonly DraftMap[];
};

/** What has no counterpart. */
export type Lost = { readonly code: LossCode; readonly says: string };

export function readConditions(matchers: readonly Matcher[]): Conditions | Lost {
  const reader = new ConditionReader();
  for (const matcher of matchers) {
    const lost = reader.add(matcher);
    if (lost !== undefined) return { code: 'match_condition', says: lost };
  }
  return reader.done();
}

class ConditionReader {
  #hosts: readonly string[] | undefined;
  #path: { path: string; pathMatch?: 'exact' | 'regex'; prefix?: string } | undefined;
  #methods: string[] = [];
  readonly #headers: DraftMap[] = [];
  readonly #query: DraftMap[] = [];
  readonly #addresses: DraftMap[] = [];

  /** Why it cannot be said here. */
  add({ name, values, negated }: Matcher): string | undefined {
    switch (name) {
      case 'host':
      case 'hostheader':
        return this.#addHosts(
          values.map((value) => value.toLowerCase()),
          negated,
        );
      case 'hostregexp': {
        if (!negated && values.some((value) => /^\^?(?:\{\w+:\.[+*]\}|\.[+*])\$?$/.test(value)))
          return this.#addHosts([], negated);
        const hosts = values.map(hostOf);
        const strange = values.find((_, i) => hosts[i] === undefined);
        if (strange !== undefined)
          return `the expression ${strange} is for more hosts than *.name and {label}.name say`;
        return this.#addHosts(hosts as string[], negated);
      }
      case 'path':
        return this.#addPath(values, negated, (path) => ({
          path: path.replace(/\/+$/, '') || '/',
          pathMatch: 'exact',
        }));
      case 'pathprefix':
        return this.#addPath(values, negated, (path) => ({ path: path.replace(/\/+$/, '') || '/', prefix: path }));
      case 'pathregexp':
        return this.#addPath(values, negated, regexOf);
      case 'method':
        if (negated) return 'every method but some has no counterpart';
        this.#methods.push(...values.map((value) => value.toUpperCase()));
        return undefined;
      case 'header':
      case 'headers':
      case 'headerregexp':
      case 'headersregexp':
        return this.#addCondition(this.#headers, values, negated, name.endsWith('regexp'));
      case 'query':
      case 'queryregexp':
        return this.#addQuery(values, negated, name.endsWith('regexp'));
      case 'clientip':
        this.#addresses.push({ action: negated ? 'DENY' : 'ALLOW', sourceRanges: [...values] });
        return undefined;
      default:
        return `the matcher ${name} is not known`;
    }
  }

  #addHosts(hosts: readonly string[], negated: boolean): string | undefined {
    if (negated) return 'every host but some has no counterpart';
    if (this.#hosts !== undefined) return 'two conditions about the host';
    this.#hosts = hosts;
    return undefined;
  }

  #addPath(
    values: readonly string[],
    negated: boolean,
    read: (path: string) => { path: string; pathMatch?: 'exact' | 'regex'; prefix?: string } | undefined,
  ): string | undefined {
    const [path, second] = values;
    if (negated) return 'every path but some has no counterpart';
    if (path === undefined || second !== undefined || this.#path !== undefined)
      return 'several paths, of which all or one would have to hold';
    if (!path.startsWith('/') && !path.startsWith('^')) return `${path} is no path`;
    // Version 2 has parameters with expressions in them.
    if (/[{}]/.test(path) && !path.startsWith('^')) {
      if (!/^(?:[^{}]|\/\{[A-Za-z_][A-Za-z0-9_]*\}(?=\/|$))*$/.test(path))
        return `the parameter with an expression in ${path} has no counterpart`;
    }
    this.#path = read(path);
    return this.#path === undefined ? `the expression ${path} is not over the whole path` : undefined;
  }

  #addCondition(list: DraftMap[], values: readonly string[], negated: boolean, isRegex: boolean): string | undefined {
    const [name, value, third] = values;
    if (name === undefined || value === undefined || third !== undefined) return 'a condition has a name and one value';
    const regex = isRegex ? wholeRegex(value) : undefined;
    if (isRegex && regex === undefined)
      return `the expression ${value} may fit a part of the value; here it has to fit the whole`;
    list.push({ name, ...(regex === undefined ? { value } : { regex }), ...(negated && { invert: true }) });
    return undefined;
  }

  #addQuery(values: readonly string[], negated: boolean, isRegex: boolean): string | undefined {
    const [first = '', second] = values;
    // Version 2: `name=value`.
    if (second === undefined && first.includes('=')) {
      const at = first.indexOf('=');
      return this.#addCondition(this.#query, [first.slice(0, at), first.slice(at + 1)], negated, isRegex);
    }
    if (second === undefined) {
      this.#query.push({ name: first, present: true, ...(negated && { invert: true }) });
      return undefined;
    }
    return this.#addCondition(this.#query, values, negated, isRegex);
  }

  done(): Conditions {
    return {
      hosts: this.#hosts ?? [],
      ...(this.#path ?? { path: '/' }),
      match: {
        ...(this.#methods.length > 0 && { methods: this.#methods }),
        ...(this.#headers.length > 0 && { headers: this.#headers }),
        ...(this.#query.length > 0 && { query: this.#query }),
      },
      addresses: this.#addresses,
    };
  }
}

/** `^[a-z]+\.example\.com$`, `{name:.+}.example.com`. */
function hostOf(expression: string): string | undefined {
  const plain = expression.replace(/^\^/, '').replace(/\$$/, '');
  // What covers less than every label would have to stay so.
  const label =
    /^(?:\{\w+\}|\{\w+:\[(?:\^\.|a-zA-Z0-9-|a-z0-9-|a-z0-9_-|a-zA-Z0-9_-)\]\+\}|\(?\[(?:\^\.|a-zA-Z0-9-|a-z0-9-|a-z0-9_-|a-zA-Z0-9_-)\]\+\)?)(?:\\\.|\.)(.+)$/.exec(
      plain,
    );
  const any = /^(?:\{\w+:(?:\.[+*])\}|\.[+*]|\(\.[+*]\))(?:\\\.|\.)(.+)$/.exec(plain);
  const rest = (label?.[1] ?? any?.[1] ?? '').replaceAll('\\.', '.').toLowerCase();
  if (!/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/.test(rest)) return undefined;
  return label === null ? `*.${rest}` : `{sub}.${rest}`;
}

function regexOf(written: string): { path: string; pathMatch: 'regex' } | undefined {
  if (!written.startsWith('^/') || hasOuterAlternative(written)) return undefined;
  let body = written.slice(1).replaceAll('\\/', '/');
  const isWhole = /(?<!\\)\$$/.test(body);
  if (isWhole) body = body.slice(0, -1);
  body = body.replace(/\/(?:\(\.\*\)|\.\*|\(\.\+\)|\.\+)$/, '/.*');
  if (isWhole || body.endsWith('/.*')) return { path: body, pathMatch: 'regex' };
  return body.endsWith('/') ? { path: `${body}.*`, pathMatch: 'regex' } : undefined;
}

function wholeRegex(text: string): string | undefined {
  const inner = /^\^(.*)\$$/.exec(text)?.[1];
  if (inner !== undefined) return hasOuterAlternative(inner) ? undefined : inner;
  return text === '.*' || text === '.+' ? text : undefined;
}
