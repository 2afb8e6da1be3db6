// Sticky sessions: a cookie that leads a client back to the backend that served it first. Its value is a keyed hash of route and
// backend: it tells nothing of the address, and nobody can make one up. It proves nothing about the client.
import { createHmac } from 'node:crypto';
import type { StickyConfig } from '../config/gateway-config.ts';
import { findCookie } from '../http/cookie.ts';
import { FieldBlock, type Fields } from '../http/field.ts';

/** Of the hash that is in the cookie; 128 bits. */
const idBytes = 16;

export class Sticky<T extends { readonly name: string }> {
  readonly #cookie: string;
  readonly #byId = new Map<string, T>();
  readonly #set = new Map<T, FieldBlock>();

  /** `secret`: the same in all workers. `route`: its name, so that the cookie of one route says nothing on another. */
  constructor(config: StickyConfig, secret: Uint8Array, route: string, backends: readonly T[]) {
    this.#cookie = config.cookie;
    for (const backend of backends) {
      const id = createHmac('sha256', secret).update(`${route}\n${backend.name}`).digest().subarray(0, idBytes);
      const value = id.toString('base64url');
      this.#byId.set(value, backend);
      this.#set.set(backend, new FieldBlock([['Set-Cookie', `${config.cookie}=${value}${attributesOf(config)}`]]));
    }
  }

  /** Where its cookie leads a request, be it available or not. */
  find(fields: Fields): T | undefined {
    const value = findCookie(fields, this.#cookie);
    return value === undefined ? undefined : this.#byId.get(value);
  }

  /** What the answer of `backend` adds: nothing where the client has its cookie already. */
  answer(backend: T, fields: Fields): FieldBlock {
    return this.find(fields) === backend ? FieldBlock.empty : (this.#set.get(backend) ?? FieldBlock.empty);
  }
}

/** RFC 6265bis section 4.1.2. */
function attributesOf({ path, maxAgeMs, secure, httpOnly, sameSite }: StickyConfig): string {
  const age = maxAgeMs === 0 ? '' : `; Max-Age=${Math.ceil(maxAgeMs / 1000)}`;
  return `; Path=${path}${age}${secure ? '; Secure' : ''}${httpOnly ? '; HttpOnly' : ''}; SameSite=${sameSite}`;
}
