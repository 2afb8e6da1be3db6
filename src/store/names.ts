// Names, texts and numbers that come into a store from outside: bounded, and free of what a terminal or a key made of two
// names could be fooled with.
import { canonicalJson, type JsonObject } from './canonical-json.ts';
import { maxNameLength, maxReasonLength } from './limits.ts';
import { StoreProblem } from './store-problem.ts';

/** Who did something, and why: stands in the audit log. */
export type Act = {
  /** `user:alice`, `token:deploy`, `system`. */
  readonly actor: string;
  readonly reason?: string | undefined;
};

// Also lone surrogates: no encoding of a database can keep them.
const refused = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;

/** The name itself. Throws `invalid` where it is empty, too long, or holds control characters. */
export function checkName(name: unknown, what: string): string {
  if (typeof name !== 'string' || name === '' || name.length > maxNameLength || refused.test(name)) {
    throw new StoreProblem('invalid', `${what} must be 1 to ${maxNameLength} characters without control characters`);
  }
  return name;
}

/** Lines are allowed here. */
export function checkAct({ actor, reason }: Act): { readonly actor: string; readonly reason: string | null } {
  checkName(actor, 'the actor');
  if (reason !== undefined && (reason.length > maxReasonLength || refused.test(reason.replace(/[\r\n\t]/g, '')))) {
    throw new StoreProblem('invalid', `the reason must be at most ${maxReasonLength} characters of text`);
  }
  return { actor, reason: reason ?? null };
}

/** Canonical text of a document; throws `invalid` where it is larger than `maxBytes`. */
export function boundedJson(document: JsonObject, maxBytes: number, what: string): string {
  const text = canonicalJson(document);
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes) throw new StoreProblem('invalid', `${what} has ${bytes} bytes; ${maxBytes} are allowed`);
  return text;
}

/** A document that a store kept; `altered` where somebody wrote something else there. */
export function readJson(text: string, what: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as JsonObject;
  } catch {
    // Told below.
  }
  throw new StoreProblem('altered', `${what} is not what was stored`);
}

/** Milliseconds since the epoch, or any count: a whole number that is not negative. */
export function checkCount(value: number, what: string): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new StoreProblem('invalid', `${what} must be a whole number that is not negative`);
  }
  return value;
}
