// Logging out here, of whatever kind the session is.
import { auditActor, type Person, type Program, sessionCookie } from './caller.ts';
import type { ControlContext } from './control-context.ts';

/** The field `set-cookie`. */
export const sessionGone = `${sessionCookie}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0`;

export async function endSession(
  { store, certificateSessions }: Pick<ControlContext, 'store' | 'certificateSessions'>,
  caller: Person | Program,
): Promise<void> {
  if (caller.kind !== 'person') return;
  const { digest } = caller.session;
  if (caller.certificate !== undefined) await certificateSessions.remove(digest, 'logged out');
  else await store.sessions.remove(digest, auditActor(caller));
}
