// Whom the identity provider names, as a user here: found by issuer and subject and by nothing else, with the role that his claims give
// him now. Whom they give none has no session and no token left.
import { randomUUID } from 'node:crypto';
import { namesFor, roleOf } from '../oidc/claims.ts';
import type { ProvenIdentity } from '../oidc/relying-party.ts';
import { SignInFault } from '../oidc/sign-in-fault.ts';
import type { User } from '../store/accounts.ts';
import type { Act } from '../store/names.ts';
import type { Store } from '../store/store.ts';
import { ApiProblem } from './api-problem.ts';
import type { LoginProvider } from './messages.ts';
import { needsSetup } from './setup-link.ts';

/** Rejects with SignInFault. One at a time: two logins of one person make one user. */
export async function admitIdentity(
  { issuer, subject, claims }: Pick<ProvenIdentity, 'issuer' | 'subject' | 'claims'>,
  settings: Pick<LoginProvider, 'roleClaim' | 'roles' | 'nameClaim'>,
  store: Store,
): Promise<User> {
  const provider = { issuer, subject };
  const act = { actor: 'provider', reason: `signed in with ${issuer}` };
  const role = roleOf(claims, settings);
  const known = await store.users.findByProvider(provider);
  if (role === undefined) {
    if (known !== undefined) await takeRights(known, { ...act, reason: `no role any more from ${issuer}` }, store);
    const where = settings.roleClaim.join('.');
    throw new SignInFault('no_role', `Nothing that your provider says of you (${where}) gives you a role here.`);
  }
  if (known === undefined) {
    // The setup link ends with the first user: it must not be one who cannot make another.
    if (role !== 'admin' && (await needsSetup(store)))
      throw new SignInFault('setup_needed', 'There is no administrator yet, and you would not be one.');
    const [wanted, other] = namesFor(claims, settings.nameClaim, provider);
    const name = (await store.users.findByName(wanted)) === undefined ? wanted : other;
    return store.users.create({ id: randomUUID(), name, role, passwordDigest: null, provider }, act);
  }
  if (known.disabled) throw new SignInFault('user_disabled', `The user ${known.name} is disabled here.`);
  if (known.role === role) return known;
  // Other sessions end with the old role.
  const updated = await store.users.update(known.id, known.version, { role }, act);
  if (updated.outcome === 'updated') return updated.user;
  throw new ApiProblem('stale', 'The user was changed at the same time: sign in again.');
}

async function takeRights(user: User, act: Act, store: Store): Promise<void> {
  if (user.role !== 'viewer') await store.users.update(user.id, user.version, { role: 'viewer' }, act);
  await store.sessions.removeOfUser(user.id, act);
  for (let cursor: string | undefined; ; ) {
    const page = await store.tokens.list(cursor === undefined ? {} : { cursor });
    for (const { id, userId } of page.items) if (userId === user.id) await store.tokens.remove(id, act);
    cursor = page.next;
    if (cursor === undefined) return;
  }
}
