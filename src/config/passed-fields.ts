// Which of the fields that are removed from requests the operator lets through: `proxy.trustedHeaders` from trusted proxies,
// `allowOverrideHeaders` from everybody. What a gateway sets itself cannot be named in either.
import { isToken } from '../http/field.ts';
import { claimOf, FieldClaim, neverPassed, overridesMethod } from '../http/field-claim.ts';
import { foldName } from '../http/fold-name.ts';
import type { Cursor } from '../yaml/cursor.ts';
import { hasOwnMeaning } from './custom-field.ts';
import type { GatewayConfig } from './gateway-config.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { type Mistake, reportMistake } from './reading.ts';
import { quote } from '../yaml/tree.ts';

const maxNames = 64;
/** Two words at least would be safe, but `Remote-*` is somebody's; `X-*` is everybody's. */
const prefixPattern = /^[A-Za-z][A-Za-z0-9]+-(?:[A-Za-z0-9]+-)*\*$|^[A-Za-z]-[A-Za-z0-9]+-(?:[A-Za-z0-9]+-)*\*$/;

/** `around`: `gateway.proxy`; `believed`: there is a trusted proxy. */
export function readTrustedHeaders(
  names: readonly string[],
  around: Cursor,
  believed: boolean,
  problems: ProblemList,
): readonly string[] {
  const at = around.down('trustedHeaders');
  checkCount(names, at, problems);
  for (const [i, name] of names.entries()) {
    const mistake = mistakeInTrusted(name);
    if (mistake !== undefined) reportMistake(problems, 'bad_header', at.down(i), name, mistake);
  }
  if (names.length > 0 && !believed)
    problems.warn(
      'trusts_nobody',
      around.keyPlace('trustedHeaders'),
      'there is no trusted proxy: these fields are removed from every request',
      'Write enabled: true and trustedProxies with the addresses of your proxies.',
    );
  return names;
}

function mistakeInTrusted(pattern: string): Mistake | undefined {
  const isPrefix = pattern.endsWith('*');
  if (isPrefix ? !prefixPattern.test(pattern) : !isToken(pattern))
    return {
      problem: 'is neither the name of a field nor a prefix',
      hint: 'For example X-Forwarded-User or X-Auth-Request-*.',
    };
  const folded = foldName(isPrefix ? pattern.slice(0, -1) : pattern);
  if (!isPrefix && neverPassed.has(folded)) return ofTheGateway(folded);
  // A prefix alone has no claim: a name that begins so has.
  if (claimOf(isPrefix ? `${folded}x` : folded) === FieldClaim.none && hasOwnMeaning(folded))
    return {
      problem: 'has a meaning of its own in HTTP',
      hint: 'Name a field by which your proxy tells who the client is.',
    };
  return undefined;
}

function ofTheGateway(folded: string): Mistake {
  const problem = 'is set by the gateway itself, and never passed on';
  if (folded === 'x-forwarded-client-cert') return { problem, hint: 'Write forwardClientCert.mode: forwardOnly.' };
  return {
    problem,
    hint: 'What trusted proxies say in X-Forwarded-For, -Proto, -Host and X-Request-Id counts anyway.',
  };
}

export function readOverrideHeaders(
  names: readonly string[],
  around: Cursor,
  problems: ProblemList,
): readonly string[] {
  const at = around.down('allowOverrideHeaders');
  checkCount(names, at, problems);
  for (const [i, name] of names.entries()) {
    const claim = claimOf(foldName(name));
    if (claim === FieldClaim.override && isToken(name)) continue;
    reportMistake(problems, 'bad_header', at.down(i), name, {
      problem: 'is not a field that overrides path, method or host',
      hint:
        claim === FieldClaim.none
          ? 'Fields that are not removed need no permission.'
          : 'What says who the client is passes from trusted proxies only: proxy.trustedHeaders.',
    });
  }
  return names;
}

function checkCount(names: readonly string[], at: Cursor, problems: ProblemList): void {
  if (names.length > maxNames) problems.error('too_many', at.place, `more than ${maxNames} fields`);
}

/** What is let through, beside what the rest of the configuration relies on. */
export function checkPassedFields(config: GatewayConfig, at: Cursor, problems: ProblemList): void {
  checkAgainstCustom(config, at.down('proxy', 'trustedHeaders'), problems);
  const here = at.down('allowOverrideHeaders');
  const methods = config.routes.find((route) => route.methods.length > 0);
  for (const [i, name] of config.allowOverrideHeaders.entries()) {
    if (claimOf(foldName(name)) !== FieldClaim.override) continue;
    if (!overridesMethod(foldName(name)))
      problems.warn(
        'override_allowed',
        here.down(i).place,
        `a backend that believes ${quote(name)} serves another path or host than the one that the rules of the route judged`,
        'Remove it unless every backend ignores it, or may serve everything to everybody.',
      );
    else if (methods !== undefined)
      problems.warn(
        'override_allowed',
        here.down(i).place,
        `a backend that believes ${quote(name)} is asked for methods that ${quote(methods.name)} does not allow`,
        'Methods are judged as the request line says them.',
      );
  }
}

/** A custom identity field is ours on every route; a trusted proxy's own beside it would be a second opinion. */
function checkAgainstCustom(config: GatewayConfig, at: Cursor, problems: ProblemList): void {
  const custom = new Set(
    [config, ...config.routes].flatMap(({ forwardClientCert }) =>
      forwardClientCert.custom.map(({ name }) => foldName(name)),
    ),
  );
  for (const [i, name] of config.proxy.trustedHeaders.entries())
    if (custom.has(foldName(name)))
      reportMistake(problems, 'duplicate_name', at.down(i), name, {
        problem: 'is a custom field of forwardClientCert, which the gateway sets itself',
        hint: 'Choose another name for one of the two.',
      });
}
