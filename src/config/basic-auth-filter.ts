// `type: basicAuth`: who sends a name and a password that are known (RFC 7617).
import { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { flag, list, map, secret, text, textAllowed } from './atoms.ts';
import { filterType } from './filter-type.ts';
import { key } from './key.ts';
import { pathInStore, refTo } from './material-ref.ts';
import type { PathRef } from './ref.ts';
import { readUser, type User } from './users-file.ts';

const maxUsers = 1000;
const maxRealm = 128;

const userKeys = map({
  username: key(text, { says: 'Name of the user.' }),
  password: key(secret(text), { says: 'Hash of the password ($2b$…, $argon2id$…, {SHA}…), or plain text.' }),
}).register(textAllowed, { textAllowed: true });

/** `name:password`, in one text. */
const userShape = z.preprocess((input) => {
  if (typeof input !== 'string' || !input.includes(':')) return input;
  const colon = input.indexOf(':');
  return { username: input.slice(0, colon), password: input.slice(colon + 1) };
}, userKeys);
type UserShape = z.output<typeof userShape>;

export const basicAuthFilter = filterType({
  kind: 'basicAuth',
  names: ['basicAuth', 'basic'],
  guards: true,
  holdsSecrets: true,
  says: 'Lets in who sends a known name with its password (RFC 7617).',
  rule: map({
    realm: key(text, {
      says: 'What browsers show beside the question for a password. Default {default}.',
      default: 'Restricted',
      page: 'Goma. What browsers show beside the question for a password.',
    }),
    users: key(secret(list(userShape)), {
      says: 'Users: {username, password}, or username:password.',
      page: 'Goma. A list of `{username, password}` or `username:password`. A password is a hash of bcrypt (`$2a$`, `$2b$`, `$2y$`, cost up to 14), argon2id (`$argon2id$v=19$…`) or `{SHA}`, or plain text (warning). `$apr1$`, crypt and other forms are errors.',
      example: 'For example users: [{username: ann, password: "$2y$10$…"}].',
    }),
    usersFile: key(text, {
      says: 'A file of users as htpasswd makes it. Watched.',
      page: 'own. A file as `htpasswd` makes it (`name:hash`, a line each), watched. Beside `users` or instead.',
    }),
    forwardUsername: key(flag, {
      says: 'The backend gets the name of the user in the header `username`. Default {default}.',
      default: false,
      page: 'Goma. The backend gets the name in the header `username`, which no client can set then, on no route.',
    }),
    forwardCredentials: key(flag, {
      says: 'The backend gets the Authorization header, password and all. Default {default}.',
      default: false,
      page: 'own. The backend gets `Authorization` with the password. In Goma it always does.',
    }),
  }),
  read: (rule, at, problems) => {
    const { realm, forwardUsername, forwardCredentials } = rule;
    if (/[^\x20-\x7e]/.test(realm) || realm.length > maxRealm)
      problems.error('wrong_value', at.down('realm').place, `realm has to be up to ${maxRealm} characters of ASCII`);
    const users = readUsers(rule.users, at, problems);
    const usersFile = readFile(rule.usersFile, at, problems);
    if (users.length === 0 && usersFile === undefined && !at.has('users') && !at.has('usersFile'))
      problems.error(
        'missing_key',
        at.place,
        'basicAuth without users lets nobody in',
        'Write users: [{username: ann, password: "$2y$10$…"}], or usersFile: FILE.',
      );
    return { realm, users, usersFile, forwardUsername, forwardCredentials };
  },
});

function readFile(file: string | undefined, at: Cursor, problems: ProblemList): PathRef | undefined {
  if (file === undefined || file.trim() === '') {
    if (file !== undefined || at.isEmpty('usersFile'))
      problems.error('empty_material', at.keyPlace('usersFile'), 'usersFile is written but names no file');
    return undefined;
  }
  if (at.place.stored !== undefined) {
    problems.error('bad_material', at.down('usersFile').place, `usersFile ${pathInStore.problem}`, pathInStore.hint);
    return undefined;
  }
  return refTo(file, at.down('usersFile'), true);
}

function readUsers(written: readonly UserShape[] | undefined, at: Cursor, problems: ProblemList): User[] {
  const listAt = at.down('users');
  if (written === undefined || written.length === 0) {
    if (at.has('users') && !at.isBroken('users'))
      problems.error(
        'empty_list',
        at.keyPlace('users'),
        'users is empty: nobody could get in',
        'List who may, or remove the key.',
      );
    return [];
  }
  if (written.length > maxUsers)
    problems.error('too_many', listAt.place, `more than ${maxUsers} users`, 'Put them into a usersFile.');
  const users = new Map<string, User>();
  for (const [i, { username, password }] of written.entries()) {
    const one = listAt.down(i);
    if (username === undefined || password === undefined) {
      problems.error('missing_key', one.place, 'a user needs username and password', 'Or write "username:password".');
      continue;
    }
    const passwordAt = one.down('password');
    const user = readUser(username, password);
    if ('problem' in user)
      problems.error('bad_user', one.down(user.about ?? 'password').place, user.problem, user.hint);
    else if (users.has(user.name)) problems.error('duplicate_name', one.place, `two users are called ${user.name}`);
    else {
      users.set(user.name, user);
      if (user.password.kind === 'plain' && one.showable && passwordAt.showable)
        problems.warn(
          'plain_password',
          passwordAt.place,
          `the password of ${user.name} stands here as plain text`,
          'Write its hash (htpasswd -nB), or take it from the environment: ${NAME}.',
        );
    }
  }
  return [...users.values()];
}
