// The first administrator, logging in and out, and one's own account.
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { roles } from '../store/accounts.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { ApiProblem } from './api-problem.ts';
import { actsOf, auditActor, personOf, sessionMs, setCookie } from './caller.ts';
import { endSession, sessionGone } from './end-session.ts';
import type { ShownCertificate } from './messages.ts';
import { openOperation, type Operation, operation } from './operation.ts';
import { maxPasswordLength, minPasswordLength } from './passwords.ts';
import { makeSecret } from './random-secret.ts';
import { isOffered, needsSetup } from './setup-link.ts';
import { me, refuseHurry, showMe, startSession } from './start-session.ts';

export const userName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$/, 'expected 1 to 100 letters, digits, ., _, @, -')
  .describe('Unique.');
export const newPassword = z
  .string()
  .min(minPasswordLength, `expected ${minPasswordLength} characters or more`)
  .max(maxPasswordLength)
  .describe(`${minPasswordLength} to ${maxPasswordLength} characters, whatever they are.`);

const shownCertificate = z
  .strictObject({
    role: z.enum(roles).nullable().describe('Null: it logs nobody in.'),
    subject: z.string().nullable(),
    why: z.string().nullable().describe('Why it logs nobody in.'),
  })
  .describe('The client certificate that this connection shows; absent: none.');

function showCertificate(shown: ShownCertificate): z.output<typeof shownCertificate> {
  if (shown.role === null) return { role: null, subject: null, why: shown.why };
  return { role: shown.role, subject: shown.subject, why: null };
}

const getSetup = openOperation({
  id: 'getSetup',
  method: 'GET',
  path: '/setup',
  summary: 'Whether there is no user yet, and which ways in there are beside a password.',
  answer: {
    status: 200,
    body: z.strictObject({
      needed: z.boolean(),
      certificate: shownCertificate.optional(),
      provider: z
        .strictObject({ name: z.string() })
        .optional()
        .describe(
          'The identity provider with which people sign in; absent: none. Whether it answers nobody has asked.',
        ),
    }),
  },
  examples: [{ name: 'asked', status: 200 }],
  run: async ({ context: { store, signIn }, certificate }) => {
    const provider = await signIn.settings();
    return {
      status: 200,
      body: {
        needed: await needsSetup(store),
        ...(certificate && { certificate: showCertificate(certificate) }),
        ...(provider && { provider: { name: provider.name } }),
      },
    };
  },
});

const setUp = openOperation({
  id: 'setUp',
  method: 'POST',
  path: '/setup',
  summary: 'Makes the first administrator, with the secret of the setup link (behind its #), and logs him in.',
  body: z.strictObject({ secret: z.string().max(200), name: userName, password: newPassword }),
  answer: { status: 201, body: me },
  examples: [
    {
      name: 'a link that was used',
      body: { secret: 'setup_none', name: 'alice', password: 'a password of four words' },
      status: 403,
    },
    { name: 'no password', body: { secret: 'setup_none', name: 'alice' }, status: 422 },
  ],
  run: async ({ context, body: { secret, name, password }, remote }) => {
    const { store, clock, limits, passwords } = context;
    refuseHurry(limits.waitFor('', remote));
    limits.begin('', remote);
    return context.inTurn(async () => {
      if (!(await needsSetup(store)) || !(await isOffered(store, secret, clock)))
        throw new ApiProblem(
          'setup_link_refused',
          'This link was used, has ended, or was never made here: the newest stands in the log of the gateway.',
        );
      const passwordDigest = await passwords.hash(password);
      const user = { id: randomUUID(), name, role: 'admin' as const, passwordDigest };
      const made = await store.users.create(user, { actor: 'setup', reason: 'setup link' });
      limits.succeeded('', remote);
      return (await startSession(context, made)).answer;
    });
  },
});

const logIn = openOperation({
  id: 'logIn',
  method: 'POST',
  path: '/sessions',
  summary: 'Logs in with a password; the cookie is for this host alone.',
  body: z.strictObject({ name: z.string().max(200), password: z.string().max(maxPasswordLength) }),
  answer: { status: 201, body: me },
  examples: [
    { name: 'a wrong password', body: { name: 'alice', password: 'not the password' }, status: 401 },
    { name: 'another type', body: {}, fields: { 'content-type': 'text/plain' }, status: 415 },
  ],
  run: async ({ context, body: { name, password }, remote }) => {
    const { store, limits, passwords } = context;
    const account = accountOf(name);
    refuseHurry(limits.waitFor(account, remote));
    limits.begin(account, remote);
    const found = userName.safeParse(name).success ? await store.users.findByName(name) : undefined;
    const user = found?.disabled === true ? undefined : found;
    const isRight = await passwords.verify(password, user?.passwordDigest);
    if (user === undefined || !isRight) {
      // What is no name of ours may be a password that went into the wrong field.
      const subject = found === undefined ? 'user/unknown' : `user/${found.id}`;
      await store.audit.note({ actor: 'nobody', action: 'login.refuse', subject, detail: { remote } });
      throw wrongCredentials();
    }
    limits.succeeded(account, remote);
    try {
      return (await startSession(context, user)).answer;
    } catch (error) {
      // What was verified is not true any more: another password, another role, no user.
      if (error instanceof StoreProblem && error.code === 'invalid') throw wrongCredentials();
      throw error;
    }
  },
});

