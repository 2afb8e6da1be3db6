// One request on its way through the filters of its route (filters/filter.ts): runs them in turn, waits for those that
// wait, and keeps what they change. A wait ends with the filter's word, its time, or the client, whichever comes first; a
// filter that fails lets nothing pass. While a request waits, nothing of it is read and nothing of it has left.
import type { Late } from '../base/deadline.ts';
import { noSlot } from '../base/slot-set.ts';
import { Fault } from '../base/fault.ts';
import { FieldEdits } from '../filters/field-edits.ts';
import {
  Answer,
  type BodyEncoder,
  defaultWaitMs,
  type Filter,
  type FilterRequest,
  type FilterResult,
} from '../filters/filter.ts';
import type { ClientWatcher, ResponseHead } from '../http/exchange.ts';
import type { FieldBlock, Fields } from '../http/field.ts';
import { normalizeTarget } from '../routing/normalize-target.ts';
import type { Identity } from '../trust/verdict.ts';
import type { Permitted } from './authorize.ts';
import { fieldsOfClient, fieldsOfGateway } from './client-fields.ts';
import { verifyClient } from './identify.ts';
import { answerOf } from './refuse.ts';
import type { FilterChanges, OwnAnswer, RequestContext } from './request-context.ts';
import { hintsOf, OwnAnswerEdits, ResponseEdits } from './response-edits.ts';
import { secureAuthority } from './secure-authority.ts';

/** However long a filter asks for: every wait ends. */
const maxWaitMs = 60_000;

/** Every filter of the route let it pass: the only value that can be prepared and dispatched. */
export type Filtered = Permitted & { readonly filtersPassed: true };

/** False for whatever a filter of its route has not let pass, casts or not. */
export function isFiltered(context: Permitted): context is Filtered {
  if (!context.filtersPassed) return false;
  return context.route.filters.length === 0 || Filtering.hasPassed(context);
}

/** Who goes on with a request after a wait. Must not throw. */
export interface FilteringOwner {
  onWaited(filtering: Filtering): void;
}

export class Filtering implements FilterRequest, FilterChanges, ClientWatcher, Late {
  readonly context: Permitted;
  readonly receivedPath: string;
  deadline = Infinity;
  slot = noSlot;
  onCancel: ((why: Fault) => void) | undefined;
  readonly #owner: FilteringOwner;
  #fields: FieldEdits | undefined;
  /** The answer of the backend, where filters have seen it. */
  #response: ResponseEdits | undefined;
  #maxBodyBytes: number;
  /** The filter that is to be asked next, or is waited for. */
  #at = 0;
  #waitsFor: Promise<FilterResult> | undefined;
  /** What the wait ended with. */
  #outcome: FilterResult | Fault | undefined;

  constructor(context: Permitted, owner: FilteringOwner) {
    this.context = context;
    this.#owner = owner;
    this.receivedPath = context.path;
    this.#maxBodyBytes = context.route.config.maxBodyBytes;
  }

  // --- what a filter sees

  get requestId(): string {
    return this.context.requestId;
  }

  get method(): string {
    return this.context.exchange.head.method;
  }

  get host(): string {
    return this.context.host;
  }

  get path(): string {
    return this.context.path;
  }

  get query(): string {
    return this.context.query;
  }

  setTarget(path: string, query: string): void {
    const normal = normalizeTarget(path + query);
    const isNormal = normal?.query === query && (normal.path === path || normal.unmerged === path);
    const isAllowed = normal?.encodedSlash === false || this.context.route.config.allowEncodedSlash;
    if (!isNormal || !isAllowed || path === '*') throw new RangeError('a target that a filter sets must be normal');
    const changing: RequestContext = this.context;
    changing.path = path;
    changing.query = query;
    changing.isPathChanged = true;
  }

  get maxBodyBytes(): number {
    return this.#maxBodyBytes;
  }

