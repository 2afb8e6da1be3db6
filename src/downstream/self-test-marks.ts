// What marks the gateway's own attempts on its listeners: a protocol name of ALPN that nobody else can make, good for one port, half a
// minute and one connection in a worker. Whoever is marked is let in by the same rules as everybody; only counters and logs of clients
// leave him out.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../base/clock.ts';

const prefix = 'countersign-self-test.';
const validMs = 30_000;
const nonceBytes = 12;
const tagBytes = 16;
/** Of half a minute. Beyond that nobody is marked. */
const maxUsed = 10_000;

/** `key`: of this start, and of nobody outside the processes of this gateway. `now`: milliseconds since the epoch. */
export function makeMark(key: Uint8Array, port: number, now: number): string {
  const head = Buffer.alloc(nonceBytes + 6);
  randomBytes(nonceBytes).copy(head);
  head.writeUIntBE(now, nonceBytes, 6);
  return prefix + Buffer.concat([head, tagOf(key, port, head)]).toString('base64url');
}

function tagOf(key: Uint8Array, port: number, head: Uint8Array): Buffer {
  const about = Buffer.alloc(2);
  about.writeUInt16BE(port);
  return createHmac('sha256', key).update(about).update(head).digest().subarray(0, tagBytes);
}

export class SelfTestMarks {
  readonly #clock: Pick<Clock, 'now'>;
  #key: Uint8Array | undefined;
  /** When the marks that were used end. */
  readonly #used = new Map<string, number>();

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** Until then nobody is marked. */
  setKey(key: Uint8Array): void {
    this.#key = key;
  }

  /** True once for each mark. `port`: that the connection came in on. */
  take(alpn: readonly string[], port: number): boolean {
    const key = this.#key;
    const mark = key && alpn.find((name) => name.startsWith(prefix));
    if (key === undefined || mark === undefined) return false;
    const bytes = Buffer.from(mark.slice(prefix.length), 'base64url');
    if (bytes.length !== nonceBytes + 6 + tagBytes) return false;
    const head = bytes.subarray(0, nonceBytes + 6);
    if (!timingSafeEqual(bytes.subarray(head.length), tagOf(key, port, head))) return false;
    const now = this.#clock.now();
    const until = head.readUIntBE(nonceBytes, 6) + validMs;
    if (now > until || now < until - 2 * validMs) return false;
    return this.#use(head.toString('latin1'), until, now);
  }

  #use(nonce: string, until: number, now: number): boolean {
    if (this.#used.size >= maxUsed) for (const [one, end] of this.#used) if (end < now) this.#used.delete(one);
    if (this.#used.has(nonce) || this.#used.size >= maxUsed) return false;
    this.#used.set(nonce, until + validMs);
    return true;
  }
}
