// Lets in who sends a signed token (JWT, RFC 7519) that is meant for here. Which key verifies it, and by which algorithm, is
// decided by the configuration and the kind of the key; of what a token says of itself its key id alone is looked at, as a
// name in the set. What was verified is remembered until it expires; what it is bound to is compared with each request.
import type * as Jose from 'jose';
import { Fault } from '../base/fault.ts';
import type { FilterConfig } from '../config/filter-types.ts';
import { FieldBlock, type FieldName } from '../http/field.ts';
import { AuthLog } from './auth-log.ts';
import { findToken, isCompactToken, removeToken } from './bearer-token.ts';
import { type Claims, claimValue, fits, MissingClaim } from './claims.ts';
import type { FilterDependencies } from './dependencies.ts';
import { nameOf } from './field-names.ts';
import type { Filter, FilterRequest } from './filter.ts';
import { FixedKeys, type KeySource } from './key-source.ts';
import { candidatesOf, readKeySet, secretKey, type VerificationKey } from './key-set.ts';
import type { FilterMaterial } from './material.ts';
import { Refusal } from './refusal.ts';
import { Remembered } from './remembered.ts';
import { type Bond, bondOf, whyNotBearer } from './token-binding.ts';

/** A key set that has to be fetched first. */
const waitMs = 10_000;
const maxRemembered = 4096;
/** What is remembered is verified again after so long at the latest. */
const rememberMs = 300_000;

type Config = Extract<FilterConfig, { readonly kind: 'jwtAuth' }>;

/** What is kept of a token that was verified. */
type Accepted = {
  readonly bond: Bond;
  readonly headers: readonly (readonly [FieldName, string])[];
  readonly keysVersion: number;
};

const missing = new FieldBlock([['WWW-Authenticate', 'Bearer']]);
const invalid = new FieldBlock([['WWW-Authenticate', 'Bearer error="invalid_token"']]);
const insufficient = new FieldBlock([['WWW-Authenticate', 'Bearer error="insufficient_scope"']]);

export class JwtAuthFilter implements Filter {
  readonly name: string;
  readonly waitMs = waitMs;
  readonly sets: readonly string[];
  readonly #config: Config;
  readonly #headers: readonly { readonly name: FieldName; readonly path: readonly string[] }[];
  readonly #keys: KeySource;
  readonly #jose: Promise<typeof Jose>;
  readonly #dependencies: FilterDependencies;
  readonly #log: AuthLog;
  readonly #known = new Remembered<Accepted>(maxRemembered);

  /** Throws where its keys cannot be read. */
  constructor(config: Config, material: FilterMaterial, dependencies: FilterDependencies) {
    this.name = config.name;
    this.#config = config;
    this.#headers = config.headers.map(({ name, path }) => ({ name: nameOf(name), path }));
    this.sets = config.headers.map(({ name }) => name);
    this.#keys = keysOf(config, material, dependencies);
    this.#dependencies = dependencies;
    this.#log = new AuthLog(config.name, dependencies);
    // A worker without such a filter does not load it.
    this.#jose = import('jose');
    this.#jose.catch(() => {});
  }

  /** Faults: unauthenticated, access_denied, auth_unavailable. */
  onRequest(request: FilterRequest): 'pass' | Promise<'pass'> {
    const token = findToken(request.fields, this.#config);
    if (token === undefined) {
      this.#log.count('missing');
      throw new Refusal('unauthenticated', 'client', { detail: `middleware ${this.name}: no token`, fields: missing });
    }
    if (token === '') throw this.#refuse(request, 'what is sent is no token, or more than one');
    const digest = this.#known.digest(token);
    const known = this.#known.find(digest, this.#dependencies.clock.now());
    if (known !== undefined && known.keysVersion === this.#keys.version) return this.#admit(request, known);
    if (!isCompactToken(token)) throw this.#refuse(request, 'what is sent is no token');
    return this.#verify(request, token, digest);
  }

  async #verify(request: FilterRequest, token: string, digest: string): Promise<'pass'> {
    // Of before: should the keys change meanwhile, the token is verified once more.
    const { version } = this.#keys;
    const claims = await this.#claimsOf(request, token);
    const accepted = this.#accept(request, claims, version);
    const { clock } = this.#dependencies;
    const expires = Number(claims['exp']) * 1000 + this.#config.skewMs;
    this.#known.add(digest, accepted, Math.min(expires, clock.now() + rememberMs));
    return this.#admit(request, accepted);
  }

  async #claimsOf(request: FilterRequest, token: string): Promise<Claims> {
    const { algorithms, issuers, audiences, skewMs } = this.#config;
    const { jwtVerify } = await this.#jose;
    try {
      const { payload } = await jwtVerify(token, async ({ kid, alg }) => this.#keyOf(kid, alg), {
        algorithms: [...algorithms],
        ...(issuers === undefined ? {} : { issuer: [...issuers] }),
        ...(audiences === undefined ? {} : { audience: [...audiences] }),
        clockTolerance: skewMs / 1000,
        currentDate: new Date(this.#dependencies.clock.now()),
        // A token that never expires cannot be taken back.
        requiredClaims: ['exp'],
      });
      return payload;
    } catch (error) {
      if (error instanceof Fault) {
        this.#log.count('unavailable');
        throw error;
      }
      throw this.#refuse(request, whyOf(error));
    }
  }

