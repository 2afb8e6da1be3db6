// A filter that is about some paths of its route only.
import type { Answer, Filter, FilterRequest, FilterResponse, FilterResult } from './filter.ts';
import type { PathScope } from './path-scope.ts';

/** The filter where `scope` has the path of a request, else nothing. What it sets of the client's is stripped everywhere. */
export function scoped(filter: Filter, scope: PathScope): Filter {
  return filter.onResponse === undefined ? new Scoped(filter, scope) : new ScopedBothWays(filter, scope);
}

class Scoped implements Filter {
  readonly name: string;
  readonly sets: readonly string[];
  readonly waitMs: number | undefined;
  readonly alsoOwnAnswers: true | undefined;
  readonly answersPreflights: true | undefined;
  protected readonly filter: Filter;
  protected readonly scope: PathScope;

  constructor(filter: Filter, scope: PathScope) {
    this.filter = filter;
    this.scope = scope;
    this.name = filter.name;
    this.sets = filter.sets ?? [];
    this.waitMs = filter.waitMs;
    this.alsoOwnAnswers = filter.alsoOwnAnswers;
    this.answersPreflights = filter.answersPreflights;
  }

  onRequest(request: FilterRequest): FilterResult | Promise<FilterResult> {
    return this.scope.has(request.receivedPath) ? this.filter.onRequest(request) : 'pass';
  }
}

class ScopedBothWays extends Scoped {
  onResponse(response: FilterResponse, request: FilterRequest): Answer | void {
    if (this.scope.has(request.receivedPath)) return this.filter.onResponse?.(response, request);
  }
}
