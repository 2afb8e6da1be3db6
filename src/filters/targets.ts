// Filters that change the path for the backend. A result that is no normal path is the client's doing: 400, and nothing passes.
import { Fault } from '../base/fault.ts';
import type { FilterConfig } from '../config/filter-types.ts';
import type { Filter, FilterRequest, FilterResult } from './filter.ts';
import { Replacement } from './replacement.ts';

type Config<K> = Extract<FilterConfig, { readonly kind: K }>;

/** Faults: ambiguous_path. */
function setPath(request: FilterRequest, path: string, middleware: string): FilterResult {
  try {
    // Where a route keeps empty segments they are the client's, never of our making.
    if (path.includes('//') && !request.path.includes('//')) throw new RangeError('an empty segment');
    request.setTarget(path, request.query);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const detail = `middleware ${middleware} would make of it what servers could read in several ways`;
    throw new Fault('ambiguous_path', 'client', { detail, cause: error });
  }
  return 'pass';
}

export class AddPrefixFilter implements Filter {
  readonly name: string;
  readonly #prefix: string;

  constructor({ name, prefix }: Config<'addPrefix'>) {
    this.name = name;
    this.#prefix = prefix;
  }

  /** Faults: ambiguous_path. */
  onRequest(request: FilterRequest): FilterResult {
    return request.path === '*' ? 'pass' : setPath(request, this.#prefix + request.path, this.name);
  }
}

export class StripPrefixFilter implements Filter {
  readonly name: string;
  readonly #prefixes: readonly string[];

  constructor({ name, prefixes }: Config<'stripPrefix'>) {
    this.name = name;
    this.#prefixes = prefixes;
  }

  /** Faults: ambiguous_path. */
  onRequest(request: FilterRequest): FilterResult {
    const { path } = request;
    const prefix = this.#prefixes.find((one) => path === one || path.startsWith(`${one}/`));
    if (prefix === undefined || prefix === '') return 'pass';
    // Slashes in front are one, as of every path that comes in.
    return setPath(request, path.slice(prefix.length).replace(/^\/*/, '/'), this.name);
  }
}

export class RewriteRegexFilter implements Filter {
  readonly name: string;
  readonly #replacement: Replacement;

  constructor(config: Config<'rewriteRegex'>) {
    this.name = config.name;
    this.#replacement = new Replacement(config, config.name);
  }

  /** Faults: uri_too_long, ambiguous_path. */
  onRequest(request: FilterRequest): FilterResult {
    if (request.path === '*') return 'pass';
    const path = this.#replacement.apply(request.path);
    return path === undefined ? 'pass' : setPath(request, path, this.name);
  }
}

export class StripQueryFilter implements Filter {
  readonly name: string;
  readonly #params: ReadonlySet<string>;
  /** Empty: all. */
  readonly #methods: readonly string[];

  constructor({ name, params, methods }: Config<'stripQuery'>) {
    this.name = name;
    this.#params = new Set(params);
    this.#methods = methods;
  }

  onRequest(request: FilterRequest): FilterResult {
    const { method, path, query } = request;
    if (query === '' || path === '*' || (this.#methods.length > 0 && !this.#methods.includes(method))) return 'pass';
    const items = query.slice(1).split('&');
    const kept = items.filter((item) => !this.#names(item));
    if (kept.length < items.length) request.setTarget(path, kept.length === 0 ? '' : `?${kept.join('&')}`);
    return 'pass';
  }

  /** Some servers read a semicolon as the end of a parameter, too. */
  #names(item: string): boolean {
    return item.split(';').some((part) => this.#params.has(decoded(part.split('=', 1)[0] ?? '')));
  }
}

/** As forms are decoded (URL standard, section 5.1); PHP and others also take what follows for an index: `a[]` is `a`. */
function decoded(name: string): string {
  const text = Buffer.from(
    name
      .replaceAll('+', ' ')
      .replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  ).toString();
  return text.replace(/\[.*$/s, '').trimStart();
}
