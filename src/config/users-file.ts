// Users and their passwords: one entry of `users`, and the text of a file in the form of Apache's htpasswd (`user:hash`, a line
// each).
import { looksLikeCrypt, type PasswordForm, readPasswordForm } from './password-form.ts';

export type User = { readonly name: string; readonly password: PasswordForm };

export type UserMistake = { readonly problem: string; readonly hint: string; readonly about?: 'username' };

const maxUsers = 10_000;
const maxNameLength = 128;

/** Messages hold the name and nothing of the password. */
export function readUser(name: string, password: string): User | UserMistake {
  if (name === '' || name.length > maxNameLength || name.trim() !== name || /[:\u0000-\u001f\u007f-\u009f]/.test(name))
    return {
      problem: 'the name of a user cannot be sent: empty, too long, with a colon, a control character or blanks around',
      hint: `RFC 7617 allows no colon in names; up to ${maxNameLength} characters count.`,
      about: 'username',
    };
  const form = readPasswordForm(password);
  if ('problem' in form) return { problem: `user ${name}: ${form.problem}`, hint: form.hint };
  return { name: name.normalize('NFC'), password: form };
}

export type UsersReading = {
  readonly users: readonly User[];
  /** `line` counts from 1. */
  readonly mistakes: readonly (UserMistake & { readonly line: number })[];
  /** Names with a plain password. */
  readonly plain: readonly string[];
};

export function readUsersFile(text: string): UsersReading {
  const users = new Map<string, User>();
  const mistakes: (UserMistake & { line: number })[] = [];
  const plain: string[] = [];
  for (const [at, raw] of text
    .replace(/^\ufeff/, '')
    .split('\n')
    .entries()) {
    const line = raw.replace(/\r$/, '');
    if (line.trim() === '' || line.startsWith('#')) continue;
    const user = readLine(line);
    if ('problem' in user) mistakes.push({ ...user, line: at + 1 });
    else if (users.has(user.name)) mistakes.push({ problem: `user ${user.name} stands twice`, hint: '', line: at + 1 });
    else if (users.size >= maxUsers) {
      mistakes.push({ problem: `more than ${maxUsers} users`, hint: '', line: at + 1 });
      break;
    } else {
      users.set(user.name, user);
      if (user.password.kind === 'plain') plain.push(user.name);
    }
  }
  return { users: [...users.values()], mistakes, plain };
}

function readLine(line: string): User | UserMistake {
  const colon = line.indexOf(':');
  if (colon < 0) return { problem: 'this is no user:password', hint: 'Make the file with `htpasswd -B -c FILE USER`.' };
  const password = line.slice(colon + 1);
  if (looksLikeCrypt(password))
    return {
      problem: `user ${line.slice(0, colon)}: passwords in the form crypt (DES) are not supported`,
      hint: 'Make it anew with `htpasswd -B FILE USER`.',
    };
  return readUser(line.slice(0, colon), password);
}
