// Match rules of canary backends (Goma's `match`): all rules of a backend must hold. Compiled once; what is absent from
// the request counts as '', so that `not_equals` holds for a missing header.
import { BlockList, isIP } from 'node:net';
import type { BackendMatch } from '../config/gateway-config.ts';
import { matchInputLimit } from '../config/safe-regex.ts';
import { findCookie } from '../http/cookie.ts';
import type { Fields } from '../http/field.ts';

export type MatchInput = {
  readonly fields: Fields;
  /** Origin form with its query. */
  readonly target: string;
  readonly remoteAddress: string;
};

/** True where the request satisfies the rule. */
export type Matcher = (request: MatchInput) => boolean;

/** All rules AND-ed. Throws SyntaxError where a regular expression is malformed. */
export function compileMatch(rules: readonly BackendMatch[]): Matcher {
  const compiled = rules.map(compileRule);
  return (request) => compiled.every((rule) => rule(request));
}

function compileRule(rule: BackendMatch): Matcher {
  const { source } = rule;
  const name = source === 'header' ? rule.name.toLowerCase() : rule.name;
  if (source === 'ip') {
    const test = compileAddressTest(rule);
    return ({ remoteAddress }) => test(plainAddress(remoteAddress));
  }
  const test = compileTest(rule);
  if (source === 'header') return ({ fields }) => test(fields.find(name) ?? '');
  if (source === 'cookie') return ({ fields }) => test(findCookie(fields, name) ?? '');
  return ({ target }) => test(findQuery(target, name) ?? '');
}

function compileTest({ operator, value }: BackendMatch): (text: string) => boolean {
  switch (operator) {
    case 'equals':
      return (text) => text === value;
    case 'not_equals':
      return (text) => text !== value;
    case 'contains':
      return (text) => text.includes(value);
    case 'not_contains':
      return (text) => !text.includes(value);
    case 'starts_with':
      return (text) => text.startsWith(value);
    case 'ends_with':
      return (text) => text.endsWith(value);
    case 'regex': {
      // Unanchored, as in Goma. The configuration admits only what runs in bounded time on inputs up to the limit.
      const expression = new RegExp(value);
      return (text) => text.length <= matchInputLimit && expression.test(text);
    }
    case 'in':
    default: {
      const list = new Set(splitList(value));
      return (text) => list.has(text);
    }
  }
}

/** Addresses compare as addresses; `equals`, `not_equals` and `in` know CIDR blocks too. The rest compares text. */
function compileAddressTest(rule: BackendMatch): (address: string) => boolean {
  const { operator, value } = rule;
  if (operator !== 'equals' && operator !== 'not_equals' && operator !== 'in') return compileTest(rule);
  const list = new BlockList();
  for (const entry of splitList(value)) addAddress(list, entry);
  const holds = (address: string): boolean => {
    const family = isIP(address);
    return family !== 0 && list.check(address, family === 6 ? 'ipv6' : 'ipv4');
  };
  return operator === 'not_equals' ? (address) => !holds(address) : holds;
}

function addAddress(list: BlockList, entry: string): void {
  const slash = entry.indexOf('/');
  const address = slash === -1 ? entry : entry.slice(0, slash);
  const family = isIP(address);
  // What is no address matches nobody; the configuration reports it.
  if (family === 0) return;
  const type = family === 6 ? 'ipv6' : 'ipv4';
  if (slash === -1) return list.addAddress(address, type);
  const prefix = Number(entry.slice(slash + 1));
  if (Number.isInteger(prefix) && prefix >= 0 && prefix <= (family === 6 ? 128 : 32))
    list.addSubnet(address, prefix, type);
}

function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

function splitList(value: string): string[] {
  return value
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

function findQuery(target: string, name: string): string | undefined {
  const question = target.indexOf('?');
  if (question === -1) return undefined;
  return new URLSearchParams(target.slice(question + 1)).get(name) ?? undefined;
}
