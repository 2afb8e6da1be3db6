// A new opening key for a store: every secret is sealed anew, then the old key goes. Each step can be repeated, so that one
// that was interrupted is finished by beginning again.
import type { KeyObject } from 'node:crypto';
import type { Act } from './names.ts';
import { makeSealKey, Opener, publicPart } from './seal.ts';
import type { SealedBlobs } from './sealed.ts';
import { StoreProblem } from './store-problem.ts';

/**
 * Returns the keys that are left: the new one. `keep` puts keys where they survive the process, before anything is sealed with
 * a new one and after the old one is not needed any more.
 */
export async function rotateSealKey(
  sealed: SealedBlobs,
  keys: readonly KeyObject[],
  keep: (keys: readonly KeyObject[]) => void,
  act: Act,
): Promise<readonly KeyObject[]> {
  const known = await sealed.keys();
  // More than one key: the last rotation did not end, and its new key, the first, is the one to go on with.
  const [first] = keys;
  if (first === undefined) throw new StoreProblem('seal_key_missing', 'there is no opening key to rotate');
  const current = keys.length > 1 ? first : makeSealKey();
  const all = keys.length > 1 ? keys : [current, ...keys];
  keep(all);
  const next = publicPart(current);
  if (!known.some(({ id }) => id === next.id)) await sealed.addKey(next, act);
  const opener = new Opener(all);
  for (const old of known.filter(({ id }) => id !== next.id)) {
    for (;;) {
      const { items } = await sealed.list({ sealKey: old.id });
      if (items.length === 0) break;
      for (const blob of items) await sealed.replace(opener.reseal(blob, next), act);
    }
    await sealed.removeKey(old.id, act);
  }
  keep([current]);
  return [current];
}
