// `cors` of the gateway, of a route, of responseHeaders, and as a middleware of its own: which pages of other origins may call, and
// read what comes back (Fetch standard, section 3.2).
import type { z } from 'zod';
import { isToken } from '../http/field.ts';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { flag, integer, list, map, text } from './atoms.ts';
import { type FilterCommon, filterType } from './filter-type.ts';
import { key } from './key.ts';
import { type Mistake, reportMistake } from './reading.ts';
import { ignored } from './support.ts';

export type CorsConfig = {
  /** Every origin, whatever `origins` holds. */
  readonly anyOrigin: boolean;
  /** As browsers write them; `https://*.example.com` stands for every subdomain. */
  readonly origins: readonly string[];
  /** Empty: those of the route, else what is asked for. */
  readonly methods: readonly string[];
  /** Empty: what is asked for. */
  readonly headers: readonly string[];
  readonly exposed: readonly string[];
  readonly credentials: boolean;
  /** Seconds; 0: as long as browsers choose. */
  readonly maxAge: number;
};

function corsKeys(enabled: boolean) {
  return {
    enabled: key(flag, { says: 'Default {default}.', default: enabled }),
    origins: key(list(text), {
      says: 'Origins that may call: https://app.example.com, https://*.example.com, or *.',
      default: [],
      page: 'Goma. Origins that may call: `https://app.example.com`, own: `https://*.example.com` (every subdomain, not the domain itself), or `*` alone.',
    }),
    allowMethods: key(list(text), {
      says: 'Methods besides those of the route. Default: what is asked for.',
      default: [],
      page: 'Goma. Methods besides those of the route; where neither lists any, what the page asks for.',
    }),
    allowedHeaders: key(list(text), {
      says: 'Request fields that pages may set. Default: what is asked for.',
      default: [],
      page: 'Goma. Request fields that pages may set; none: what the page asks for.',
    }),
    exposeHeaders: key(list(text), {
      says: 'Fields of answers that pages may read.',
      default: [],
      page: 'Goma. Fields of answers that pages may read.',
    }),
    allowCredentials: key(flag, {
      says: 'Cookies, passwords and client certificates go along; never with *. Default {default}.',
      default: false,
      page: 'Goma. Cookies, passwords and client certificates go along. An error with `*`: every page on the net would act as its visitor.',
    }),
    maxAge: key(integer(0, 31_536_000), {
      says: 'Seconds for which the answer to a preflight is kept; 0: as browsers choose.',
      default: 0,
      page: 'Goma. Seconds for which browsers keep the answer to a preflight; `0`: as they choose.',
    }),
    headers: ignored('no further fields are set', 'Write setHeaders of a middleware of type responseHeaders.'),
  };
}

export const corsShape = map(corsKeys(true));
/** Within responseHeaders, where Goma asks for the word. */
export const innerCorsShape = map(corsKeys(false));
type CorsShape = z.output<typeof corsShape>;

export const corsFilter = filterType({
  kind: 'cors',
  names: ['cors'],
  guards: false,
  says: 'Lets pages of other origins call the route, and read what comes back.',
  rule: corsShape,
  read: (rule, at, problems) => {
    const cors = readCors(rule, at, problems);
    if (cors === undefined)
      problems.warn('unused_value', at.place, 'no origin is allowed: the middleware has no effect', 'Write origins.');
    // Without an origin nobody gets a word of it, which is what a disabled one does.
    return cors ?? { ...nobody };
  },
});

const nobody: CorsConfig = {
  anyOrigin: false,
  origins: [],
  methods: [],
  headers: [],
  exposed: [],
  credentials: false,
  maxAge: 0,
};

/** The filter of a route by its own `cors`, else by the gateway's. `at`: the block that counts. */
export function readRouteCors(
  own: { readonly shape: CorsShape | undefined; readonly at: Cursor },
  ofGateway: { readonly shape: CorsShape | undefined; readonly at: Cursor },
  problems: ProblemList,
): (FilterCommon & CorsConfig & { readonly kind: 'cors' })[] {
  // As in Goma: one that says nothing is the gateway's, one that is switched off is none.
  if (own.shape?.enabled === false) return [];
  const written = readCors(own.shape, own.at, problems);
  const used = written === undefined ? ofGateway : own;
  const cors = written ?? readCors(ofGateway.shape, ofGateway.at, problems);
  if (cors === undefined) return [];
  const { place } = used.at;
  return [{ name: 'cors', type: 'cors', paths: undefined, guards: false, place, ...cors, kind: 'cors' }];
}

/** Undefined where it is switched off, or no origin is named. `at`: the block. */
export function readCors(shape: CorsShape | undefined, at: Cursor, problems: ProblemList): CorsConfig | undefined {
  if (shape === undefined || !shape.enabled || (shape.origins.length === 0 && !at.isBroken('origins')))
    return undefined;
  const anyOrigin = shape.origins.includes('*');
  if (anyOrigin && shape.allowCredentials)
    problems.error(
      'wrong_value',
      at.down('allowCredentials').place,
      'allowCredentials with the origin *: every page on the net would act with the rights of its visitor',
      'List the origins.',
    );
  if (anyOrigin && shape.origins.length > 1)
    problems.warn('unused_value', at.down('origins').place, 'beside * no other origin has an effect');
  return {
    anyOrigin,
    origins: shape.origins.flatMap((origin, i) => readOrigin(origin, at.down('origins', i), problems)),
    methods: shape.allowMethods
      .map((method) => method.toUpperCase())
      .filter((method, i) => {
        return checkToken(method, at.down('allowMethods', i), problems);
      }),
    headers: shape.allowedHeaders.filter((name, i) => checkToken(name, at.down('allowedHeaders', i), problems)),
    exposed: shape.exposeHeaders.filter((name, i) => checkToken(name, at.down('exposeHeaders', i), problems)),
    credentials: shape.allowCredentials,
    maxAge: shape.maxAge,
  };
}

function checkToken(name: string, at: Cursor, problems: ProblemList): boolean {
  if (isToken(name) && name.length <= 128) return true;
  reportMistake(problems, 'wrong_value', at, name, { problem: 'is no name of a method or a field', hint: '' });
  return false;
}

const originPattern = /^(https?):\/\/(\*\.)?([A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?\/?$/i;

function readOrigin(written: string, at: Cursor, problems: ProblemList): string[] {
  const origin = written.trim();
  if (origin === '*') return [];
  const [whole, scheme = '', star = '', host = '', port] = originPattern.exec(origin) ?? [];
  if (whole === undefined) {
    reportMistake(problems, 'bad_origin', at, written, mistakeIn(origin));
    return [];
  }
  const isUsual = port === undefined || port === (scheme.toLowerCase() === 'https' ? '443' : '80');
  return [`${scheme}://${star}${host}${isUsual ? '' : `:${port}`}`.toLowerCase()];
}

function mistakeIn(origin: string): Mistake {
  if (origin.toLowerCase() === 'null')
    return { problem: 'is what every sandboxed page and every file says', hint: 'Name the origins that are meant.' };
  return {
    problem: 'is no origin',
    hint: 'For example https://app.example.com, https://*.example.com or http://localhost:3000, without a path.',
  };
}