  async #keyOf(id: unknown, algorithm: string): Promise<VerificationKey['key']> {
    const named = typeof id === 'string' ? id : undefined;
    const first = candidatesOf(await this.#keys.keys(), named, algorithm);
    const found = first.length > 0 ? first : candidatesOf(await this.#keys.renewed(), named, algorithm);
    const [one, other] = found;
    if (one === undefined) throw new UnknownKey(`no key for its id and ${algorithm}`);
    if (other !== undefined) throw new UnknownKey('it does not say which key of the set it was signed with');
    return one.key;
  }

  /** Throws what refuses the claims of a verified token. */
  #accept(request: FilterRequest, claims: Claims, keysVersion: number): Accepted {
    const { claims: rule } = this.#config;
    if (rule !== undefined && !this.#fits(request, claims, rule))
      throw this.#deny(request, 'its claims are not those asked for');
    const headers = this.#headers.map(({ name, path }) => {
      const value = claimValue(claims, path);
      if (value === undefined) throw this.#deny(request, `its claim ${path.join('.')} cannot stand in ${name.raw}`);
      return [name, value] as const;
    });
    return { bond: bondOf(claims), headers, keysVersion };
  }

  #fits(request: FilterRequest, claims: Claims, rule: NonNullable<Config['claims']>): boolean {
    try {
      return fits(claims, rule);
    } catch (error) {
      if (error instanceof MissingClaim) throw this.#deny(request, error.message);
      throw error;
    }
  }

  #admit(request: FilterRequest, { bond, headers }: Accepted): 'pass' {
    const why = whyNotBearer(bond, this.#config.binding, request.identity);
    if (why !== undefined) throw this.#refuse(request, why);
    this.#log.count('passed');
    if (!this.#config.forwardAuthorization) removeToken(request.fields, this.#config);
    for (const [name, value] of headers) if (value !== '') request.fields.set(name, value);
    return 'pass';
  }

  #refuse(request: FilterRequest, why: string): Refusal {
    this.#log.refused(request.address);
    return new Refusal('unauthenticated', 'client', { detail: `middleware ${this.name}: ${why}`, fields: invalid });
  }

  #deny(request: FilterRequest, why: string): Refusal {
    this.#log.refused(request.address);
    return new Refusal('access_denied', 'client', { detail: `middleware ${this.name}: ${why}`, fields: insufficient });
  }
}

class UnknownKey extends Error {}

/** Sentences of jose hold names of claims and nothing of their values. */
function whyOf(error: unknown): string {
  return error instanceof Error ? `the token is not accepted: ${error.message}` : 'the token is not accepted';
}

function keysOf({ keys }: Config, material: FilterMaterial, dependencies: FilterDependencies): KeySource {
  if (keys.kind === 'secret') return new FixedKeys([secretKey(keys.secret)]);
  if (keys.kind === 'file') return new FixedKeys(readKeySet(material.keys ?? '').keys);
  const { url, refreshMs, maxAgeMs } = keys;
  const { clock, lookup, warn, keySets } = dependencies;
  return keySets.find({ url, refreshMs, maxAgeMs, cas: material.cas, clock, lookup, warn });
}
