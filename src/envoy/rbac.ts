// The RBAC filter as `security.clientCert` of routes: ALLOW by principal over paths (and methods). Everything else is a loss.
import type { DraftMap } from '../import/draft.ts';
import type { SourceMap, SourceValue } from '../import/source-map.ts';
import { type Context, readDeep } from './context.ts';
import { ruleOfAnyType } from './san-rules.ts';
import { readStringMatcher } from './string-matcher.ts';

/** Whom a policy lets in: everybody, everybody with a certificate, or whom one of the rules fits. */
export type Whom = 'any' | 'authenticated' | readonly DraftMap[];
export type RbacPolicy = {
  /** `below`: what is below the path, not the path itself. */
  readonly path: { readonly kind: 'all' | 'prefix' | 'below' | 'exact'; readonly path: string };
  /** undefined: all. */
  readonly methods: readonly string[] | undefined;
  readonly whom: Whom;
};
/** Nobody else may call. */
export type Rbac = readonly RbacPolicy[];

/** `config`: an RBAC message. Undefined where nothing is enforced, and where it is lost. */
export function readRbac(context: Context, config: SourceMap, at: SourceValue): Rbac | undefined {
  for (const name of [
    'shadow_rules',
    'shadow_matcher',
    'shadow_rules_stat_prefix',
    'rules_stat_prefix',
    'track_per_rule_stats',
    'stat_prefix',
  ]) {
    const value = config.get(name);
    readDeep(value);
    if (value !== undefined) context.report.left(value, name, 'it only counts, and refuses nobody');
  }
  const matcher = config.get('matcher');
  const rules = config.map('rules');
  if (rules === undefined) {
    readDeep(matcher);
    if (matcher !== undefined)
      context.loses('identity_rule', at, 'a matcher tree: write security.clientCert of the routes');
    return undefined;
  }
  const action = context.word(rules, 'action', ['ALLOW', 'DENY', 'LOG']) ?? 'ALLOW';
  if (action === 'LOG') {
    readDeep(config.get('rules'));
    context.report.left(at, 'rbac', 'action LOG refuses nobody');
    return undefined;
  }
  const reader = new RbacReader(context);
  const policies = rules.map('policies');
  const found =
    action === 'ALLOW' ? (policies?.names ?? []).map((name) => reader.policy(policies?.map(name))) : [undefined];
  const good = found.flatMap((one) => one ?? []);
  if (found.includes(undefined)) {
    readDeep(config.get('rules'));
    const why = action === 'DENY' ? 'action DENY: say who may call instead' : reader.why;
    context.loses('identity_rule', at, `${why}; write security.clientCert of the routes`);
    return undefined;
  }
  context.report.taken(at, 'rbac', 'routes[].security.clientCert');
  return good;
}

