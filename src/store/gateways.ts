// The gateways that have reported, with the last report of each: what it runs, as it says itself.
import type { JsonObject } from './canonical-json.ts';
import type { Digest } from './digest.ts';
import type { Act } from './names.ts';

export type Gateway = {
  readonly name: string;
  /** When it first reported. */
  readonly joinedAt: number;
  readonly reportedAt: number;
  /** The revision that all of its workers serve, and the digest of its content; 0 and null where it has none of the store. */
  readonly revision: number;
  readonly content: Digest | null;
  readonly report: JsonObject;
};

export interface Gateways {
  /** The newest report stands for the gateway; may be lost with the power. `full` where there are too many gateways. */
  report(report: Pick<Gateway, 'name' | 'revision' | 'content' | 'report'>): Promise<void>;
  find(name: string): Promise<Gateway | undefined>;
  /** In the order of the names. */
  list(): Promise<readonly Gateway[]>;
  /** Forgets one; it is back when it reports again. */
  remove(name: string, act: Act): Promise<boolean>;
}
