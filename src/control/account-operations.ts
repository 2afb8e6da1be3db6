// Users and tokens, for those who may give rights to others. What proves a user or a token is never given out again.
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { dayMs } from '../base/clock.ts';
import { roles, type Token, type User } from '../store/accounts.ts';
import type { Store } from '../store/store.ts';
import { scopes } from './acts.ts';
import { ApiProblem } from './api-problem.ts';
import { auditActor } from './caller.ts';
import { versionOf } from './conditional.ts';
import { type Answer, type Operation, operation } from './operation.ts';
import { openCursor, pageOf, pageQuery, showPage } from './pages.ts';
import { makeSecret } from './random-secret.ts';
import { newPassword, userName } from './session-operations.ts';

const time = z.iso.datetime();
const shownUser = z.strictObject({
  id: z.string(),
  name: z.string(),
  role: z.enum(roles),
  disabled: z.boolean(),
  hasPassword: z.boolean(),
  provider: z
    .strictObject({ issuer: z.string(), subject: z.string() })
    .nullable()
    .describe('Who says who he is, and gives him his role; null: we do.'),
  createdAt: time,
});

function showUser({ id, name, role, disabled, passwordDigest, provider, createdAt }: User): z.output<typeof shownUser> {
  return {
    id,
    name,
    role,
    disabled,
    hasPassword: passwordDigest !== null,
    provider,
    createdAt: new Date(createdAt).toISOString(),
  };
}

function answerUser(user: User, status = 200): Answer {
  return { status, body: showUser(user), etag: String(user.version) };
}

const listUsers = operation({
  id: 'listUsers',
  method: 'GET',
  path: '/users',
  act: 'users.read',
  summary: 'Users.',
  query: pageQuery,
  answer: { status: 200, body: pageOf(shownUser) },
  examples: [
    { name: 'all', status: 200 },
    { name: 'a foreign cursor', query: { cursor: 'none' }, status: 400 },
    { name: 'no number', query: { limit: 'many' }, status: 422 },
  ],
  run: async ({ context: { store }, query: { limit, cursor } }) => {
    const page = await store.users.list({ limit, cursor: openCursor('users', cursor) });
    return { status: 200, body: showPage('users', page, showUser) };
  },
});

const createUser = operation({
  id: 'createUser',
  method: 'POST',
  path: '/users',
  act: 'users.write',
  summary: 'Makes a user.',
  body: z.strictObject({ name: userName, role: z.enum(roles), password: newPassword }),
  repeatable: { secrets: ['password'] },
  answer: { status: 201, body: shownUser },
  examples: [
    {
      name: 'an operator',
      body: { name: 'otto', role: 'operator', password: 'a password of four words' },
      fields: { 'idempotency-key': 'example-1' },
      status: 201,
    },
    {
      name: 'a name that is taken',
      body: { name: 'otto', role: 'viewer', password: 'four words of another' },
      status: 409,
    },
    {
      name: 'a role that is none',
      body: { name: 'eve', role: 'root', password: 'a password of four words' },
      status: 422,
    },
    {
      name: 'an unknown member',
      body: { name: 'eve', role: 'viewer', password: 'a password of four words', admin: true },
      status: 422,
    },
  ],
  run: async ({ context: { store, passwords }, caller, confirm, body: { name, role, password } }) => {
    const passwordDigest = await passwords.hash(password);
    await confirm();
    const user = await store.users.create({ id: randomUUID(), name, role, passwordDigest }, auditActor(caller));
    return { ...answerUser(user, 201), fields: { location: `/api/v1/users/${user.id}` } };
  },
});

const getUser = operation({
  id: 'getUser',
  method: 'GET',
  path: '/users/{id}',
  act: 'users.read',
  summary: 'A user; its ETag is needed to change it.',
  answer: { status: 200, body: shownUser },
  examples: [{ name: 'nobody', params: { id: 'nobody' }, status: 404 }],
  run: async ({ context: { store }, params }) => answerUser(await findUser(store, params['id'])),
});

async function findUser(store: Store, id: string | undefined): Promise<User> {
  const user = id === undefined ? undefined : await store.users.find(id);
  if (user === undefined) throw new ApiProblem('not_found', 'There is no such user.');
  return user;
}

