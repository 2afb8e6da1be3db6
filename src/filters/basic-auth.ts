// Lets in who sends a known name with its password (RFC 7617). A name that nobody has takes as long as one that somebody has:
// the password is then compared with what is kept for another user, chosen by the name, and refused whatever comes of it.
import { createHmac, randomBytes } from 'node:crypto';
import type { FilterConfig } from '../config/filter-types.ts';
import { readUsersFile, type User } from '../config/users-file.ts';
import { FieldBlock } from '../http/field.ts';
import { AuthLog } from './auth-log.ts';
import { type BasicCredentials, readBasicCredentials } from './basic-credentials.ts';
import type { FilterDependencies } from './dependencies.ts';
import { nameOf } from './field-names.ts';
import type { Filter, FilterRequest } from './filter.ts';
import type { FilterMaterial } from './material.ts';
import { Refusal } from './refusal.ts';
import { Remembered } from './remembered.ts';

/** How long what was right is not looked at again. It ends with the generation too, so a reload looks at the users anew. */
const rememberMs = 60_000;
const maxRemembered = 4096;
/** A costly hash, behind others that wait. */
const waitMs = 10_000;

const authorization = nameOf('Authorization');
const username = nameOf('username');

/** A check that requests wait for. */
type Running = { readonly fits: Promise<boolean>; asked: number; readonly cancel: () => void };

export class BasicAuthFilter implements Filter {
  readonly name: string;
  readonly waitMs = waitMs;
  readonly sets: readonly string[];
  readonly #users = new Map<string, User>();
  readonly #list: readonly User[];
  readonly #decoyKey = randomBytes(32);
  readonly #forwardUsername: boolean;
  readonly #forwardCredentials: boolean;
  readonly #challenge: FieldBlock;
  readonly #dependencies: FilterDependencies;
  readonly #log: AuthLog;
  readonly #known = new Remembered<string>(maxRemembered);
  /** By digest: what many requests of one client ask at the same time is computed once. */
  readonly #running = new Map<string, Running>();

  constructor(
    config: Extract<FilterConfig, { readonly kind: 'basicAuth' }>,
    material: FilterMaterial,
    dependencies: FilterDependencies,
  ) {
    this.name = config.name;
    const fromFile = material.users === undefined ? [] : readUsersFile(material.users).users;
    for (const user of [...config.users, ...fromFile]) this.#users.set(user.name, user);
    this.#list = [...this.#users.values()];
    this.#forwardUsername = config.forwardUsername;
    this.#forwardCredentials = config.forwardCredentials;
    this.sets = config.forwardUsername ? ['username'] : [];
    const realm = config.realm.replace(/["\\]/g, '\\$&');
    this.#challenge = new FieldBlock([['WWW-Authenticate', `Basic realm="${realm}", charset="UTF-8"`]]);
    this.#dependencies = dependencies;
    this.#log = new AuthLog(config.name, dependencies);
  }

  /** Faults: unauthenticated, auth_unavailable. */
  onRequest(request: FilterRequest): 'pass' | Promise<'pass'> {
    const field = request.fields.find('authorization');
    if (field === undefined) {
      this.#log.count('missing');
      throw this.#refusal('no credentials');
    }
    const digest = this.#known.digest(field);
    const known = this.#known.find(digest, this.#dependencies.clock.monotonic());
    if (known !== undefined) return this.#admit(request, known);
    const credentials = readBasicCredentials(field);
    if (credentials === undefined) throw this.#refuse(request, 'credentials that are not those of RFC 7617');
    return this.#check(request, credentials, digest);
  }

  #check(request: FilterRequest, { name, password }: BasicCredentials, digest: string): 'pass' | Promise<'pass'> {
    const user = this.#users.get(name);
    const kept = (user ?? this.#decoy(name))?.password;
    const conclude = (fits: boolean): 'pass' => {
      if (!fits || user === undefined)
        throw this.#refuse(request, user === undefined ? 'unknown user' : `wrong password for user ${name}`);
      this.#known.add(digest, name, this.#dependencies.clock.monotonic() + rememberMs);
      return this.#admit(request, name);
    };
    if (kept === undefined) return conclude(false);
    const check = this.#running.get(digest) ?? this.#start(kept, password, digest);
    if (typeof check === 'boolean') return conclude(check);
    check.asked++;
    request.onCancel = () => {
      // Nobody else wants to know.
      if (--check.asked === 0) this.#end(digest, check);
    };
    return check.fits.then(conclude, (error: unknown) => {
      throw this.#unavailable(`a password could not be checked: ${String(error)}`);
    });
  }

  #start(kept: User['password'], password: string, digest: string): boolean | Running {
    try {
      const check = this.#dependencies.passwords.check(kept, password);
      if (typeof check === 'boolean') return check;
      const running: Running = { fits: check.fits, asked: 0, cancel: () => check.cancel() };
      this.#running.set(digest, running);
      const over = (): void => this.#end(digest, running);
      check.fits.then(over, over);
      return running;
    } catch (error) {
      this.#log.count('unavailable');
      throw error;
    }
  }

  #end(digest: string, check: Running): void {
    check.cancel();
    if (this.#running.get(digest) === check) this.#running.delete(digest);
  }

  #admit(request: FilterRequest, name: string): 'pass' {
    this.#log.count('passed');
    if (!this.#forwardCredentials) request.fields.remove(authorization);
    // Field values are bytes; what is not ASCII goes as UTF-8.
    if (this.#forwardUsername) request.fields.set(username, Buffer.from(name).toString('latin1'));
    return 'pass';
  }

  #decoy(name: string): User | undefined {
    const at = createHmac('sha256', this.#decoyKey).update(name).digest().readUInt32BE();
    return this.#list[at % this.#list.length];
  }

  #refuse(request: FilterRequest, detail: string): Refusal {
    this.#log.refused(request.address);
    return this.#refusal(detail);
  }

  #refusal(detail: string): Refusal {
    const fields = this.#challenge;
    return new Refusal('unauthenticated', 'client', { detail: `middleware ${this.name}: ${detail}`, fields });
  }

  #unavailable(detail: string): Refusal {
    this.#log.count('unavailable');
    return new Refusal('auth_unavailable', 'gateway', { detail: `middleware ${this.name}: ${detail}` });
  }
}
