// What a request says, noted for its line in the access log.
import type { FilterConfig } from '../config/filter-types.ts';
import type { Filter, FilterRequest, FilterResult } from './filter.ts';

export class AccessLogFilter implements Filter {
  readonly name: string;
  readonly #headers: readonly string[];
  readonly #query: readonly string[];

  constructor({ name, headers, query }: Extract<FilterConfig, { readonly kind: 'accessLog' }>) {
    this.name = name;
    this.#headers = headers;
    this.#query = query;
  }

  onRequest(request: FilterRequest): FilterResult {
    for (const name of this.#headers) {
      const value = request.received.find(name);
      if (value !== undefined) request.note(name, value);
    }
    if (this.#query.length === 0 || request.query === '') return 'pass';
    const query = new URLSearchParams(request.query);
    for (const name of this.#query) {
      const value = query.get(name);
      if (value !== null) request.note(`query.${name}`, value);
    }
    return 'pass';
  }
}
