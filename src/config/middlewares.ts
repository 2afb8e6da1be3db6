// `middlewares[]`: which filters a route has, in which order. One that guards a route must never be skipped in silence: a name
// that nobody declared, a rule that cannot be read, a type that this version has not are errors where an enabled route uses it
// (or `defaults` adds it to all), unless leaving the type out is known to open nothing.
import { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import { findNearest } from '../yaml/nearest.ts';
import { sayPlace } from '../yaml/place.ts';
import { ProblemList } from '../yaml/problem-list.ts';
import { quote } from '../yaml/tree.ts';
import { list, map, readApart, text } from './atoms.ts';
import { checkShape, holdsSecret } from './check-shape.ts';
import { readFilterPaths, withRoutePath } from './filter-paths.ts';
import type { FilterCommon, FilterType } from './filter-type.ts';
import { type FilterConfig, filterTypeNames, findFilterType } from './filter-types.ts';
import type { MiddlewareName } from './gateway-config.ts';
import { key } from './key.ts';
import { checkKeys, type KeyCheck } from './known-keys.ts';
import { isEnabled, type WrittenRoute } from './route.ts';

const middlewareKeys = {
  name: key(text, { says: 'Unique name.' }),
  type: key(text, {}),
  paths: key(list(text), {
    says: 'Which requests of a route it is about: /a, /a/* or a regular expression found in the path. Omitted: all.',
  }),
};

export const middlewareShape = map({
  ...middlewareKeys,
  rule: z.unknown().optional().register(readApart, { readApart: true }),
});
/** Of a type that we do not have: nothing of ours may have slid into its rule. */
const foreignShape = map({ ...middlewareKeys, rule: z.unknown().optional() });
type MiddlewareShape = z.output<typeof middlewareShape>;

export type WrittenMiddleware = { readonly shape: MiddlewareShape; readonly at: Cursor };

/** Types that only change how fast answers come, or what is counted: what happens instead. All others count as guards. */
const harmless: Readonly<Record<string, string>> = {
  httpCache: 'no answer is kept, every request reaches a backend',
  httpCaching: 'no answer is kept, every request reaches a backend',
  metrics: 'the metrics of the admin entry point count every route as it is',
};

/** What an operator reads who uses one of Goma's guards: what would be open without it. */
const guards: Readonly<Record<string, string>> = {
  ldap: 'let everybody in without a password',
  ldapAuth: 'let everybody in without a password',
  oauth: 'let everybody in without a login',
  oauth2: 'let everybody in without a login',
  oidc: 'let everybody in without a login',
  geoBlock: 'let in countries that are refused',
};

const askService =
  'Have an authentication service log users in, and ask it with a forwardAuth; for APIs a jwtAuth checks tokens.';
const askDirectory =
  'Have an authentication service ask the directory, and ask it with a forwardAuth; or keep the users in a file for basicAuth.';

/** What there is in their place. */
const instead: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ldap: askDirectory,
    ldapauth: askDirectory,
    oauth: askService,
    oauth2: askService,
    oidc: askService,
    // Names of Traefik.
    ipwhitelist: 'Write type: accessPolicy, with sourceRanges.',
    ipallowlist: 'Write type: accessPolicy, with sourceRanges.',
    headers: 'Write type: requestHeaders and type: responseHeaders.',
    errors: 'Write type: errorInterceptor.',
    buffering: 'Write type: bodyLimit.',
    replacepath: 'Write type: rewriteRegex, or rewrite on the route.',
    replacepathregex: 'Write type: rewriteRegex.',
    chain: 'Name its middlewares in the routes, or in defaults.middlewares.',
    inflightreq: 'gateway.clientLimits: {requests: NUMBER} counts what a client has in progress.',
  }),
);

export type MiddlewareSurroundings = {
  /** Names that every route gets, with their place. */
  readonly defaults: { readonly names: readonly string[]; readonly at: Cursor; readonly around: Cursor };
  readonly keys: KeyCheck;
};

/** A rule that was read: all but what depends on the route. */
type ReadRule = { readonly common: FilterCommon; readonly rule: object & { readonly kind: string } };

