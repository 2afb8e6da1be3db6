// Requests that are sent again: under the key of the first one its answer is kept, so that the second does nothing.
import type { JsonObject } from './canonical-json.ts';
import type { Digest } from './digest.ts';

export type Begun =
  /** Do it, then `finish`. */
  | { readonly outcome: 'new' }
  /** The first one is not done. */
  | { readonly outcome: 'running' }
  | { readonly outcome: 'done'; readonly answer: JsonObject }
  /** The key was used for another request. */
  | { readonly outcome: 'mismatch' };

export interface IdempotencyKeys {
  /** `key`: digest of who asks and the key he gave; `request`: digest of what he asks for. Kept until `expiresAt`. */
  begin(key: Digest, request: Digest, expiresAt: number): Promise<Begun>;
  finish(key: Digest, answer: JsonObject): Promise<void>;
  /** It failed in a way that trying again can mend. */
  release(key: Digest): Promise<void>;
}
