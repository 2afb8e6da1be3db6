// Fields of the request as the backend gets it.
import type { FilterConfig } from '../config/filter-types.ts';
import type { Filter, FilterRequest, FilterResult } from './filter.ts';
import { HeaderEdits } from './header-edits.ts';

export class RequestHeadersFilter implements Filter {
  readonly name: string;
  readonly sets: readonly string[];
  readonly #edits: HeaderEdits;

  constructor(config: Extract<FilterConfig, { readonly kind: 'requestHeaders' }>) {
    this.name = config.name;
    this.#edits = new HeaderEdits(config);
    this.sets = this.#edits.claims;
  }

  /** Faults: identity_too_large. */
  onRequest(request: FilterRequest): FilterResult {
    this.#edits.apply(request.fields, request);
    return 'pass';
  }
}