const logInByCertificate = openOperation({
  id: 'logInByCertificate',
  method: 'POST',
  path: '/sessions:byCertificate',
  summary:
    'Logs in with the client certificate of this connection. The cookie counts together with that certificate alone.',
  answer: { status: 201, body: me },
  examples: [{ name: 'a connection without one', status: 401 }],
  run: async ({ context, certificate, remote }) => {
    const { certificateSessions, limits, store } = context;
    // Whoever is refused writes into the audit log: not as often as he likes.
    const account = `certificate from ${remote}`;
    refuseHurry(limits.waitFor(account, remote));
    limits.begin(account, remote);
    if (certificate === undefined)
      throw new ApiProblem('certificate_refused', 'This connection shows no certificate: log in with a password.');
    if (certificate.role === null) {
      const detail = { remote, why: certificate.why };
      await store.audit.note({ actor: 'nobody', action: 'login.refuse', subject: 'certificate', detail });
      throw new ApiProblem('certificate_refused', `${certificate.why} Log in with a password.`);
    }
    limits.succeeded(account, remote);
    const { secret, digest } = makeSecret('');
    const person = personOf(await certificateSessions.begin(digest, certificate, sessionMs));
    const { expiresAt } = person.session;
    const cookies = [setCookie(secret, expiresAt - context.clock.now())];
    return { status: 201, body: showMe(person.user, actsOf(person), expiresAt), cookies };
  },
});

/** Whatever somebody gives for a name: it stands for no other way in that is counted. */
function accountOf(name: string): string {
  return `user ${name}`;
}

function wrongCredentials(): ApiProblem {
  return new ApiProblem('wrong_credentials', 'There is no such user, or the password is another.');
}

const getSession = operation({
  id: 'getSession',
  method: 'GET',
  path: '/session',
  act: 'account.read',
  summary: 'Who asks, and what he may do.',
  answer: { status: 200, body: me },
  examples: [{ name: 'asked', status: 200 }],
  run: async ({ caller }) => {
    const { expiresAt } = caller.kind === 'person' ? caller.session : caller.token;
    return { status: 200, body: showMe(caller.user, actsOf(caller), expiresAt) };
  },
});

const listSessions = operation({
  id: 'listSessions',
  method: 'GET',
  path: '/sessions',
  act: 'account.read',
  summary: 'The own sessions.',
  answer: {
    status: 200,
    body: z.strictObject({
      items: z.array(
        z.strictObject({
          createdAt: z.iso.datetime(),
          usedAt: z.iso.datetime(),
          expiresAt: z.iso.datetime(),
          current: z.boolean().describe('That of this request.'),
        }),
      ),
      next: z.null(),
    }),
  },
  examples: [{ name: 'all', status: 200 }],
  run: async ({ context: { store, certificateSessions }, caller }) => {
    const current = caller.kind === 'person' ? caller.session.digest : undefined;
    const at = (ms: number): string => new Date(ms).toISOString();
    const isByCertificate = caller.kind === 'person' && caller.certificate !== undefined;
    const { id } = caller.user;
    const own = isByCertificate ? certificateSessions.list(id) : await store.sessions.list(id);
    const items = own.map(({ digest, createdAt, usedAt, expiresAt }) => ({
      createdAt: at(createdAt),
      usedAt: at(usedAt),
      expiresAt: at(expiresAt),
      current: digest === current,
    }));
    return { status: 200, body: { items, next: null } };
  },
});

const logOut = operation({
  id: 'logOut',
  method: 'DELETE',
  path: '/session',
  act: 'account.write',
  summary: 'Ends the session.',
  answer: { status: 204 },
  examples: [],
  run: async ({ context, caller }) => {
    await endSession(context, caller);
    return { status: 204, cookies: [sessionGone] };
  },
});

const changePassword = operation({
  id: 'changePassword',
  method: 'POST',
  path: '/session:changePassword',
  act: 'account.write',
  summary: 'Changes the own password. Every session of the user ends, this one too.',
  body: z.strictObject({ password: z.string().max(maxPasswordLength), newPassword }),
  answer: { status: 204 },
  examples: [
    { name: 'a wrong password', body: { password: 'x', newPassword: 'another password of words' }, status: 401 },
  ],
  run: async ({ context, caller, body, remote }) => {
    const { store, passwords, limits } = context;
    const { user } = caller;
    if (caller.kind === 'person' && caller.certificate !== undefined)
      throw new ApiProblem('not_allowed', 'Who logged in with a certificate has no password here.');
    if (user.provider !== null) throw new ApiProblem('not_allowed', 'Your password is at your identity provider.');
    const account = accountOf(user.name);
    refuseHurry(limits.waitFor(account, remote));
    limits.begin(account, remote);
    if (!(await passwords.verify(body.password, user.passwordDigest)))
      throw new ApiProblem('wrong_credentials', 'The present password is another.');
    limits.succeeded(account, remote);
    const passwordDigest = await passwords.hash(body.newPassword);
    const updated = await store.users.update(user.id, user.version, { passwordDigest }, auditActor(caller));
    if (updated.outcome !== 'updated') throw new ApiProblem('stale', 'The account was changed at the same time.');
    return { status: 204 };
  },
});

export const sessionOperations: readonly Operation[] = [
  getSetup,
  setUp,
  logIn,
  logInByCertificate,
  getSession,
  listSessions,
  logOut,
  changePassword,
];
