// Which sessions here began with which session at the provider (`sid`), shared by the gateways of one store: the provider tells one of
// them that it has ended. Nobody gets in by what stands there; whoever could write it could end sessions anyway.
import { createHash } from 'node:crypto';
import type { Session } from '../store/accounts.ts';
import { parseDigest } from '../store/digest.ts';
import type { Store } from '../store/store.ts';
import type { LoggedOut } from '../oidc/logout-token.ts';
import type { ControlContext } from './control-context.ts';

const kind = 'login';
const act = { actor: 'provider', reason: 'logged out at the provider' };

function keyOf(issuer: string, sid: string): string {
  return createHash('sha256')
    .update(JSON.stringify([issuer, sid]))
    .digest('hex');
}

export async function noteProviderSession(
  { store, gateway, clock }: Pick<ControlContext, 'store' | 'gateway' | 'clock'>,
  { issuer, sid }: { readonly issuer: string; readonly sid: string },
  { digest, expiresAt }: Pick<Session, 'digest' | 'expiresAt'>,
): Promise<void> {
  const key = `${keyOf(issuer, sid)}:${digest}`;
  await store.records.put({ kind, key, gateway, bytes: Buffer.alloc(0), lastsMs: expiresAt - clock.now() });
}

/** How many ended. Where it is not known which one began with that of the provider, all of the person do. */
export async function endProviderSessions(store: Store, issuer: string, { subject, sid }: LoggedOut): Promise<number> {
  let ended = 0;
  if (sid !== undefined) {
    const key = keyOf(issuer, sid);
    const { items } = await store.records.list(kind, { cursor: `${key}:`, limit: 100 });
    const own = items.filter((one) => one.key.startsWith(`${key}:`));
    for (const { key: name } of own) {
      const digest = parseDigest(name.slice(key.length + 1), 'the digest of a session');
      if (await store.sessions.remove(digest, act)) ended += 1;
      await store.records.remove(kind, name);
    }
    if (own.length > 0) return ended;
  }
  const user = subject === undefined ? undefined : await store.users.findByProvider({ issuer, subject });
  return user === undefined ? ended : store.sessions.removeOfUser(user.id, act);
}
