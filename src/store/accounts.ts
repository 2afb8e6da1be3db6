// Who may: users, their sessions, tokens. Of what proves them only digests come in and go out; making and comparing them is
// the API's. Every change stands in the audit log.
import { type AuditedRow, rowDigest } from './audit.ts';
import { canonicalJson } from './canonical-json.ts';
import { type Digest, parseDigest } from './digest.ts';
import { maxProviderPart } from './limits.ts';
import { type Act, checkCount, checkName, readJson } from './names.ts';
import type { Page, PageRequest } from './page.ts';
import { StoreProblem } from './store-problem.ts';

export const roles = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof roles)[number];

export type IdentityProvider = { readonly issuer: string; readonly subject: string };

export type User = {
  readonly id: string;
  /** Unique. */
  readonly name: string;
  readonly role: Role;
  /** `$argon2id$…`; null where the user logs in by certificate or through a provider. */
  readonly passwordDigest: string | null;
  /** Who says who the user is (OpenID Connect Core 1.0, section 5.7: these two together, and nothing else); null: we do. */
  readonly provider: IdentityProvider | null;
  readonly disabled: boolean;
  readonly createdAt: number;
  /** Counts changes: names the state that an update was made for. */
  readonly version: number;
};

export type UserToCreate = Pick<User, 'id' | 'name' | 'role' | 'passwordDigest'> & {
  readonly provider?: IdentityProvider | null;
};

export type UserChange = Partial<Pick<User, 'name' | 'role' | 'passwordDigest' | 'disabled'>>;

export type UserUpdated =
  | { readonly outcome: 'updated'; readonly user: User }
  /** It was changed by somebody else in between; `user` is what it is now. */
  | { readonly outcome: 'stale'; readonly user: User }
  | { readonly outcome: 'absent' };

/** What is found was checked against the audit log: `altered` where somebody changed it by another way. Lists are not. */
export interface Users {
  /** `duplicate` where the name, or the subject of the provider, is another user's. */
  create(user: UserToCreate, act: Act): Promise<User>;
  /** Another role, another password and `disabled` end the sessions of the user in the same step. */
  update(id: string, version: number, change: UserChange, act: Act): Promise<UserUpdated>;
  /** With sessions and tokens. False where there is none. */
  remove(id: string, act: Act): Promise<boolean>;
  find(id: string): Promise<User | undefined>;
  findByName(name: string): Promise<User | undefined>;
  findByProvider(provider: IdentityProvider): Promise<User | undefined>;
  list(request?: PageRequest): Promise<Page<User>>;
}

export type Session = {
  /** SHA-256 of the cookie's value, which has at least 128 random bits. */
  readonly digest: Digest;
  readonly userId: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly usedAt: number;
};

export interface Sessions {
  /**
   * Of more than `maxSessionsPerUser` the one that was not used for longest goes. `userVersion`: of the user whose password was
   * verified; `invalid` where the user has changed since, who may have another password or role by now.
   */
  create(
    session: Pick<Session, 'digest' | 'userId' | 'expiresAt'> & { readonly userVersion?: number },
    act: Act,
  ): Promise<Session>;
  /** Undefined where it has expired. */
  find(digest: Digest): Promise<Session | undefined>;
  /** Notes that it was used now; may be lost with the power. */
  touch(digest: Digest): Promise<void>;
  list(userId: string): Promise<readonly Session[]>;
  remove(digest: Digest, act: Act): Promise<boolean>;
  /** How many. */
  removeOfUser(userId: string, act: Act): Promise<number>;
}

export type Token = {
  readonly id: string;
  /** SHA-256 of the token, which has at least 128 random bits. */
  readonly digest: Digest;
  readonly userId: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly usedAt: number | null;
};

