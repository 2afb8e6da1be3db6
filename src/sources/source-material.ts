// Files that a source needs to talk to whoever has the material: the CA of a server, a token, a client certificate. Read each time, so that
// what somebody else renews is taken. Nothing of a secret, and of a path only what may be shown, stands in a message.
import { loadPem, materialName, readMaterialFile } from '../certs/material.ts';
import type { MaterialText, SecretText } from '../config/source-config.ts';
import { SourceFailure } from './source.ts';

const maxSecretBytes = 64 * 1024;

/** PEM. Rejects with SourceFailure. */
export async function readSourcePem(ref: MaterialText, label: string): Promise<string> {
  const loaded = await loadPem(ref);
  if (loaded.ok) return loaded.pem;
  throw new SourceFailure({ code: loaded.code, message: `${label}: ${loaded.message}`, hint: loaded.hint });
}

/** One line of text, without the blanks around it. Rejects with SourceFailure. */
export async function readSecretText(secret: SecretText, label: string): Promise<string> {
  const text = 'text' in secret ? secret.text : await readSecretFile(secret.path, label);
  const trimmed = text.trim();
  if (/^[\x21-\x7e]+$/.test(trimmed)) return trimmed;
  const from = 'text' in secret ? 'the value' : materialName(secret);
  const message = `${label}: ${from} is ${trimmed === '' ? 'empty' : 'not one word of text'}`;
  throw new SourceFailure({ code: 'bad_secret', message, hint: 'It has to be the token or secret, and nothing else.' });
}

async function readSecretFile(path: string, label: string): Promise<string> {
  const file = await readMaterialFile({ path }, maxSecretBytes);
  if (file.ok) return file.bytes.toString('utf8');
  throw new SourceFailure({ code: file.code, message: `${label}: ${file.message}`, hint: file.hint });
}
