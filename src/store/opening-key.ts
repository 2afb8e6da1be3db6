// The opening key of a store at rest: PEM in a file of mode 0600, or in a variable of the environment. Several keys only while
// secrets are sealed anew; the first is the one in use.
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { dirname } from 'node:path';
import { readRegularFileSync } from '../base/read-regular-file.ts';
import { showPath } from '../base/secret-text.ts';
import type { Act } from './names.ts';
import { checkPrivateFile, replacePrivateFile, syncToDisk, writeNewPrivateFile } from './private-file.ts';
import { makeSealKey, Opener, publicPart } from './seal.ts';
import type { SealedBlobs, SealKey } from './sealed.ts';
import { StoreProblem } from './store-problem.ts';

const maxFileBytes = 16 * 1024;

/** Where the opening key of a store in a file stands. */
export function openingKeyPath(storePath: string): string {
  return `${storePath}.key`;
}

/** Throws `seal_key_wrong`; the text is not shown. */
export function parseOpeningKeys(pem: string): readonly KeyObject[] {
  const blocks = pem.match(/-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----/g) ?? [];
  try {
    const keys = blocks.map((block) => createPrivateKey(block));
    for (const key of keys) publicPart(key);
    if (keys.length > 0) return keys;
  } catch {
    // Without the cause: it could quote the key.
  }
  throw new StoreProblem('seal_key_wrong', 'the opening key is not an X25519 private key in PEM');
}

/** Undefined where there is no such file. Throws `seal_key_refused` or `seal_key_wrong`. */
export function readOpeningKeys(path: string): readonly KeyObject[] | undefined {
  if (!checkPrivateFile(path, 'seal_key_refused')) return undefined;
  let text: string;
  try {
    text = readRegularFileSync(path, maxFileBytes).toString('latin1');
  } catch (error) {
    throw new StoreProblem('seal_key_refused', `${showPath(path)} cannot be read`, { cause: error });
  }
  return parseOpeningKeys(text);
}

/** Replaces the file as a whole; `create` fails where there is one. On the disk when it returns. */
export function writeOpeningKeys(path: string, keys: readonly KeyObject[], create: boolean): void {
  checkPrivateFile(path, 'seal_key_refused');
  const pem = keys.map((key) => key.export({ format: 'pem', type: 'pkcs8' })).join('');
  try {
    if (!create) return replacePrivateFile(path, pem);
    writeNewPrivateFile(path, pem);
    syncToDisk(dirname(path));
  } catch (error) {
    throw new StoreProblem('seal_key_refused', `${showPath(path)} cannot be written`, { cause: error });
  }
}

/**
 * The opener of a store. `keys`: what the environment or a file gave, where there was any; else, at the first start of a store,
 * a new key is made and handed to `keep` before anything can be sealed with it.
 */
export async function openOpener(
  sealed: SealedBlobs,
  keys: readonly KeyObject[] | undefined,
  keep: (keys: readonly KeyObject[]) => void,
  act: Act,
): Promise<Opener> {
  const known = await sealed.keys();
  if (keys === undefined && known.length > 0) {
    throw new StoreProblem('seal_key_missing', 'the store has sealed keys and the opening key is not there');
  }
  const made = keys === undefined ? [makeSealKey()] : keys;
  if (keys === undefined) keep(made);
  const opener = new Opener(made);
  const [current] = opener.publicParts();
  if (known.length > 0 || current === undefined) {
    checkOpener(known, opener);
    return opener;
  }
  // Another gateway may begin at the same moment, with the same key or one of its own.
  await sealed.addKey(current, act).catch((error: unknown) => {
    if (!(error instanceof StoreProblem) || error.code !== 'duplicate') throw error;
  });
  const first = (await sealed.keys()).at(-1);
  if (first === undefined || first.id === current.id) return opener;
  await sealed.removeKey(current.id, act);
  throw new StoreProblem('seal_key_missing', 'another gateway was quicker to make the opening key, and it is not here');
}

/** Throws `seal_key_wrong` where the store is sealed with a key that the opener has not got. */
export function checkOpener(known: readonly SealKey[], opener: Opener): void {
  const own = new Set(opener.publicParts().map(({ id }) => id));
  const missing = known.find(({ id }) => !own.has(id));
  if (missing !== undefined)
    throw new StoreProblem('seal_key_wrong', `the store is sealed with ${missing.id}, and that key is not here`);
}