  limitBody(bytes: number): void {
    if (!Number.isSafeInteger(bytes) || bytes < 1) throw new RangeError(`${bytes} is no limit of a body`);
    if (this.#maxBodyBytes === 0 || bytes < this.#maxBodyBytes) this.#maxBodyBytes = bytes;
  }

  note(name: string, value: string): void {
    const changing: RequestContext = this.context;
    (changing.noted ??= []).push([name, value]);
  }

  get route(): string {
    return this.context.route.config.name;
  }

  get secure(): boolean {
    return this.context.client.peer.secure;
  }

  get scheme(): 'http' | 'https' {
    const { serving, exchange, client } = this.context;
    return serving.forwarding.scheme(exchange.head, client.peer);
  }

  get secureAuthority(): string | undefined {
    return secureAuthority(this.context);
  }

  get identity(): Identity | undefined {
    return this.context.client.peer.identity;
  }

  get address(): string {
    const { serving, exchange, client } = this.context;
    return serving.forwarding.clientAddress(exchange.head, client.peer);
  }

  gatewayFields(): readonly FieldBlock[] {
    return fieldsOfGateway(this.context);
  }

  get received(): Fields {
    return this.context.exchange.head.fields;
  }

  get fields(): FieldEdits {
    return (this.#fields ??= new FieldEdits(fieldsOfClient(this.context), this.context.serving.strip));
  }

  // --- one filter after the other

  /** Asks the filters from where it stands. Undefined where one has answered, or waits. Throws what a filter refuses with. */
  run(): Filtered | undefined {
    const { filters } = this.context.route;
    for (let filter = filters[this.#at]; filter !== undefined; filter = filters[this.#at]) {
      const result = this.#ask(filter);
      if (result instanceof Promise) {
        this.#wait(filter, result);
        return undefined;
      }
      if (!this.#follow(filter, result)) return undefined;
    }
    return passed(this.context);
  }

  /** True where this very request went through all of its filters. */
  static hasPassed(context: Permitted): boolean {
    const { changes, route } = context;
    return changes instanceof Filtering && changes.context === context && changes.#at === route.filters.length;
  }

  /** As `run`, after a wait. The client is looked at again: it may have lost its trust meanwhile. */
  goOn(): Filtered | undefined {
    const filter = this.context.route.filters[this.#at];
    const outcome = this.#outcome;
    this.#outcome = undefined;
    if (outcome instanceof Fault) throw outcome;
    if (filter === undefined || outcome === undefined) throw new Error('no filter has waited');
    verifyClient(this.context.client, this.context.services.clock.now());
    return this.#follow(filter, outcome) ? this.run() : undefined;
  }

  #ask(filter: Filter): FilterResult | Promise<FilterResult> {
    try {
      return filter.onRequest(this);
    } catch (error) {
      throw faultOf(filter, error);
    }
  }

  /** False where the filter has answered. */
  #follow(filter: Filter, result: FilterResult): boolean {
    if (result === 'pass') {
      this.#at++;
      return true;
    }
    // The type says so; a filter that breaks it must not let anything pass.
    if (!(result instanceof Answer)) throw faultOf(filter, new TypeError('neither an answer nor pass'));
    answerOf(this.context, result);
    return false;
  }

  // --- waiting

  #wait(filter: Filter, promise: Promise<FilterResult>): void {
    const { services, exchange } = this.context;
    this.#waitsFor = promise;
    promise.then(
      (result) => this.#settle(promise, result),
      (error: unknown) => this.#settle(promise, faultOf(filter, error)),
    );
    services.deadlines.add(this);
    this.deadline = services.deadlines.now + Math.min(filter.waitMs ?? defaultWaitMs, maxWaitMs);
    exchange.watch(this);
  }

  onLate(): void {
    const { name = '', waitMs = defaultWaitMs } = this.context.route.filters[this.#at] ?? {};
    this.#cancel(
      new Fault('filter_timeout', 'gateway', {
        detail: `filter ${name} did not decide within ${Math.min(waitMs, maxWaitMs)} ms`,
      }),
    );
  }

  onClientFailure(fault: Fault): void {
    this.#cancel(fault);
  }

  /** The wait is over without the filter's word: it is told, and what it says later is ignored. */
  #cancel(why: Fault): void {
    const promise = this.#waitsFor;
    if (promise === undefined) return;
    const { onCancel } = this;
    this.onCancel = undefined;
    try {
      onCancel?.(why);
    } catch (error) {
      this.context.services.onDefect(error);
    }
    this.#settle(promise, why);
  }

  #settle(promise: Promise<FilterResult>, outcome: FilterResult | Fault): void {
    if (this.#waitsFor !== promise) return;
    this.#waitsFor = undefined;
    this.onCancel = undefined;
    this.deadline = Infinity;
    this.context.services.deadlines.delete(this);
    this.#outcome = outcome;
    this.#owner.onWaited(this);
  }

  // --- what has changed

  get requestFields(): Fields {
    return this.fields.current;
  }

  changeResponse(head: ResponseHead): ResponseHead | Answer | Fault {
    const { filters } = this.context.route;
    this.#response = undefined;
    for (let at = filters.length - 1; at >= 0; at--) {
      const filter = filters[at];
      if (filter?.onResponse === undefined) continue;
      try {
        this.#response ??= new ResponseEdits(head);
        const answer = filter.onResponse(this.#response, this);
        if (answer !== undefined) return answer;
      } catch (error) {
        return faultOf(filter, error);
      }
    }
    return this.#response?.head ?? head;
  }

  makeEncoder(): BodyEncoder | undefined {
    return this.#response?.makeEncoder?.();
  }

  cleanRequestTrailers(trailers: Fields): Fields {
    return this.#fields === undefined ? trailers : this.#fields.cleanTrailers(trailers);
  }

  cleanResponseTrailers(trailers: Fields): Fields {
    return this.#response === undefined ? trailers : this.#response.fields.cleanTrailers(trailers);
  }

  changeInformational(head: ResponseHead): ResponseHead {
    return this.context.route.filters.some(({ onResponse }) => onResponse !== undefined) ? hintsOf(head) : head;
  }

  changeOwnAnswer(status: number, block: FieldBlock, isOnPurpose: boolean): OwnAnswer {
    const { filters } = this.context.route;
    let edits: OwnAnswerEdits | undefined;
    let body: string | undefined;
    for (let at = filters.length - 1; at >= 0; at--) {
      const filter = filters[at];
      if (filter?.alsoOwnAnswers !== true) continue;
      edits ??= new OwnAnswerEdits(status, block);
      const answer = filter.onResponse?.(edits, this);
      if (!(answer instanceof Answer) || body !== undefined || isOnPurpose) continue;
      body = answer.body;
      edits.describeBody(answer.fields);
    }
    return { fields: edits?.block ?? block, body };
  }
}

/** Marks a request that no filter holds back. */
export function passed(context: Permitted): Filtered {
  if (context.unserved !== undefined) throw context.unserved;
  const changing: RequestContext = context;
  changing.filtersPassed = true;
  if (!isFiltered(context))
    throw new Fault('internal', 'gateway', { detail: 'a request that filters did not let pass' });
  return context;
}

/** A filter refuses with a Fault of its choice; what else it throws is a defect. */
function faultOf(filter: Filter, error: unknown): Fault {
  if (error instanceof Fault) return error;
  const detail = `filter ${filter.name}: ${error instanceof Error ? error.message : String(error)}`;
  return new Fault('internal', 'gateway', { detail, cause: error });
}