class RbacReader {
  why = '';
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Undefined where it has no counterpart: `why` says why. */
  policy(map: SourceMap | undefined): RbacPolicy[] | undefined {
    if (map === undefined) return this.#fail('a policy is empty');
    if (map.has('condition') || map.has('checked_condition')) return this.#fail('a condition (CEL)');
    const permissions = map.maps('permissions').map((one) => this.#permission(one));
    const principals = map.maps('principals').map((one) => this.#principal(one));
    if (permissions.includes(undefined) || principals.includes(undefined)) return undefined;
    if (permissions.length === 0 || principals.length === 0)
      return this.#fail('a policy without permissions or principals');
    const whom = joinWhom(principals.flatMap((one) => one ?? []).map(({ whom: one }) => one));
    return permissions.flatMap((one) => (one ?? []).map((permission) => ({ ...permission, whom })));
  }

  #permission(map: SourceMap): Omit<RbacPolicy, 'whom'>[] | undefined {
    const { path, methods, fields } = { path: undefined, methods: undefined, fields: map.names };
    const [name] = fields;
    if (name === undefined || fields.length !== 1) return this.#fail('a permission that is no single one');
    if (name === 'any') {
      map.text('any');
      return [{ path: { kind: 'all', path: '/' }, methods }];
    }
    if (name === 'url_path') {
      const rule = this.#path(map.map('url_path'));
      return rule && [{ path: rule, methods: path }];
    }
    if (name === 'header') {
      const found = this.#method(map.map('header'));
      return found && [{ path: { kind: 'all', path: '/' }, methods: found }];
    }
    if (name === 'or_rules') {
      const all =
        map
          .map('or_rules')
          ?.maps('rules')
          .map((one) => this.#permission(one)) ?? [];
      return all.includes(undefined) ? undefined : all.flatMap((one) => one ?? []);
    }
    if (name === 'and_rules') return this.#and(map.map('and_rules')?.maps('rules') ?? []);
    return this.#fail(`a permission by ${name}`);
  }

  #and(rules: readonly SourceMap[]): Omit<RbacPolicy, 'whom'>[] | undefined {
    let joined: Omit<RbacPolicy, 'whom'> = { path: { kind: 'all', path: '/' }, methods: undefined };
    for (const rule of rules) {
      const [one, more] = this.#permission(rule) ?? [];
      if (one === undefined || more !== undefined)
        return this.why === '' ? this.#fail('and_rules over or_rules') : undefined;
      const isRoot = one.path.kind === 'all' || (one.path.kind === 'prefix' && one.path.path === '/');
      if (!isRoot && joined.path.kind !== 'all') return this.#fail('two paths in and_rules');
      if (one.methods !== undefined && joined.methods !== undefined) return this.#fail('two methods in and_rules');
      joined = { path: isRoot ? joined.path : one.path, methods: one.methods ?? joined.methods };
    }
    return rules.length === 0 ? this.#fail('empty and_rules') : [joined];
  }

  #path(map: SourceMap | undefined): RbacPolicy['path'] | undefined {
    const value = map?.get('path');
    const rule = value && readStringMatcher(this.#context, value);
    if (rule === undefined || rule.ignoreCase || (rule.kind !== 'exact' && rule.kind !== 'prefix'))
      return this.#fail('a path that is neither exact nor a prefix');
    if (!rule.text.startsWith('/')) return this.#fail('a path without a slash in front');
    if (rule.kind === 'exact' && rule.text.endsWith('/') && rule.text !== '/')
      return this.#fail('an exact path with a slash at its end');
    if (rule.text === '/') return { kind: rule.kind, path: '/' };
    return { kind: rule.text.endsWith('/') ? 'below' : rule.kind, path: rule.text.replace(/\/$/, '') };
  }

  #method(map: SourceMap | undefined): string[] | undefined {
    const name = map?.text('name');
    const value = map?.get('string_match');
    const rule = value && readStringMatcher(this.#context, value);
    const exact = rule?.kind === 'exact' && !rule.ignoreCase ? rule.text : map?.text('exact_match');
    if (name !== ':method' || exact === undefined || map?.has('invert_match') === true)
      return this.#fail(`a header (${name ?? ''}), which clients choose`);
    return [exact];
  }

  #principal(map: SourceMap): { whom: Whom }[] | undefined {
    const [name, more] = map.names;
    if (name === undefined || more !== undefined) return this.#fail('a principal that is no single one');
    if (name === 'any') {
      map.text('any');
      return [{ whom: 'any' }];
    }
    if (name === 'or_ids') {
      const all =
        map
          .map('or_ids')
          ?.maps('ids')
          .map((one) => this.#principal(one)) ?? [];
      return all.includes(undefined) || all.length === 0 ? this.#fail('empty or_ids') : all.flatMap((one) => one ?? []);
    }
    if (name !== 'authenticated') return this.#fail(`a principal by ${name}`);
    const authenticated = map.getEmpty('authenticated')?.map;
    if (authenticated === undefined || authenticated.names.length === 0) {
      const at = map.getEmpty('authenticated');
      const says = 'who has a certificate (clientCert.required); every connection over TLS there';
      if (at !== undefined) this.#context.report.changed(at, 'authenticated: {}', says);
      return [{ whom: 'authenticated' }];
    }
    const value = authenticated.get('principal_name');
    const matcher = value && readStringMatcher(this.#context, value);
    const rule = matcher && ruleOfAnyType(this.#context, matcher, 'security.clientCert.allow');
    return rule === undefined ? this.#fail('a principal_name that fits no type of names') : [{ whom: [rule] }];
  }

  #fail(why: string): undefined {
    if (this.why === '') this.why = why;
    return undefined;
  }
}

/** Whom one of them lets in; nobody where there are none. */
export function joinWhom(all: readonly Whom[]): Whom {
  if (all.includes('any')) return 'any';
  if (all.includes('authenticated')) return 'authenticated';
  const rules = all.flatMap((one) => (typeof one === 'string' ? [] : one));
  return [...new Map(rules.map((rule) => [JSON.stringify(rule), rule])).values()];
}
