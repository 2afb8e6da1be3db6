// The secret for session tickets that several gateways share, from the file that the configuration names.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Ref } from '../config/gateway-config.ts';
import { materialName } from '../pki/material.ts';
import { materialError } from '../pki/material-problem.ts';
import type { MaterialLoader } from './material-loader.ts';

/** Shortest key file that is taken for a secret. */
const minSecretBytes = 32;

/**
 * 32 bytes, hashed from the file or text whatever its length; undefined where there is none, or it cannot be read (a problem of
 * the loader then).
 */
export async function loadTicketSecret(ref: Ref | undefined, loader: MaterialLoader): Promise<Uint8Array | undefined> {
  if (ref === undefined) return undefined;
  let secret: Buffer;
  if ('path' in ref) {
    loader.paths.add(ref.path);
    try {
      secret = await readFile(ref.path);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'error';
      const name = materialName(ref);
      const message = code === 'ENOENT' ? `${name} does not exist` : `${name} cannot be read (${code})`;
      loader.add(
        ref.place,
        materialError('ticket_keys_unreadable', message, 'Correct gateway.tls.sessionResumption.keys.'),
      );
      return undefined;
    }
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
