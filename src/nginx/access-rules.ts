// Who may call a location beside the certificate: `allow` and `deny`, `auth_basic`, `limit_req`, as middlewares.
import type { DraftMiddlewares } from '../import/draft-middlewares.ts';
import { type Directive, firstWord, words } from './directive.ts';
import type { Ledger } from './ledger.ts';
import type { Scope } from './scope.ts';

/** Names of middlewares, those that refuse first in front. */
export function readAccessRules(scope: Scope, middlewares: DraftMiddlewares, ledger: Ledger): string[] {
  const satisfy = scope.last('satisfy');
  const addresses = scope.allOf('allow', 'deny');
  const logsIn = isBasic(scope);
  if (satisfy !== undefined && firstWord(satisfy) === 'any' && addresses.length > 0 && logsIn) {
    ledger.loses('identity_rule', satisfy, 'address or password would do; here both rules hold');
  } else if (satisfy !== undefined) ledger.taken(satisfy, 'every rule holds');
  return [
    ...readAddresses(addresses, middlewares, ledger),
    ...readLimits(scope, middlewares, ledger),
    ...readBasic(scope, middlewares, ledger),
  ];
}

/** The first line that fits decides, and who fits none may call. */
function readAddresses(directives: readonly Directive[], middlewares: DraftMiddlewares, ledger: Ledger): string[] {
  const rules = directives.map((directive) => ({
    directive,
    allows: directive.name === 'allow',
    range: firstWord(directive),
  }));
  const end = rules.findIndex(({ range }) => range === 'all');
  const counting = end < 0 ? rules : rules.slice(0, end);
  const isClosed = end >= 0 && rules[end]?.allows === false;
  const last = rules[end];
  const odd = counting.find(({ range }) => !/^[0-9A-Fa-f:.]+(?:\/\d+)?$/.test(range) && range !== 'unix:');
  if (odd !== undefined) ledger.loses('address_rule', odd.directive, 'neither an address nor a range');
  const ranges = (allows: boolean): string[] =>
    counting.filter((rule) => rule.allows === allows && rule.range !== 'unix:').map(({ range }) => range);
  // Two lists, of which both have to let a client pass, say the same only where what is denied stands in front.
  const firstAllow = counting.findIndex(({ allows }) => allows);
  const lastDeny = counting.findLastIndex(({ allows }) => !allows);
  if (firstAllow >= 0 && lastDeny > firstAllow && directives[0] !== undefined) {
    ledger.loses(
      'address_rule',
      directives[0],
      'a range is denied behind one that is allowed: there is no such order here',
    );
    for (const { directive } of rules) ledger.seen(directive);
    return [];
  }
  const names: string[] = [];
  const denied = ranges(false);
  const allowed = ranges(true);
  if (denied.length > 0)
    names.push(middlewares.add('accessPolicy', { action: 'DENY', sourceRanges: denied }, 'denied-addresses'));
  if (isClosed && allowed.length > 0)
    names.push(middlewares.add('accessPolicy', { action: 'ALLOW', sourceRanges: allowed }, 'allowed-addresses'));
  if (isClosed && allowed.length === 0) names.push(middlewares.add('access', { statusCode: 403 }, 'nobody'));
  for (const { directive } of counting)
    ledger.taken(
      directive,
      isClosed || directive.name === 'deny' ? 'middleware accessPolicy' : 'nothing: all others are let in too',
    );
  if (last !== undefined) ledger.taken(last.directive, isClosed ? 'all others are refused' : 'all others are let in');
  return names;
}

function isBasic(scope: Scope): boolean {
  const directive = scope.last('auth_basic');
  return directive !== undefined && firstWord(directive) !== 'off';
}

function readBasic(scope: Scope, middlewares: DraftMiddlewares, ledger: Ledger): string[] {
  const realm = scope.last('auth_basic');
  const file = scope.last('auth_basic_user_file');
  if (realm === undefined || !isBasic(scope)) {
    if (realm !== undefined) ledger.taken(realm, 'no password here');
    return [];
  }
  if (file === undefined || firstWord(file).includes('$')) {
    ledger.loses('password_login', file ?? realm, 'there is no file of users whose name is known');
    return [];
  }
  const rule = {
    realm: firstWord(realm).replace(/[^\x20-\x7e]/g, '?'),
    usersFile: firstWord(file),
    forwardCredentials: true,
  };
  ledger.taken(realm, 'middleware basicAuth');
  ledger.taken(file, 'middleware basicAuth, usersFile; hashes of crypt and $apr1$ are errors');
  return [middlewares.add('basicAuth', rule, 'password')];
}

/** Exact where a client may make `burst + 1` requests at once, at least as many as in a second (or minute), and none has to wait. */
function readLimits(scope: Scope, middlewares: DraftMiddlewares, ledger: Ledger): string[] {
  return scope.all('limit_req').flatMap((directive) => {
    const params = words(directive);
    const zone = params.find((param) => param.startsWith('zone='))?.slice('zone='.length);
    const definition = zonesOf(scope).find((one) => words(one).some((param) => param.startsWith(`zone=${zone}:`)));
    const burst = Number(params.find((param) => param.startsWith('burst='))?.slice('burst='.length) ?? 0);
    const [key = '', ...settings] = definition === undefined ? [] : words(definition);
    const [, count, unit] = /^rate=(\d+)r\/([sm])$/.exec(settings.find((one) => one.startsWith('rate=')) ?? '') ?? [];
    const waits = burst > 0 && !params.includes('nodelay');
    const perUnit = Number(count);
    const more = burst + 1 - perUnit;
    const isKnown = definition !== undefined && count !== undefined && /^\$(?:binary_)?remote_addr$/.test(key);
    if (!isKnown || waits || more < 0 || params.some((param) => param.startsWith('delay='))) {
      ledger.loses(
        'rate_limit',
        directive,
        'not the same as rateLimit here: by address, with nodelay, and a burst of at least the rate less one, it would be',
      );
      return [];
    }
    ledger.taken(directive, 'middleware rateLimit; refusals are 429');
    ledger.taken(definition, 'middleware rateLimit');
    const rule = { unit: unit === 's' ? 'second' : 'minute', requestsPerUnit: perUnit, burst: more, shared: true };
    return [middlewares.add('rateLimit', rule, `limit-${zone}`)];
  });
}

function zonesOf(scope: Scope): readonly Directive[] {
  return scope.parent === undefined ? scope.own('limit_req_zone') : zonesOf(scope.parent);
}