export interface Tokens {
  create(token: Omit<Token, 'createdAt' | 'usedAt'>, act: Act): Promise<Token>;
  /** Undefined where it has expired. */
  find(digest: Digest): Promise<Token | undefined>;
  touch(digest: Digest): Promise<void>;
  /** In the order of the ids, expired ones too. */
  list(request?: PageRequest): Promise<Page<Token>>;
  remove(id: string, act: Act): Promise<boolean>;
}

export function checkRole(role: unknown): Role {
  const known = roles.find((one) => one === role);
  if (known === undefined) throw new StoreProblem('invalid', `the role must be one of ${roles.join(', ')}`);
  return known;
}

/** Throws `invalid` for what could be a password, and does not show it. */
export function checkPasswordDigest(digest: string | null): string | null {
  if (digest === null || /^\$argon2id\$[A-Za-z0-9+/=$,_.-]{1,300}$/.test(digest)) return digest;
  throw new StoreProblem('invalid', 'a password is stored as $argon2id$… and in no other way');
}

/** One text for a provider and its subject; null for none. Throws `invalid`. */
export function providerText(provider: IdentityProvider | null): string | null {
  if (provider === null) return null;
  for (const part of [provider.issuer, provider.subject]) {
    if (part !== '' && part.length <= maxProviderPart) continue;
    throw new StoreProblem('invalid', `issuer and subject must be 1 to ${maxProviderPart} characters`);
  }
  return canonicalJson({ issuer: provider.issuer, subject: provider.subject });
}

/** The audit log had rows of users before any of them came from a provider. */
export function userDigest({ provider, ...rest }: User): Digest {
  return rowDigest(provider === null ? rest : { ...rest, provider });
}

/** What the audit log remembers of a row: what changes by mere use is left out. */
export function lasting<T extends { readonly usedAt: unknown }>(row: T): Omit<T, 'usedAt'> {
  const { usedAt: _, ...rest } = row;
  return rest;
}

export function userRow(user: User): AuditedRow {
  return { subject: `user/${user.id}`, row: userDigest(user) };
}

/** Throws `invalid`. */
export function checkUser({ id, name, role, passwordDigest }: User): void {
  checkName(id, 'the id of a user');
  checkName(name, 'the name of a user');
  checkRole(role);
  checkPasswordDigest(passwordDigest);
}

/** Names only: a digest of a password has no place in a log. */
export function changedFields(before: User, after: User): string[] {
  return (['name', 'role', 'passwordDigest', 'disabled'] as const).filter((field) => before[field] !== after[field]);
}

/** What somebody wrote there by hand does not fit the digest of the row. */
export function readProvider(text: string | null): IdentityProvider | null {
  if (text === null) return null;
  const { issuer, subject } = readJson(text, 'the identity provider of a user');
  if (typeof issuer === 'string' && typeof subject === 'string') return { issuer, subject };
  throw new StoreProblem('altered', 'the identity provider of a user is not what was stored');
}

export function sessionRow(session: Session): AuditedRow {
  return { subject: `session/${session.digest}`, row: rowDigest(lasting(session)) };
}

export function tokenRow(token: Token): AuditedRow {
  return { subject: `token/${token.id}`, row: rowDigest(lasting(token)) };
}

const maxScopes = 100;

/** Throws `invalid`. */
export function checkToken({ id, digest, name, scopes, expiresAt }: Token): void {
  checkName(id, 'the id of a token');
  checkName(name, 'the name of a token');
  parseDigest(digest, 'the digest of a token');
  checkCount(expiresAt, 'the end of a token');
  if (scopes.length > maxScopes) throw new StoreProblem('invalid', `a token may have ${maxScopes} scopes`);
  for (const scope of scopes) checkName(scope, 'a scope');
}

/** What somebody wrote there by hand need not be a list: then nothing is allowed. */
export function readScopes(text: string): readonly string[] {
  try {
    const scopes: unknown = JSON.parse(text);
    if (Array.isArray(scopes)) return scopes as string[];
  } catch {
    // Nothing is allowed then.
  }
  return [];
}