const changeUser = operation({
  id: 'changeUser',
  method: 'PATCH',
  path: '/users/{id}',
  act: 'users.write',
  summary: 'Changes what is named. Another role or password, and disabled, end the sessions of the user.',
  body: z.strictObject({
    name: userName.optional(),
    role: z.enum(roles).optional(),
    password: newPassword.optional(),
    disabled: z.boolean().optional(),
  }),
  conditional: true,
  answer: { status: 200, body: shownUser },
  examples: [
    { name: 'without If-Match', params: { id: 'nobody' }, body: { role: 'viewer' }, status: 428 },
    { name: 'nobody', params: { id: 'nobody' }, body: {}, fields: { 'if-match': '"1"' }, status: 404 },
  ],
  run: async ({ context, caller, confirm, params, body, ifMatch }) => {
    const { store, passwords } = context;
    const { password, name, role, disabled } = body;
    const user = await findUser(store, params['id']);
    if (user.provider !== null && (role !== undefined || password !== undefined))
      throw new ApiProblem('read_only', 'Role and password of this user are at his identity provider.');
    const digest = password === undefined ? undefined : await passwords.hash(password);
    return context.inTurn(async () => {
      await confirm();
      if (disabled === true || (role !== undefined && role !== 'admin')) await keepOneAdmin(store, user.id);
      const change = {
        ...(name !== undefined && { name }),
        ...(role !== undefined && { role }),
        ...(digest !== undefined && { passwordDigest: digest }),
        ...(disabled !== undefined && { disabled }),
      };
      const updated = await store.users.update(user.id, versionOf(ifMatch), change, auditActor(caller));
      if (updated.outcome === 'absent') throw new ApiProblem('not_found', 'There is no such user any more.');
      if (updated.outcome === 'stale') throw await stale(store, updated.user);
      return answerUser(updated.user);
    });
  },
});

/** Who changed it, and when, from the audit log. */
async function stale(store: Store, user: User): Promise<ApiProblem> {
  const { items } = await store.audit.list({ subject: `user/${user.id}`, limit: 1 });
  const [last] = items;
  const current = { ...showUser(user), etag: `"${user.version}"` };
  const changed = last && { by: last.actor, at: new Date(last.at).toISOString() };
  return new ApiProblem('stale', 'The user was changed after you read it.', { members: { current, changed } });
}

/** Nobody could give rights any more. */
async function keepOneAdmin({ users }: Store, without: string): Promise<void> {
  for (let cursor: string | undefined; ; ) {
    const page = await users.list(cursor === undefined ? {} : { cursor });
    if (page.items.some(({ id, role, disabled }) => id !== without && role === 'admin' && !disabled)) return;
    cursor = page.next;
    if (cursor === undefined) break;
  }
  throw new ApiProblem('last_admin', 'Make another administrator first.');
}

const deleteUser = operation({
  id: 'deleteUser',
  method: 'DELETE',
  path: '/users/{id}',
  act: 'users.write',
  summary: 'Removes a user with sessions and tokens.',
  answer: { status: 204 },
  examples: [{ name: 'nobody', params: { id: 'nobody' }, status: 404 }],
  run: async ({ context, caller, params }) =>
    context.inTurn(async () => {
      const user = await findUser(context.store, params['id']);
      if (user.role === 'admin') await keepOneAdmin(context.store, user.id);
      await context.store.users.remove(user.id, auditActor(caller));
      return { status: 204 };
    }),
});

const endSessions = operation({
  id: 'endSessions',
  method: 'DELETE',
  path: '/users/{id}/sessions',
  act: 'users.write',
  summary: 'Ends every session of a user. His tokens stay.',
  answer: { status: 204 },
  examples: [{ name: 'nobody', params: { id: 'nobody' }, status: 404 }],
  run: async ({ context: { store }, caller, params }) => {
    const user = await findUser(store, params['id']);
    await store.sessions.removeOfUser(user.id, auditActor(caller));
    return { status: 204 };
  },
});

const maxTokenDays = 366;
/** Whom the provider knows no more comes to no login that would take his tokens away: they end by themselves. */
const maxTokenDaysOfProvided = 30;
const shownToken = z.strictObject({
  id: z.string(),
  userId: z.string(),
  name: z.string(),
  scopes: z.array(z.string()),
  createdAt: time,
  expiresAt: time,
  usedAt: time.nullable(),
});

