// How much one client may add to the head of a request for its backend. What does not fit is refused as a whole: a request
// that goes on without the identity of its client, or with half of it, would be somebody else's request.
import { Fault } from '../base/fault.ts';

/** Longest value of one identity field. Many backends take less: docs/forwarded-identity.md has their limits. */
export const maxFieldBytes = 16_384;

/** All identity fields of a request together, names included. */
export const maxBlockBytes = 32_768;

/** `value` where it fits, else Fault('identity_too_large'). */
export function fitting(name: string, value: string): string {
  if (value.length > maxFieldBytes) throw tooLarge(`${name} would take ${value.length} of ${maxFieldBytes} bytes`);
  return value;
}

export function tooLarge(detail: string): Fault {
  return new Fault('identity_too_large', 'client', { detail });
}
