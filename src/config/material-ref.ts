// `S` of the contract: a file, PEM text, or base64 of PEM text. Classified here, read elsewhere.
import { dirname, resolve } from 'node:path';
import type { Place, Ref } from './gateway-config.ts';

export type RefReading = Ref | { readonly problem: string; readonly hint: string };

const pemStart = '-----BEGIN';

/** `place.file` decides what a relative path is relative to: the folder of the file that names it. */
export function parseMaterialRef(text: string, place: Place, baseFile: string = place.file): RefReading {
  if (text.trim() === '') return { problem: 'is empty', hint: 'Name a file, give PEM text, or remove the key.' };
  const pem = text.includes(pemStart) ? text : decodeBase64(text);
  if (pem !== undefined) {
    return pem.includes('-----BEGIN PGP')
      ? { problem: 'is encrypted (PGP)', hint: 'Encrypted values of Goma are not supported: decrypt it first.' }
      : { place, pem };
  }
  if (/[\u0000-\u001f\u007f]/.test(text) || text.length > 4096)
    return {
      problem: 'is neither a path nor PEM text nor base64 of PEM text',
      hint: `PEM text starts with ${pemStart}; base64 of DER is not accepted.`,
    };
  return { place, path: resolve(dirname(baseFile), text) };
}

/** The text, where `text` is standard base64 (line breaks allowed) of something with a PEM block. */
function decodeBase64(text: string): string | undefined {
  const compact = text.replace(/\s+/g, '');
  if (compact.length < 24 || !/^[A-Za-z0-9+/]+={0,2}$/.test(compact)) return undefined;
  const decoded = Buffer.from(compact, 'base64').toString('latin1');
  return decoded.includes(pemStart) ? decoded : undefined;
}
