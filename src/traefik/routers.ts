// Routers as routes: a route for each choice of a rule, with what its middlewares and its service say.
import type { SourceMap, SourceValue } from '../import/source-map.ts';
import { type Conditions, readConditions } from './conditions.ts';
import { readResolver, type Resolver, type TraefikEntry } from './entry-points.ts';
import type { Effects, Middlewares } from './middlewares.ts';
import { parseRule } from './rule.ts';

export type Router = {
  readonly name: string;
  readonly source: SourceMap;
  readonly rule: SourceValue;
  readonly entries: readonly TraefikEntry[];
  /** undefined: plain HTTP. */
  readonly options: string | undefined;
  readonly choices: readonly Conditions[];
  /** Higher first. */
  readonly priority: number;
  readonly service: SourceValue | undefined;
  readonly effects: Effects;
  readonly resolver: Resolver | undefined;
};

/** `asTls`: which entry points speak TLS; those routers that do not fit there are reported. */
export function readRouters(
  routers: SourceMap | undefined,
  entries: readonly TraefikEntry[],
  middlewares: Middlewares,
): Router[] {
  return (routers?.names ?? []).flatMap((name) => {
    const router = routers?.map(name);
    return router === undefined ? [] : (readRouter(name, router, entries, middlewares) ?? []);
  });
}

function readRouter(
  name: string,
  router: SourceMap,
  all: readonly TraefikEntry[],
  middlewares: Middlewares,
): Router | undefined {
  const { report } = router.reading;
  const rule = router.get('rule');
  const service = router.get('service');
  const tls = router.mapOrEmpty('tls');
  const isTls = tls !== undefined || router.get('tls')?.text?.toLowerCase() === 'true';
  const names = router.items('entrypoints').flatMap(({ text }) => text?.toLowerCase() ?? []);
  const asked = names.length > 0 ? all.filter((entry) => names.includes(entry.name.toLowerCase())) : byDefault(all);
  const priority = Number(router.text('priority') ?? 0);
  const syntax = router.get('rulesyntax');
  if (syntax !== undefined) report.left(syntax, syntax.shown, 'rules of both versions are read');
  router.getEmpty('observability')?.map?.readAll();
  const resolver = readResolver(tls);
  const options = tls?.text('options');
  if (service?.text?.endsWith('@internal') === true) {
    router.readAll();
    report.left(
      service,
      `${name}, ${service.shown}`,
      'dashboard, API and ping of Traefik: health and metrics are on entryPoints.admin',
    );
    return undefined;
  }
  if (rule?.text === undefined) {
    report.refuse('no_rule', router, name, 'a router without a rule');
    return undefined;
  }
  const parsed = parseRule(rule.text);
  if (typeof parsed === 'string') {
    report.refuse('bad_rule', rule, rule.shown, parsed);
    return undefined;
  }
  const choices: Conditions[] = [];
  for (const matchers of parsed) {
    const read = readConditions(matchers);
    if ('code' in read) report.loses(read.code, rule, rule.shown, read.says);
    else choices.push(read);
  }
  report.taken(rule, rule.shown, `the route ${name}`);
  const ofEntries = new Set(asked.map((one) => one.middlewares.map(({ text = '' }) => text).join(' ')));
  if (ofEntries.size > 1)
    report.refuse(
      'entry_points_differ',
      router,
      name,
      'its entry points have other middlewares each, and a route has the same at all of them: write a router for each',
    );
  const effects = middlewares.effectsOf([...(asked[0]?.middlewares ?? []), ...router.items('middlewares')]);
  const entry = asked.find((one) => one.tls !== undefined);
  return {
    name,
    source: router,
    rule,
    entries: asked,
    options:
      isTls || entry !== undefined
        ? (options ?? entry?.tls?.options ?? 'default').replace(/@file$/, '').toLowerCase()
        : undefined,
    choices,
    priority: priority === 0 ? rule.text.length : priority,
    service,
    effects,
    resolver: resolver ?? entry?.tls?.resolver,
  };
}

function byDefault(all: readonly TraefikEntry[]): readonly TraefikEntry[] {
  const chosen = all.filter(({ isDefault }) => isDefault);
  return chosen.length > 0 ? chosen : all;
}
