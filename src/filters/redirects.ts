// Filters that answer with another location. What of a request stands in it is percent-encoded ASCII; which host it names is
// looked at again before it is sent, so that no path and no query sends a client to somebody else's.
import { Fault } from '../base/fault.ts';
import type { FilterConfig } from '../config/filter-types.ts';
import { FieldBlock } from '../http/field.ts';
import { Answer, type Filter, type FilterRequest, type FilterResult } from './filter.ts';
import { Replacement } from './replacement.ts';
import { Template } from './template.ts';

type Config<K> = Extract<FilterConfig, { readonly kind: K }>;

/** Where an authority for certificates looks for proof over plain HTTP (RFC 8555 section 8.3). */
const acmePrefix = '/.well-known/acme-challenge/';

function isExempt({ receivedPath }: FilterRequest): boolean {
  return receivedPath === '*' || receivedPath.startsWith(acmePrefix);
}

/** 301 and 302 for what browsers repeat as it is, 308 and 307 where the method and the body have to be kept. */
function answer({ method }: FilterRequest, location: string, isPermanent: boolean): Answer {
  const isPlain = method === 'GET' || method === 'HEAD';
  const status = isPermanent ? (isPlain ? 301 : 308) : isPlain ? 302 : 307;
  const encoded = location.replaceAll(
    /[^\x21-\x7e]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
  return new Answer(status, new FieldBlock([['Location', encoded]]), '');
}

export class RedirectSchemeFilter implements Filter {
  readonly name: string;
  readonly #scheme: 'http' | 'https';
  readonly #port: number;
  readonly #isPermanent: boolean;

  constructor({ name, scheme, port, permanent }: Config<'redirectScheme'>) {
    this.name = name;
    this.#scheme = scheme;
    this.#port = port;
    this.#isPermanent = permanent;
  }

  /** Faults: plaintext_refused, bad_request where there is no host to send the client to. */
  onRequest(request: FilterRequest): FilterResult {
    if (request.scheme === this.#scheme || isExempt(request)) return 'pass';
    const authority = this.#authority(request);
    if (authority === undefined)
      throw new Fault(this.#scheme === 'https' ? 'plaintext_refused' : 'bad_request', 'client', {
        detail: 'it names no host that it could be redirected to',
      });
    const { receivedPath, query } = request;
    return answer(request, `${this.#scheme}://${authority}${receivedPath}${query}`, this.#isPermanent);
  }

  #authority(request: FilterRequest): string | undefined {
    if (this.#scheme === 'https' && this.#port === 0) return request.secureAuthority;
    const { host } = request;
    if (host === '') return undefined;
    const usual = this.#scheme === 'https' ? 443 : 80;
    const port = this.#port === 0 || this.#port === usual ? '' : `:${this.#port}`;
    return `${host.includes(':') ? `[${host}]` : host}${port}`;
  }
}

export class RedirectFilter implements Filter {
  readonly name: string;
  readonly #url: Template;
  readonly #isPermanent: boolean;
  /** A path without a query of its own: the client's goes along, as in Goma. */
  readonly #keepsQuery: boolean;

  constructor({ name, url, permanent }: Config<'redirect'>) {
    this.name = name;
    this.#url = new Template(url);
    this.#isPermanent = permanent;
    const [first] = url;
    const isLocal = typeof first !== 'string' || first.startsWith('/');
    this.#keepsQuery =
      isLocal &&
      !url.some((part) => (typeof part === 'object' ? part.variable === 'request.query' : part.includes('?')));
  }

  onRequest(request: FilterRequest): FilterResult {
    if (isExempt(request)) return 'pass';
    const url = this.#url.renderAll(request);
    return answer(request, this.#keepsQuery ? url + request.query : url, this.#isPermanent);
  }
}

export class RedirectRegexFilter implements Filter {
  readonly name: string;
  readonly #replacement: Replacement;
  readonly #origin: string | undefined;
  readonly #isPermanent: boolean;

  constructor(config: Config<'redirectRegex'>) {
    this.name = config.name;
    this.#replacement = new Replacement(config, config.name);
    this.#origin = config.origin;
    this.#isPermanent = config.permanent;
  }

  /** Faults: uri_too_long; ambiguous_path for what would send the client to a host that is not the operator's choice. */
  onRequest(request: FilterRequest): FilterResult {
    if (isExempt(request)) return 'pass';
    const location = this.#replacement.apply(request.path + request.query);
    if (location === undefined) return 'pass';
    if (!this.#isOurs(location))
      throw new Fault('ambiguous_path', 'client', {
        detail: `middleware ${this.name} would redirect it to a host that the request has chosen`,
      });
    return answer(request, location, this.#isPermanent);
  }

  #isOurs(location: string): boolean {
    if (this.#origin === undefined) return /^\/(?![/\\])/.test(location);
    const end = location.charAt(this.#origin.length);
    return location.startsWith(this.#origin) && (end === '' || end === '/' || end === '?' || end === '#');
  }
}
