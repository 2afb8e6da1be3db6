// `S` of the contract: a file, PEM text, or base64 of PEM or DER. Classified here, read elsewhere. Whatever is taken for a path
// gets a label, and messages show that and never the path: it may be a key that was meant to be given inline.
import { dirname, resolve } from 'node:path';
import { hiddenPath, looksSecret } from '../base/secret-text.ts';
import type { Cursor } from '../yaml/cursor.ts';
import { conversionOf, findForeignFormat, wrapDer } from '../asn1/der-material.ts';
import { bytesOfBase64, decodePem } from '../asn1/pem-text.ts';
import type { PathRef, WrittenRef } from './ref.ts';

export type RefReading = WrittenRef | { readonly problem: string; readonly hint: string };

/** Where the text stands. */
export type RefPlace = Pick<Cursor, 'place' | 'source'>;

const pemStart = '-----BEGIN';
const maxPath = 4096;
/** Characters of a word that may be a secret. */
const minSecret = 12;

/** `place.file` decides what a relative path is relative to. `isSecret`: a private key or another secret is due here. */
export function parseMaterialRef(text: string, at: RefPlace, isSecret = false): RefReading {
  if (text.trim() === '') return { problem: 'is empty', hint: 'Name a file, give PEM text, or remove the key.' };
  const pem = text.includes(pemStart) ? text : decodeBase64(text);
  if (typeof pem === 'object') return pem;
  if (pem !== undefined) {
    return pem.includes('-----BEGIN PGP')
      ? { problem: 'is encrypted (PGP)', hint: 'Encrypted values of Goma are not supported: decrypt it first.' }
      : { place: at.place, pem };
  }
  if (/[\u0000-\u001f\u007f]/.test(text) || text.length > maxPath)
    return {
      problem: 'is neither a path nor PEM text nor base64 of either PEM or DER',
      hint: `PEM text starts with ${pemStart}; base64 is that of the file, made once: base64 -w0 FILE.`,
    };
  if (at.place.stored !== undefined) return pathInStore;
  return refTo(text, at, isSecret);
}

/** Files of one machine are nothing that an object of a store can rely on, or that who may edit it is to reach. */
export const pathInStore = {
  problem: 'is neither PEM text nor base64 of PEM or DER, and an object of the store names no files',
  hint: 'Give the text itself; what is to stay a file is written in the configuration file.',
};

/** A reference to what `text` is taken for the path of. */
export function refTo(text: string, at: RefPlace, isSecret = false, baseFile = at.place.file): PathRef {
  const path = resolve(dirname(baseFile), text);
  const label = labelOf(text, at, isSecret);
  return { place: at.place, path, ...(label === undefined ? {} : { label }) };
}

/** What people are told instead of the path: where it came from, if from a variable; nothing of it, if it may be a secret. */
function labelOf(text: string, { source }: RefPlace, isSecret: boolean): string | undefined {
  if (source !== undefined) {
    const written = source.replace(/(\$\{[A-Za-z0-9_]+):-[^}]*\}/g, '$1}');
    return written.length > maxPath || looksSecret(written) ? hiddenPath : written;
  }
  // Where a secret is due, what does not even look like a path is one, most likely.
  return looksSecret(text) || (isSecret && text.length >= minSecret && !/[./\\]/.test(text)) ? hiddenPath : undefined;
}

/** The PEM text, where `text` is standard base64 (line breaks allowed) of something with a PEM block, or of DER. */
function decodeBase64(text: string): string | undefined | { readonly problem: string; readonly hint: string } {
  const pem = decodePem(text);
  if (pem !== undefined) return pem;
  const bytes = bytesOfBase64(text);
  if (bytes === undefined) return undefined;
  const inner = bytesOfBase64(bytes.toString('latin1'));
  if (inner !== undefined && (inner.includes(pemStart) || wrapDer(inner) !== undefined))
    return { problem: 'is in base64 twice', hint: 'Encode it once: base64 -w0 FILE.' };
  const format = findForeignFormat(bytes);
  if (format !== undefined)
    return { problem: `is base64 of the format ${format}, not of PEM or DER`, hint: conversionOf(format, 'FILE') };
  return wrapDer(bytes);
}
