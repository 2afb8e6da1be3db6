// The primary's side of sticky sessions: what all workers make their cookies with. Made at start, and the same over reloads; where a
// file holds a secret for session tickets it follows from that, so that gateways which share it agree, and restarts keep it.
import { createHmac, randomBytes } from 'node:crypto';
import type { LoadedConfig } from '../loading/loaded.ts';

export class StickySecrets {
  readonly #own = randomBytes(32);

  secretFor({ ticketSecret }: Pick<LoadedConfig, 'ticketSecret'>): Uint8Array {
    if (ticketSecret === undefined) return this.#own;
    return createHmac('sha256', ticketSecret).update('countersign sticky sessions').digest();
  }
}
