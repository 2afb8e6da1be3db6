// Passwords: kept as argon2id (RFC 9106) in the form that everybody writes it, made and verified a few at a time, since each
// takes memory and a core on purpose.
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { ApiProblem } from './api-problem.ts';

const derive = promisify(argon2);

/** OWASP's choice for argon2id: 19 MiB, two passes, one lane. */
const cost = { memory: 19_456, passes: 2, parallelism: 1 };
const saltBytes = 16;
const tagBytes = 32;
export const minPasswordLength = 12;
export const maxPasswordLength = 256;
/** Computed at one time, and waiting for their turn. */
const maxAtOnce = 2;
const maxWaiting = 16;

export class Passwords {
  #running = 0;
  readonly #waiting: (() => void)[] = [];
  #nobody: Promise<string> | undefined;

  async hash(password: string): Promise<string> {
    const salt = randomBytes(saltBytes);
    const tag = await this.#derive(password, salt, cost, tagBytes);
    return `$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=${cost.parallelism}$${plain(salt)}$${plain(tag)}`;
  }

  /** `digest` null or undefined: there is nobody of this name, which takes as long to say as a wrong password. */
  async verify(password: string, digest: string | null | undefined): Promise<boolean> {
    const parts = parse(digest ?? (await (this.#nobody ??= this.hash(randomBytes(16).toString('hex')))));
    if (parts === undefined) return false;
    const tag = await this.#derive(password, parts.salt, parts.cost, parts.tag.length);
    return timingSafeEqual(tag, parts.tag) && typeof digest === 'string';
  }

  async #derive(password: string, nonce: Buffer, { memory, passes, parallelism }: typeof cost, tagLength: number) {
    if (this.#running >= maxAtOnce) {
      if (this.#waiting.length >= maxWaiting)
        throw new ApiProblem('too_many', 'Too many people log in at once: try again in a moment.', {
          fields: { 'retry-after': '5' },
        });
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#running++;
    try {
      // What the same keys make on another system may differ in form (RFC 8265 would have it so too).
      const message = Buffer.from(password.normalize('NFC'));
      return await derive('argon2id', { message, nonce, memory, passes, parallelism, tagLength });
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }
}

function plain(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}

function parse(digest: string): { cost: typeof cost; salt: Buffer; tag: Buffer } | undefined {
  const match =
    /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{16,86})$/.exec(
      digest,
    );
  if (match === null) return undefined;
  const [, memory, passes, parallelism, salt = '', tag = ''] = match;
  return {
    cost: { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) },
    salt: Buffer.from(salt, 'base64'),
    tag: Buffer.from(tag, 'base64'),
  };
}
