// What the name of a field claims, found once when a name is interned (field.ts). The names: claimed-names.ts. What is removed
// from which message is decided by who holds it: forwarding/strip-list.ts for requests.
import { claimedNames } from './claimed-names.ts';

/** What a field claims. */
export const FieldClaim = {
  none: 0,
  /** Who the client is (its certificate, a user that somebody has authenticated), and whence and how the request came. */
  client: 1,
  /** That another path, method, host or file is meant than the request says. */
  override: 2,
} as const;
export type FieldClaim = (typeof FieldClaim)[keyof typeof FieldClaim];

/** Set by the gateway on requests, or harmful whoever sends it (`Proxy`): no configuration lets a client's own through. Folded. */
export const neverPassed: ReadonlySet<string> = new Set([
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-real-ip',
  'x-request-id',
  'x-forwarded-client-cert',
  'client-cert',
  'client-cert-chain',
  'proxy',
]);

/** Those that tell of another method; the others tell of another path, host or file. */
const methodOverrides: ReadonlySet<string> = new Set([
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-original-method',
]);

/** Every name and prefix with its claim. */
const patterns: readonly (readonly [pattern: string, claim: FieldClaim])[] = [
  ...claimedNames.client.map((pattern) => [pattern, FieldClaim.client] as const),
  ...claimedNames.override.map((pattern) => [pattern, FieldClaim.override] as const),
];
const claimOfName: ReadonlyMap<string, FieldClaim> = new Map(patterns.filter(([pattern]) => !pattern.endsWith('*')));

/** A prefix is looked for under its first characters only: a new name costs one look-up, not seventy comparisons. */
const headLength = 3;
const prefixesByHead: ReadonlyMap<string, readonly (readonly [prefix: string, claim: FieldClaim])[]> = Map.groupBy(
  patterns
    .filter(([pattern]) => pattern.endsWith('*'))
    .map(([pattern, claim]) => [pattern.slice(0, -1), claim] as const),
  ([prefix]) => prefix.slice(0, headLength),
);

/** What a field of this name, folded by `foldName`, claims. */
export function claimOf(folded: string): FieldClaim {
  const known = claimOfName.get(folded);
  if (known !== undefined) return known;
  const prefixes = prefixesByHead.get(folded.slice(0, headLength));
  if (prefixes === undefined) return FieldClaim.none;
  return prefixes.find(([text]) => folded.startsWith(text))?.[1] ?? FieldClaim.none;
}

/** True where an override of this folded name concerns the method. */
export function overridesMethod(folded: string): boolean {
  return methodOverrides.has(folded);
}
