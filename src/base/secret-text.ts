// Text that may be a secret, and how it is shown to people: not at all. A key that is given where a path is due (base64 of DER,
// base64 twice, hexadecimal, half of a PEM) is taken for a path, and a message about that path would be the key. Guessing errs
// on the side of hiding: a path too few in a message costs a look at the line that is named, a key too many costs the key.

/** Runs of what base64, base64url and hexadecimal are made of; words and paths are as well. */
const runs = /[A-Za-z0-9+/=_-]{20,}/g;
const hexadecimal = /[0-9A-Fa-f]{32,}/;
/** Base64, once and twice, of `-----BEGIN`. */
const encodedPem = /LS0tLS1C|TFMwdExTMUNS/;
/** Neighbouring letters and digits that are compared at least. */
const minPairs = 16;
/** Share of neighbours of another kind (upper, lower, digit): random base64 has 0.62, DER in base64 over 0.45, words under 0.2. */
const minChanges = 0.34;
/** Beyond this no run is a name. */
const maxWord = 64;

/** True where the text, or a part of it, could be key material. */
export function looksSecret(text: string): boolean {
  if (isEncodedKey(text)) return true;
  for (const [run] of text.matchAll(runs)) if (isDense(run)) return true;
  return false;
}

/** True for PEM, base64 of PEM, base64 of DER, whole or cut: what is surely no name. Not for random text of a key. */
export function isEncodedKey(text: string): boolean {
  return /-{3,}\s*BEGIN |PRIVATE KEY/.test(text) || encodedPem.test(text) || looksLikeDer(text);
}

/** A path as messages show it. */
export function showPath(path: string): string {
  return looksSecret(path) ? hiddenPath : path;
}

export const hiddenPath = 'the file (its name is not shown: it looks like a secret)';

/** The text with what could be key material as stars, in its length. */
export function maskSecrets(text: string): string {
  const stars = (found: string): string => '*'.repeat(found.length);
  return text
    .replace(/(?<=-----BEGIN [A-Z0-9 ]{1,40}-----)[^"']+/g, stars)
    .replace(runs, (run) =>
      run.length >= maxWord || isDense(run) || encodedPem.test(run) || looksLikeDer(run) ? stars(run) : run,
    );
}

function isDense(run: string): boolean {
  if (hexadecimal.test(run)) return true;
  let [pairs, changes] = [0, 0];
  for (let at = 1; at < run.length; at += 1) {
    const [before, after] = [kindOf(run.charCodeAt(at - 1)), kindOf(run.charCodeAt(at))];
    if (before === 0 || after === 0) continue;
    pairs += 1;
    if (before !== after) changes += 1;
  }
  return pairs >= minPairs && changes / pairs >= minChanges;
}

/** 1 lower, 2 upper, 3 digit, 0 anything else. */
function kindOf(code: number): number {
  if (code >= 0x61 && code <= 0x7a) return 1;
  if (code >= 0x41 && code <= 0x5a) return 2;
  return code >= 0x30 && code <= 0x39 ? 3 : 0;
}

/** Base64 that begins as a SEQUENCE of DER does, whole or cut: `MC4CAQ…`, `MIIE…`. */
function looksLikeDer(text: string): boolean {
  const compact = text.replace(/\s+/g, '');
  if (compact.length < 24 || !/^M[A-P][A-Za-z0-9+/]+=*$/.test(compact)) return false;
  const [tag, length = 0, first = 0, second = 0, third = 0] = Buffer.from(compact.slice(0, 24), 'base64');
  // A short or long length, then an INTEGER or another SEQUENCE: what keys, certificates and CRLs begin with.
  const inner = length < 0x80 ? first : length === 0x81 ? second : length === 0x82 ? third : 0;
  return tag === 0x30 && (inner === 0x02 || inner === 0x30);
}