function showToken({
  id,
  userId,
  name,
  scopes: own,
  createdAt,
  expiresAt,
  usedAt,
}: Token): z.output<typeof shownToken> {
  const at = (ms: number): string => new Date(ms).toISOString();
  return {
    id,
    userId,
    name,
    scopes: [...own],
    createdAt: at(createdAt),
    expiresAt: at(expiresAt),
    usedAt: usedAt === null ? null : at(usedAt),
  };
}

const listTokens = operation({
  id: 'listTokens',
  method: 'GET',
  path: '/tokens',
  act: 'tokens.read',
  summary: 'Tokens: of an administrator all, of others their own. A page may hold fewer than its limit.',
  query: pageQuery,
  answer: { status: 200, body: pageOf(shownToken) },
  examples: [{ name: 'all', status: 200 }],
  run: async ({ context: { store }, caller: { user }, query: { limit, cursor } }) => {
    const page = await store.tokens.list({ limit, cursor: openCursor('tokens', cursor) });
    const items = page.items.filter(({ userId }) => user.role === 'admin' || userId === user.id);
    return { status: 200, body: showPage('tokens', { ...page, items }, showToken) };
  },
});

const createToken = operation({
  id: 'createToken',
  method: 'POST',
  path: '/tokens',
  act: 'tokens.write',
  summary: 'Makes a token. Its secret is in this one answer and nowhere else.',
  body: z.strictObject({
    name: userName,
    scopes: z.array(z.enum(scopes)).min(1).max(scopes.length),
    days: z.int().min(1).max(maxTokenDays).describe('After which it ends.'),
  }),
  repeatable: { secrets: [] },
  answer: {
    status: 201,
    body: shownToken.extend({ secret: z.string().nullable().describe('Null where the answer is given again.') }),
  },
  examples: [
    { name: 'to read', body: { name: 'ci', scopes: ['config.read'], days: 30 }, status: 201 },
    { name: 'for more than a token may', body: { name: 'ci', scopes: ['users.write'], days: 30 }, status: 422 },
  ],
  run: async ({ context: { store, clock }, caller, body: { name, scopes: wanted, days } }) => {
    if (caller.user.provider !== null && days > maxTokenDaysOfProvided)
      throw new ApiProblem(
        'invalid',
        `A token of a user of an identity provider ends after ${maxTokenDaysOfProvided} days.`,
        {
          errors: [{ pointer: '/days', code: 'too_big', detail: `expected at most ${maxTokenDaysOfProvided}` }],
        },
      );
    const { secret, digest } = makeSecret('cst_');
    const token = await store.tokens.create(
      {
        id: randomUUID(),
        digest,
        userId: caller.user.id,
        name,
        scopes: [...new Set(wanted)].toSorted(),
        expiresAt: clock.now() + days * dayMs,
      },
      auditActor(caller),
    );
    const shown = showToken(token);
    return { status: 201, body: { ...shown, secret }, keep: { ...shown, secret: null } };
  },
});

const deleteToken = operation({
  id: 'deleteToken',
  method: 'DELETE',
  path: '/tokens/{id}',
  act: 'tokens.write',
  summary: 'Ends a token.',
  answer: { status: 204 },
  examples: [{ name: 'none', params: { id: 'none' }, status: 404 }],
  run: async ({ context: { store }, caller, params }) => {
    const token = await findToken(store, params['id']);
    const isTheirs = token !== undefined && (caller.user.role === 'admin' || token.userId === caller.user.id);
    if (token === undefined || !isTheirs) throw new ApiProblem('not_found', 'There is no such token of yours.');
    await store.tokens.remove(token.id, auditActor(caller));
    return { status: 204 };
  },
});

async function findToken({ tokens }: Store, id: string | undefined): Promise<Token | undefined> {
  for (let cursor: string | undefined; ; ) {
    const page = await tokens.list(cursor === undefined ? {} : { cursor });
    const found = page.items.find((token) => token.id === id);
    cursor = page.next;
    if (found !== undefined || cursor === undefined) return found;
  }
}

export const accountOperations: readonly Operation[] = [
  listUsers,
  createUser,
  getUser,
  changeUser,
  deleteUser,
  endSessions,
  listTokens,
  createToken,
  deleteToken,
];
