// Who may do what: one table of acts, each with the least role that may. What a token may is named by the same words, and is
// never more than its user may at that moment.
import { type Role, roles } from '../store/accounts.ts';

type ActSpec = {
  readonly role: Role;
  /** A token cannot do it, whatever its scopes: who holds one must not make himself more of them. */
  readonly personal?: true;
};

const specs = {
  'config.read': { role: 'viewer' },
  'changes.read': { role: 'viewer' },
  'gateways.read': { role: 'viewer' },
  'gateways.write': { role: 'operator' },
  'handshakes.read': { role: 'viewer' },
  'identities.read': { role: 'viewer' },
  'trustAudits.read': { role: 'viewer' },
  'routes.match': { role: 'viewer' },
  'account.read': { role: 'viewer' },
  'account.write': { role: 'viewer', personal: true },
  'certificates.inspect': { role: 'operator' },
  'services.probe': { role: 'operator' },
  'requests.test': { role: 'operator' },
  'alerts.write': { role: 'operator' },
  'alerts.test': { role: 'operator' },
  'config.plan': { role: 'operator' },
  'config.write': { role: 'operator' },
  /** Renewals need no more. */
  'certificates.write': { role: 'operator' },
  /** Says for the record which anchors stay. */
  'trustAudits.record': { role: 'operator' },
  'tokens.read': { role: 'operator', personal: true },
  'tokens.write': { role: 'operator', personal: true },
  'users.read': { role: 'admin' },
  'users.write': { role: 'admin', personal: true },
  'audit.read': { role: 'admin' },
} as const satisfies Record<string, ActSpec>;

export type Act = keyof typeof specs;

export const acts = Object.keys(specs) as readonly Act[];

/** What can be the scope of a token. */
export const scopes: readonly Act[] = acts.filter((act) => !isPersonal(act));

export function isPersonal(act: Act): boolean {
  return (specs[act] as ActSpec).personal === true;
}

/** `scopes`: those of the token that asks; undefined: a person. */
export function mayDo(act: Act, role: Role, tokenScopes?: readonly string[]): boolean {
  if (roles.indexOf(role) < roles.indexOf(specs[act].role)) return false;
  return tokenScopes === undefined || (!isPersonal(act) && tokenScopes.includes(act));
}
