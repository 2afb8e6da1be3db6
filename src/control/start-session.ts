// What every login ends with: a session in the store, its cookie, and who it is.
import { z } from 'zod';
import { roles, type Session, type User } from '../store/accounts.ts';
import type { Act as AuditAct } from '../store/names.ts';
import { ApiProblem } from './api-problem.ts';
import { acts } from './acts.ts';
import { actsOf, sessionMs, setCookie } from './caller.ts';
import type { ControlContext } from './control-context.ts';
import type { Answer } from './operation.ts';
import { makeSecret } from './random-secret.ts';

export const me = z.strictObject({
  user: z.strictObject({ id: z.string(), name: z.string(), role: z.enum(roles), hasPassword: z.boolean() }),
  /** What he may do with what he showed. */
  acts: z.array(z.enum(acts as [string, ...string[]])),
  expiresAt: z.iso.datetime().nullable().describe('Of the session or token.'),
});

export function showMe(
  { id, name, role, passwordDigest }: User,
  may: readonly string[],
  expiresAt: number,
): z.output<typeof me> {
  const user = { id, name, role, hasPassword: passwordDigest !== null };
  return { user, acts: [...may], expiresAt: new Date(expiresAt).toISOString() };
}

/** `lastsMs`: at most. Rejects with `invalid` of the store where the user is another by now. */
export async function startSession(
  { store, clock }: Pick<ControlContext, 'store' | 'clock'>,
  user: User,
  {
    lastsMs = sessionMs,
    act = { actor: `user:${user.name}` },
  }: { readonly lastsMs?: number; readonly act?: AuditAct } = {},
): Promise<{ readonly answer: Answer; readonly session: Session }> {
  const { secret, digest } = makeSecret('');
  const expiresAt = clock.now() + lastsMs;
  const session = await store.sessions.create({ digest, userId: user.id, expiresAt, userVersion: user.version }, act);
  const body = showMe(user, actsOf({ kind: 'person', user, session }), expiresAt);
  return { session, answer: { status: 201, body, cookies: [setCookie(secret, lastsMs)] } };
}

/** Throws `too_many`. `seconds`: until the next attempt. */
export function refuseHurry(seconds: number | undefined): void {
  if (seconds === undefined) return;
  throw new ApiProblem('too_many', `Too many attempts failed: try again in ${seconds} s.`, {
    fields: { 'retry-after': String(seconds) },
  });
}
