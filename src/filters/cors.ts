// Pages of other origins (Fetch standard, section 3.2): preflights are answered here and reach no backend, and what a page may read
// of any answer, refusals included, is said by this filter alone.
import type { CorsConfig } from '../config/cors.ts';
import { FieldBlock, isToken } from '../http/field.ts';
import { Fault } from '../base/fault.ts';
import { Answer, type Filter, type FilterRequest, type FilterResponse, type FilterResult } from './filter.ts';
import { fieldName } from './header-edits.ts';

const names = {
  allowOrigin: fieldName('Access-Control-Allow-Origin'),
  allowCredentials: fieldName('Access-Control-Allow-Credentials'),
  exposeHeaders: fieldName('Access-Control-Expose-Headers'),
  vary: fieldName('Vary'),
};

/** Of preflights alone; from a backend they would count as its word. */
const preflightOnly = ['Access-Control-Allow-Methods', 'Access-Control-Allow-Headers', 'Access-Control-Max-Age'].map(
  fieldName,
);

/** What a preflight may ask for. */
const maxAsked = 1_024;

export class CorsFilter implements Filter {
  readonly name: string;
  readonly alsoOwnAnswers = true;
  readonly answersPreflights = true;
  readonly #config: CorsConfig;
  readonly #exact: ReadonlySet<string>;
  /** What stands before and behind the names of subdomains. */
  readonly #wild: readonly (readonly [before: string, behind: string])[];
  readonly #methods: string;
  readonly #headers: string;
  readonly #exposed: string;
  /** As it came: other filters may take the field away from the backend. */
  readonly #origins = new WeakMap<FilterRequest, string>();

  /** `methods`: of the route. */
  constructor(name: string, config: CorsConfig, methods: readonly string[]) {
    this.name = name;
    this.#config = config;
    this.#exact = new Set(config.origins.filter((origin) => !origin.includes('*')));
    this.#wild = config.origins.flatMap((origin) => {
      const at = origin.indexOf('*');
      return at < 0 ? [] : [[origin.slice(0, at), origin.slice(at + 1)] as const];
    });
    this.#methods = [...new Set([...methods, ...config.methods])].join(', ');
    // To a request with credentials `*` is a name like any other.
    this.#headers = config.credentials && config.headers.includes('*') ? '' : config.headers.join(', ');
    this.#exposed = config.exposed.join(', ');
  }

  /** Faults: origin_denied for the preflight of a page that may not call. */
  onRequest(request: FilterRequest): FilterResult {
    const { method, fields } = request;
    const origin = fields.find('origin');
    if (origin !== undefined) this.#origins.set(request, origin);
    if (method !== 'OPTIONS') return 'pass';
    const asked = fields.find('access-control-request-method');
    if (origin === undefined || asked === undefined) return 'pass';
    if (!this.#allows(origin)) throw new Fault('origin_denied', 'client', { detail: `middleware ${this.name}` });
    const pairs: [string, string][] = [['Vary', 'Access-Control-Request-Method, Access-Control-Request-Headers']];
    const methods = this.#methods === '' ? plainList(asked) : this.#methods;
    if (methods !== '') pairs.push(['Access-Control-Allow-Methods', methods]);
    const headers =
      this.#headers === '' ? plainList(fields.find('access-control-request-headers') ?? '') : this.#headers;
    if (headers !== '') pairs.push(['Access-Control-Allow-Headers', headers]);
    if (this.#config.maxAge > 0) pairs.push(['Access-Control-Max-Age', String(this.#config.maxAge)]);
    return new Answer(204, new FieldBlock(pairs), '');
  }

  onResponse({ fields, isOwn }: FilterResponse, request: FilterRequest): void {
    if (!isOwn) for (const name of preflightOnly) fields.remove(name);
    fields.remove(names.allowCredentials);
    fields.remove(names.exposeHeaders);
    if (!/(?:^|,)\s*(?:\*|origin)\s*(?:,|$)/i.test(fields.find('vary') ?? '')) fields.append(names.vary, 'Origin');
    const origin = this.#origins.get(request) ?? request.fields.find('origin');
    if (origin === undefined ? !this.#config.anyOrigin : !this.#allows(origin)) return fields.remove(names.allowOrigin);
    fields.set(names.allowOrigin, this.#config.anyOrigin || origin === undefined ? '*' : origin);
    if (this.#config.credentials) fields.set(names.allowCredentials, 'true');
    if (this.#exposed !== '') fields.set(names.exposeHeaders, this.#exposed);
  }

  #allows(origin: string): boolean {
    if (this.#config.anyOrigin || this.#exact.has(origin)) return true;
    return this.#wild.some(
      ([before, behind]) =>
        origin.length > before.length + behind.length &&
        origin.startsWith(before) &&
        origin.endsWith(behind) &&
        /^[a-z0-9-]+(?:\.[a-z0-9-]+)*$/.test(origin.slice(before.length, origin.length - behind.length)),
    );
  }
}

/** What was asked for, where it is a list of names and nothing else. */
function plainList(asked: string): string {
  const items = asked.length > maxAsked ? [] : asked.split(',').map((item) => item.trim());
  return items.every(isToken) ? items.join(', ') : '';
}
