// Fields of answers. On those of the gateway's own it adds what they do not have, but nothing about caching and no cookies: a
// refusal keeps what it says.
import type { FilterConfig } from '../config/filter-types.ts';
import type { Filter, FilterRequest, FilterResponse, FilterResult } from './filter.ts';
import { fieldName, HeaderEdits } from './header-edits.ts';

const setCookie = fieldName('Set-Cookie');
const cacheControl = fieldName('Cache-Control');
const hstsName = fieldName('Strict-Transport-Security');

/** As nginx has it for `expires` and `add_header`: an error is not kept because its route may be. */
const cacheable: readonly number[] = [200, 201, 204, 206, 301, 302, 303, 304, 307, 308];

type Config = Extract<FilterConfig, { readonly kind: 'responseHeaders' }>;

export class ResponseHeadersFilter implements Filter {
  readonly name: string;
  readonly alsoOwnAnswers = true;
  readonly #edits: HeaderEdits;
  readonly #cookies: readonly string[];
  readonly #cache: Config['cache'];
  readonly #hsts: string | undefined;

  constructor(config: Config) {
    this.name = config.name;
    this.#edits = new HeaderEdits(config);
    this.#cookies = config.cookies;
    this.#cache = config.cache;
    this.#hsts = config.hsts;
  }

  onRequest(): FilterResult {
    return 'pass';
  }

  onResponse({ fields, status, isOwn }: FilterResponse, request: FilterRequest): void {
    if (this.#hsts !== undefined && request.scheme === 'https') fields.set(hstsName, this.#hsts);
    if (isOwn) return this.#edits.applyToOwn(fields, request);
    this.#edits.apply(fields, request);
    for (const cookie of this.#cookies) fields.append(setCookie, cookie);
    if (this.#cache !== undefined && (this.#cache.statuses ?? cacheable).includes(status))
      fields.set(cacheControl, this.#cache.control);
  }
}
