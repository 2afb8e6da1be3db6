// Asks another server about each request (as nginx' auth_request, Envoy's ext_authz and Traefik's forwardAuth do), and lets
// those pass that it answers with 2xx. Its 401, 403 and redirects are the client's answer; whatever else comes of it lets nobody
// in. It is told what the backend would be told of the client: the address, the host, the verified certificate.
import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import type { FilterConfig } from '../config/filter-types.ts';
import { FieldBlock, type FieldName, Fields } from '../http/field.ts';
import { AuthLog } from './auth-log.ts';
import type { FilterDependencies } from './dependencies.ts';
import { nameOf } from './field-names.ts';
import { Answer, type Filter, type FilterRequest, type FilterResponse, type FilterResult } from './filter.ts';
import { setParams } from './query-params.ts';
import { Refusal } from './refusal.ts';
import type { Service, ServiceAnswer, ServiceQuestion } from './service.ts';

type Config = Extract<FilterConfig, { readonly kind: 'forwardAuth' }>;

/** Of a refusal, for the client. */
const maxBody = 64 * 1024;
const maxCookies = 32;
const always = ['authorization', 'cookie', 'user-agent', 'accept'];
/** Fields of a refusal that are the client's business. */
const passedOn = [
  'location',
  'www-authenticate',
  'set-cookie',
  'content-type',
  'content-language',
  'cache-control',
  'retry-after',
];
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const setCookie = nameOf('Set-Cookie');

export class ForwardAuthFilter implements Filter {
  readonly name: string;
  readonly waitMs: number;
  readonly sets: readonly string[];
  readonly #config: Config;
  readonly #asked: readonly string[];
  readonly #given: readonly { readonly from: string; readonly to: FieldName }[];
  readonly #service: Service;
  readonly #log: AuthLog;
  readonly #clock: Clock;
  /** Cookies for the client of requests under way. */
  readonly #cookies = new WeakMap<FilterRequest, readonly string[]>();

  constructor(config: Config, service: Service, dependencies: FilterDependencies) {
    this.name = config.name;
    this.#config = config;
    // The service is late before the filter is: that is the better thing to say.
    this.waitMs = config.timeoutMs + 1_000;
    this.#asked = [...new Set([...always, ...config.requestHeaders])];
    this.#given = config.responseHeaders.map(({ from, to }) => ({ from, to: nameOf(to) }));
    this.sets = config.responseHeaders.map(({ to }) => to);
    this.#service = service;
    this.#log = new AuthLog(config.name, dependencies);
    this.#clock = dependencies.clock;
  }

