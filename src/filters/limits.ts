// Filters that keep requests out by what they are.
import { Fault } from '../base/fault.ts';
import type { FilterConfig } from '../config/filter-types.ts';
import type { Filter, FilterRequest, FilterResult } from './filter.ts';

type Config<K> = Extract<FilterConfig, { readonly kind: K }>;

export class BodyLimitFilter implements Filter {
  readonly name: string;
  readonly #bytes: number;

  constructor({ name, bytes }: Config<'bodyLimit'>) {
    this.name = name;
    this.#bytes = bytes;
  }

  onRequest(request: FilterRequest): FilterResult {
    request.limitBody(this.#bytes);
    return 'pass';
  }
}

export class UserAgentBlockFilter implements Filter {
  readonly name: string;
  /** In lower case. */
  readonly #userAgents: readonly string[];

  constructor({ name, userAgents }: Config<'userAgentBlock'>) {
    this.name = name;
    this.#userAgents = userAgents;
  }

  /** Faults: user_agent_denied. */
  onRequest({ fields }: FilterRequest): FilterResult {
    const agent = fields.find('user-agent')?.toLowerCase();
    if (agent !== undefined && this.#userAgents.some((one) => agent.includes(one)))
      throw new Fault('user_agent_denied', 'client', { detail: `middleware ${this.name}` });
    return 'pass';
  }
}
