// Paths that nobody may call.
import type { FilterConfig } from '../config/filter-types.ts';
import type { Filter } from './filter.ts';
import { Refusal } from './refusal.ts';

export class AccessFilter implements Filter {
  readonly name: string;
  readonly #status: number;

  constructor({ name, statusCode }: Extract<FilterConfig, { readonly kind: 'access' }>) {
    this.name = name;
    this.#status = statusCode;
  }

  /** Faults: path_denied. */
  onRequest(): never {
    throw new Refusal('path_denied', 'client', { status: this.#status, detail: `middleware ${this.name}` });
  }
}