  /** Faults: unauthenticated, access_denied, auth_unavailable. */
  async onRequest(request: FilterRequest): Promise<FilterResult> {
    const outcome = await this.#ask(request);
    if (outcome instanceof Fault)
      throw this.#unavailable(`${outcome.code}${outcome.detail === undefined ? '' : `: ${outcome.detail}`}`);
    const { status } = outcome;
    if (status >= 200 && status < 300) return this.#admit(request, outcome);
    if (status === 401 && this.#config.signIn !== undefined) return this.#redirect(request, this.#config.signIn);
    if (status === 401 || status === 403 || status === 429 || redirects.has(status))
      return this.#refuse(request, outcome);
    throw this.#unavailable(`it answers with status ${status}`);
  }

  onResponse({ fields }: FilterResponse, request: FilterRequest): void {
    for (const cookie of this.#cookies.get(request) ?? []) fields.append(setCookie, cookie);
  }

  #ask(request: FilterRequest): Promise<ServiceAnswer | Fault> {
    const { timeoutMs } = this.#config;
    return new Promise((resolve) => {
      const cancelTimer = this.#clock.after(timeoutMs, () => {
        cancel();
        resolve(new Fault('response_timeout', 'backend', { detail: `no answer within ${timeoutMs} ms` }));
      });
      const cancel = this.#service.ask(this.#question(request), (outcome) => {
        cancelTimer();
        resolve(outcome);
      });
      request.onCancel = () => {
        cancelTimer();
        cancel();
      };
    });
  }

  #question(request: FilterRequest): ServiceQuestion {
    const { service, forwardHost, forwardedUri } = this.#config;
    const fields = new Fields();
    const { names, values } = request.fields.current;
    names.forEach((name, at) => {
      if (this.#asked.includes(name.lower)) fields.push(name, values[at] ?? '');
    });
    const extra = request.gatewayFields();
    const url = urlOf(request, extra);
    const about = new FieldBlock([
      ['X-Forwarded-Method', request.method],
      ['X-Forwarded-URI', forwardedUri === 'url' ? url : request.receivedPath + request.query],
      ['X-Original-URL', url],
    ]);
    const authority = forwardHost ? find(extra, 'X-Forwarded-Host') : undefined;
    return { method: 'GET', target: service.target, authority, fields, extra: [about, ...extra], maxBytes: maxBody };
  }

  #admit(request: FilterRequest, { fields }: ServiceAnswer): 'pass' {
    for (const { from, to } of this.#given) {
      const value = joined(fields, from);
      request.fields.remove(to);
      if (value !== undefined && value !== '') request.fields.set(to, value);
    }
    const { responseParams } = this.#config;
    if (responseParams.length > 0) {
      const params = new Map(responseParams.map(({ from, to }) => [to, utf8(joined(fields, from))]));
      request.setTarget(request.path, setParams(request.query, params));
    }
    const cookies = this.#cookiesOf(fields);
    if (cookies.length > 0) this.#cookies.set(request, cookies);
    this.#log.count('passed');
    return 'pass';
  }

  #cookiesOf(fields: Fields): string[] {
    const { cookies } = this.#config;
    const all = fields.values.filter((_, at) => fields.names[at]?.lower === 'set-cookie');
    const wanted =
      cookies === undefined ? all : all.filter((one) => cookies.includes(one.split('=', 1)[0]?.trim() ?? ''));
    return wanted.slice(0, maxCookies);
  }

  /** The refusal of the service, in its own words. */
  #refuse(request: FilterRequest, { status, fields, body }: ServiceAnswer): Answer {
    const pairs = passedOn.flatMap((lower) =>
      fields.names.flatMap((name, at) => (name.lower === lower ? [[name.raw, fields.values[at] ?? ''] as const] : [])),
    );
    // What is no text would arrive broken; what nobody says anything about is nobody's to keep.
    const text = isText(fields) ? body.toString() : '';
    const kept = text === '' ? pairs.filter(([name]) => !name.toLowerCase().startsWith('content-')) : pairs;
    if (!kept.some(([name]) => name.toLowerCase() === 'cache-control')) kept.push(['Cache-Control', 'no-store']);
    return new Answer(status, new FieldBlock(kept), text, this.#fault(request, status));
  }

  #redirect(request: FilterRequest, signIn: string): Answer {
    const url = urlOf(request, request.gatewayFields());
    const location = signIn.includes('?') ? `${signIn}${encodeURIComponent(url)}` : signIn;
    const fields = new FieldBlock([
      ['Location', location],
      ['Cache-Control', 'no-store'],
    ]);
    return new Answer(302, fields, '', this.#fault(request, 401));
  }

  #fault(request: FilterRequest, status: number): Fault {
    this.#log.refused(request.address);
    const code = status === 403 || status === 429 ? 'access_denied' : 'unauthenticated';
    return new Fault(code, 'client', { detail: `middleware ${this.name}: ${this.#service.label} answered ${status}` });
  }

  #unavailable(why: string): Refusal {
    this.#log.count('unavailable');
    const detail = `middleware ${this.name}: ${this.#service.label} could not be asked: ${why}`;
    return new Refusal('auth_unavailable', 'gateway', { detail });
  }
}

/** As the client asked for it, normalised; by what is verified of it. */
function urlOf({ receivedPath, query, host, scheme }: FilterRequest, blocks: readonly FieldBlock[]): string {
  return `${scheme}://${find(blocks, 'X-Forwarded-Host') ?? host}${receivedPath}${query}`;
}

function find(blocks: readonly FieldBlock[], name: string): string | undefined {
  for (const { pairs } of blocks) for (const [one, value] of pairs) if (one === name) return value;
  return undefined;
}

function joined(fields: Fields, lower: string): string | undefined {
  const values = fields.values.filter((_, at) => fields.names[at]?.lower === lower);
  return values.length === 0 ? undefined : values.join(', ');
}

/** Bytes of a field as text. */
function utf8(value: string | undefined): string | undefined {
  return value === undefined ? undefined : Buffer.from(value, 'latin1').toString();
}

function isText(fields: Fields): boolean {
  const type = fields.find('content-type') ?? '';
  return (
    fields.find('content-encoding') === undefined && /^(?:text\/|application\/(?:[\w.-]+\+)?(?:json|xml)\b)/i.test(type)
  );
}
