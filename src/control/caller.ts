// Who asks: a person with a session, a program with a token, or nobody yet. Looked up at every request, so that what was taken
// away a moment ago is gone.
import type { Clock } from '../base/clock.ts';
import type { Session, Token, User } from '../store/accounts.ts';
import { certificateActor, type CertificateSession, type CertificateSessions } from './certificate-sessions.ts';
import type { MappedCertificate, ShownCertificate } from './messages.ts';
import type { Act as AuditAct } from '../store/names.ts';
import type { Store } from '../store/store.ts';
import { type Act, acts, mayDo } from './acts.ts';
import { ApiProblem } from './api-problem.ts';
import { digestOfSecret } from './random-secret.ts';

/** Of a host alone, over TLS or on this machine (a browser takes `localhost` for as good). */
export const sessionCookie = '__Host-countersign';
export const sessionMs = 12 * 60 * 60_000;
/** Without a request for so long a session is over. */
export const sessionIdleMs = 60 * 60_000;
/** That it was used is noted no more often. */
const touchMs = 60_000;

export type Person = {
  readonly kind: 'person';
  readonly user: User;
  readonly session: Session;
  /** By which he logged in; then `user` is none of the store. */
  readonly certificate?: MappedCertificate;
};
export type Program = { readonly kind: 'program'; readonly user: User; readonly token: Token };
export type Caller = Person | Program | { readonly kind: 'nobody' };

export type CallerFields = {
  readonly authorization: string | undefined;
  readonly cookie: string | undefined;
  /** Of the connection, as the primary judged it for this request. */
  readonly certificate: ShownCertificate | undefined;
};

type AccountStore = Pick<Store, 'users' | 'sessions' | 'tokens'>;

/** Throws `not_logged_in` where what he shows is not valid (any more); nothing shown is nobody. `isUse`: it is noted as used. */
export async function findCaller(
  { authorization, cookie, certificate }: CallerFields,
  store: AccountStore,
  certificateSessions: CertificateSessions,
  clock: Pick<Clock, 'now'>,
  isUse = true,
): Promise<Caller> {
  if (authorization !== undefined) return findProgram(authorization, store, clock, isUse);
  const secret = cookieValue(cookie, sessionCookie);
  if (secret === undefined) return { kind: 'nobody' };
  const digest = digestOfSecret(secret);
  const held = await certificateSessions.find(digest, certificate);
  if (held !== undefined) {
    if (clock.now() - held.usedAt > sessionIdleMs) {
      await certificateSessions.remove(digest, 'not used for an hour');
      throw notLoggedIn('The session was not used for an hour and has ended: log in again.');
    }
    if (isUse) certificateSessions.touch(digest);
    return personOf(held);
  }
  const session = await store.sessions.find(digest);
  const user = session && (await store.users.find(session.userId));
  if (session === undefined || user === undefined || user.disabled)
    throw notLoggedIn('The session has ended: log in again.');
  const now = clock.now();
  if (now - session.usedAt > sessionIdleMs) {
    await store.sessions.remove(session.digest, { actor: 'system', reason: 'not used for an hour' });
    throw notLoggedIn('The session was not used for an hour and has ended: log in again.');
  }
  if (isUse && now - session.usedAt > touchMs) await store.sessions.touch(session.digest);
  return { kind: 'person', user, session };
}

/** Somebody who is no user of the store. */
export function personOf(session: CertificateSession): Person & { readonly certificate: MappedCertificate } {
  const { certificate, userId: id, createdAt } = session;
  const { subject: name, role } = certificate;
  const user = { id, name, role, passwordDigest: null, provider: null, disabled: false, createdAt, version: 1 };
  return { kind: 'person', user, session, certificate };
}

async function findProgram(
  authorization: string,
  store: AccountStore,
  clock: Pick<Clock, 'now'>,
  isUse: boolean,
): Promise<Program> {
  const [, secret] = /^Bearer +([\x21-\x7e]{1,200}) *$/i.exec(authorization) ?? [];
  const token = secret === undefined ? undefined : await store.tokens.find(digestOfSecret(secret));
  const user = token && (await store.users.find(token.userId));
  if (token === undefined || user === undefined || user.disabled)
    throw notLoggedIn('The token is not valid, has expired, or its user is gone.');
  if (isUse && clock.now() - (token.usedAt ?? 0) > touchMs) await store.tokens.touch(token.digest);
  return { kind: 'program', user, token };
}

/** `not_logged_in`, with what is asked for instead. */
export function notLoggedIn(detail: string): ApiProblem {
  return new ApiProblem('not_logged_in', detail, { fields: { 'www-authenticate': 'Bearer realm="countersign"' } });
}

/** Undefined where there is none, or more than one: nobody says which is meant. */
export function cookieValue(cookie: string | undefined, name: string): string | undefined {
  const values = (cookie ?? '').split(';').flatMap((pair) => {
    const at = pair.indexOf('=');
    return pair.slice(0, at).trim() === name ? [pair.slice(at + 1).trim()] : [];
  });
  return values.length === 1 ? values[0] : undefined;
}

export function setCookie(secret: string, maxAgeMs: number): string {
  return `${sessionCookie}=${secret}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=${Math.floor(maxAgeMs / 1000)}`;
}

/** Throws `not_logged_in` or `not_allowed`. */
export function requireAct(caller: Caller, act: Act): Person | Program {
  if (caller.kind === 'nobody')
    throw notLoggedIn('Log in at POST /api/v1/sessions, or send Authorization: Bearer TOKEN.');
  if (!allows(caller, act)) {
    const why =
      caller.kind === 'program'
        ? 'of this token'
        : caller.certificate !== undefined && ofUsers.has(act)
          ? 'of who logged in with a certificate'
          : `of the role ${caller.user.role}`;
    throw new ApiProblem('not_allowed', `${act} is not among the acts ${why}.`, { members: { act } });
  }
  return caller;
}

export function actsOf(caller: Person | Program): readonly Act[] {
  return acts.filter((act) => allows(caller, act));
}

/** A token is that of a user of the store, and who has a certificate is none. */
const ofUsers: ReadonlySet<Act> = new Set<Act>(['tokens.write']);

function allows(caller: Person | Program, act: Act): boolean {
  if (caller.kind === 'person' && caller.certificate !== undefined && ofUsers.has(act)) return false;
  return mayDo(act, caller.user.role, caller.kind === 'program' ? caller.token.scopes : undefined);
}

/** As the audit log names him. */
export function auditActor(caller: Person | Program, reason?: string): AuditAct {
  const actor = actorOf(caller);
  return reason === undefined ? { actor } : { actor, reason };
}

function actorOf(caller: Person | Program): string {
  if (caller.kind === 'program') return `token:${caller.token.name}`;
  return caller.certificate === undefined ? `user:${caller.user.name}` : certificateActor(caller.certificate);
}