/** The middlewares of all files. Asked for the filters of each route, then told that there are no more routes. */
export class Middlewares {
  readonly #declared: ReadonlyMap<string, WrittenMiddleware>;
  readonly #around: MiddlewareSurroundings;
  readonly #used = new Set<string>();
  readonly #rules = new Map<string, ReadRule | undefined>();

  constructor(written: readonly WrittenMiddleware[], around: MiddlewareSurroundings, problems: ProblemList) {
    this.#declared = readDeclared(written, problems);
    this.#around = around;
    const { names, at } = around.defaults;
    warnEmpty(around.defaults.around, 'no route gets any', problems);
    for (const [i, name] of names.entries()) this.#find(name, at.down(i), problems);
  }

  /** All that are declared, used or not. */
  list(): MiddlewareName[] {
    return [...this.#declared].map(([name, { shape, at }]) => ({ name, type: shape.type ?? '', place: at.place }));
  }

  /** In the order in which requests see them: the defaults, then the route's own; a name that stands in both counts once. */
  filtersOf({ shape, at }: WrittenRoute, path: string, problems: ProblemList): FilterConfig[] {
    if (!isEnabled(shape)) return [];
    warnEmpty(at, 'the route has none of its own', problems);
    const { defaults } = this.#around;
    const places = new Map<string, Cursor>();
    for (const [i, name] of defaults.names.entries()) places.set(name, defaults.at.down(i));
    for (const [i, name] of shape.middlewares.entries())
      if (!places.has(name)) places.set(name, at.down('middlewares', i));
    return [...places].flatMap(([name, place]) => {
      const read = this.#find(name, place, problems);
      if (read === undefined) return [];
      const { common, rule } = read;
      const paths = common.paths && withRoutePath(common.paths, path);
      // The type made `rule` of what its own declaration says: the union holds what it made.
      return [{ ...common, ...rule, paths } as FilterConfig];
    });
  }

  /** What nobody uses is looked at too; its mistakes do no harm. */
  finish(problems: ProblemList): void {
    for (const [name, written] of this.#declared) {
      if (this.#used.has(name)) continue;
      const { shape, at } = written;
      const what = `middleware ${quote(name)} (type ${shape.type ?? 'missing'})`;
      // What a store takes is good, whether somebody refers to it or not: the next change may.
      const isStored = at.place.stored !== undefined;
      const type = findFilterType(shape.type ?? '');
      if (type === undefined) {
        checkKeys(at.tree, foreignShape, problems, this.#around.keys);
        const lack =
          shape.type === undefined ? `middleware ${quote(name)} has no \`type\`` : `${what} is not supported`;
        if (isStored) problems.error('unsupported_middleware', at.place, lack);
        else problems.warn('unsupported_key', at.place, `${lack}; no enabled route uses it`);
        continue;
      }
      const apart = new ProblemList();
      readRule(written, type, this.#around.keys, apart);
      if (!isStored) problems.warn('unused_middleware', at.place, `no enabled route uses ${what}`);
      // But what nobody knows may be a block that slid here from where it would close something.
      for (const problem of apart.sorted([]))
        problems.add(problem.code === 'unknown_key' || isStored ? problem : { ...problem, severity: 'warning' });
    }
  }

  #find(name: string, at: Cursor, problems: ProblemList): ReadRule | undefined {
    const written = this.#declared.get(name);
    const isFirst = !this.#used.has(name);
    this.#used.add(name);
    if (written === undefined) {
      const near = findNearest(name, this.#declared.keys());
      problems.error(
        'unknown_middleware',
        at.place,
        `there is no middleware ${quote(name)}; ignoring it could leave the route unguarded`,
        near === undefined ? 'Declare it under middlewares, or remove it.' : `Did you mean ${near}?`,
      );
      return undefined;
    }
    const type = findFilterType(written.shape.type ?? '');
    if (type === undefined) {
      checkKeys(written.at.tree, foreignShape, problems, this.#around.keys);
      if (written.shape.type !== undefined) reportUse(name, written.shape.type, at, problems);
      else if (isFirst && !written.at.isBroken('type'))
        problems.error(
          'missing_key',
          written.at.place,
          `middleware ${quote(name)} has no \`type\``,
          'For example type: rateLimit.',
        );
      return undefined;
    }
    if (!this.#rules.has(name)) this.#rules.set(name, readRule(written, type, this.#around.keys, problems));
    return this.#rules.get(name);
  }
}

function readRule(
  written: WrittenMiddleware,
  type: FilterType,
  keys: KeyCheck,
  problems: ProblemList,
): ReadRule | undefined {
  if (type.holdsSecrets !== true) return readPlainRule(written, type, keys, problems);
  const apart = new ProblemList();
  const rule = readPlainRule(written, type, keys, apart);
  for (const problem of apart.sorted([])) problems.add({ ...problem, hidesValues: true });
  return rule;
}

function readPlainRule(
  { shape, at }: WrittenMiddleware,
  type: FilterType,
  keys: KeyCheck,
  problems: ProblemList,
): ReadRule | undefined {
  const ruleAt = at.down('rule');
  const node = at.holds('rule') ? ruleAt.tree : undefined;
  checkKeys(node, type.rule, problems, keys);
  if (at.place.stored !== undefined) refuseSecrets(type.rule, ruleAt, problems);
  const typed = checkShape(node, type.rule, problems);
  const paths = readFilterPaths(shape.paths, at.down('paths'), problems);
  if (type.wholeRoute === true && paths !== undefined)
    problems.warn(
      'unused_key',
      at.keyPlace('paths'),
      `a middleware of type ${shape.type ?? ''} counts for all paths of its routes, as in Goma; paths has no effect`,
      'Remove paths, or give the paths a route of their own.',
    );
  const rule = typed && type.read(typed, ruleAt, problems);
  if (rule === undefined) return undefined;
  const { name = '', type: written = '' } = shape;
  const counted = type.wholeRoute === true ? undefined : paths;
  return { common: { name, type: written, paths: counted, guards: type.guards, place: at.place }, rule };
}

/** Whoever may look at a configuration reads the objects of a store. */
function refuseSecrets({ shape }: z.ZodObject, at: Cursor, problems: ProblemList): void {
  for (const name of at.keys.filter((one) => Object.hasOwn(shape, one) && holdsSecret(shape[one] as z.ZodType)))
    problems.error(
      'secret_in_store',
      at.keyPlace(name),
      `${name} is a secret, and an object of the store can be read by everybody who may see the configuration`,
      'Write this middleware in the configuration file.',
    );
}

/** A list whose items are all commented out, or slid away: Goma takes it for none, so it is taken for none and told. */
function warnEmpty(at: Cursor, meaning: string, problems: ProblemList): void {
  if (at.isEmpty('middlewares'))
    problems.warn(
      'empty_value',
      at.keyPlace('middlewares'),
      `middlewares is written but has no value: ${meaning}`,
      'List them, or write [].',
    );
}

function readDeclared(written: readonly WrittenMiddleware[], problems: ProblemList): Map<string, WrittenMiddleware> {
  const declared = new Map<string, WrittenMiddleware>();
  for (const middleware of written) {
    const name = middleware.shape.name ?? '';
    const at = middleware.at.down('name');
    const earlier = declared.get(name);
    if (name === '') problems.error('missing_key', at.place, 'the middleware has no `name`');
    else if (earlier === undefined) declared.set(name, middleware);
    else
      problems.error(
        'duplicate_name',
        at.place,
        `two middlewares are called ${quote(name)}`,
        `The first stands in ${sayPlace(earlier.at.place)}.`,
      );
  }
  return declared;
}

function reportUse(name: string, type: string, at: Cursor, problems: ProblemList): void {
  const what = `middleware ${quote(name)} (type ${type}) is not supported by this version`;
  const harm = Object.hasOwn(harmless, type) ? harmless[type] : undefined;
  if (harm !== undefined) {
    problems.warn('unsupported_middleware', at.place, `${what} and has no effect: ${harm}`);
    return;
  }
  const consequence = Object.hasOwn(guards, type)
    ? guards[type]
    : 'pass on requests that it would have refused or changed';
  const near = Object.hasOwn(guards, type) ? undefined : findNearest(type, filterTypeNames());
  problems.error(
    'unsupported_middleware',
    at.place,
    `${what}; ignoring it would ${consequence}`,
    near === undefined
      ? (instead.get(type.toLowerCase()) ?? 'Remove it from the route if it is not needed, or disable the route.')
      : `Did you mean the type ${near}?`,
  );
}
