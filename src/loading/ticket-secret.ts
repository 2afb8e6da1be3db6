// The secret for session tickets that several gateways share, from the file that the configuration names.
import { createHash } from 'node:crypto';
import type { PlainRef } from '../config/ref.ts';
import { materialError } from '../base/material-problem.ts';
import type { MaterialLoader } from './material-loader.ts';

/** Shortest key file that is taken for a secret. */
const minSecretBytes = 32;
const maxSecretBytes = 65_536;

/**
 * 32 bytes, hashed from the file or text whatever its length; undefined where there is none, or it cannot be read (a problem of
 * the loader then).
 */
export async function loadTicketSecret(
  ref: PlainRef | undefined,
  loader: MaterialLoader,
): Promise<Uint8Array | undefined> {
  if (ref === undefined) return undefined;
  let secret: Buffer;
  if (!('pem' in ref)) {
    const file = await loader.read(ref, maxSecretBytes);
    if (!file.ok) {
      const hint = file.hint === '' ? 'Correct gateway.tls.sessionResumption.keys.' : file.hint;
      loader.add(ref.place, materialError('ticket_keys_unreadable', file.message, hint));
      return undefined;
    }
    secret = file.bytes;
  } else {
    secret = Buffer.from(ref.pem);
  }
  if (secret.length < minSecretBytes) {
    const hint = 'Make one with `openssl rand -out FILE 48` and give it to every gateway that shares sessions.';
    loader.add(
      ref.place,
      materialError(
        'ticket_keys_short',
        `session ticket keys need at least ${minSecretBytes} bytes of secret, there are ${secret.length}`,
        hint,
      ),
    );
  }
  return createHash('sha256').update(secret).digest();
}
