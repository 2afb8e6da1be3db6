// Keys that verify tokens: one public key or certificate (PEM), or a set of keys (RFC 7517). Each key has the algorithms of its
// own kind and no others, so that no token can have it used for another.
import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { algorithmsOfKey, type JwtAlgorithm, secretAlgorithms } from '../config/jwt-algorithms.ts';

export type VerificationKey = {
  /** Undefined: the set does not name it. */
  readonly id: string | undefined;
  readonly key: KeyObject;
  readonly algorithms: ReadonlySet<string>;
};

export type KeySetReading = {
  readonly keys: readonly VerificationKey[];
  /** Why others of the set are not used. */
  readonly skipped: readonly string[];
};

export const maxKeySetBytes = 512 * 1024;
const maxKeys = 100;
const maxIdLength = 256;
const minRsaBits = 2048;

export function secretKey(secret: string): VerificationKey {
  return { id: undefined, key: createSecretKey(Buffer.from(secret)), algorithms: new Set(secretAlgorithms) };
}

/** Throws where the text is no such thing, or holds no key that could be used. What it says is for operators. */
export function readKeySet(text: string): KeySetReading {
  const reading = text.trimStart().startsWith('{') ? readJson(text) : readPem(text);
  if (reading.keys.length > 0) return reading;
  throw new Error(`it holds no key that verifies signatures${reading.skipped.map((why) => `; ${why}`).join('')}`);
}

function readPem(text: string): KeySetReading {
  if (text.includes('PRIVATE KEY'))
    throw new Error('it holds a private key: the public key is enough, and all that should be here');
  let key: KeyObject;
  try {
    key = createPublicKey(text);
  } catch {
    throw new Error('it is neither a public key nor a certificate in PEM');
  }
  return collect([{ key, id: undefined, limit: undefined }]);
}

type Candidate = { readonly key: KeyObject; readonly id: string | undefined; readonly limit: string | undefined };

function readJson(text: string): KeySetReading {
  let set: unknown;
  try {
    set = JSON.parse(text);
  } catch {
    throw new Error('it is no JSON');
  }
  const list: unknown = typeof set === 'object' && set !== null && 'keys' in set ? set.keys : [set];
  if (!Array.isArray(list)) throw new Error('it is no set of keys: keys is no list');
  if (list.length > maxKeys) throw new Error(`it holds ${list.length} keys, over the limit of ${maxKeys}`);
  const skipped: string[] = [];
  const candidates = list.flatMap((jwk: unknown, at) => {
    const read = readJwk(jwk);
    if (typeof read !== 'string') return [read];
    skipped.push(`key ${at + 1} ${read}`);
    return [];
  });
  const collected = collect(candidates);
  return { keys: collected.keys, skipped: [...skipped, ...collected.skipped] };
}

/** Or why not. */
function readJwk(value: unknown): Candidate | string {
  if (typeof value !== 'object' || value === null) return 'is no key';
  const { kty, use, key_ops: uses, kid, alg, n, e, crv, x, y } = value as Readonly<Record<string, unknown>>;
  if (typeof kty !== 'string' || !['RSA', 'EC', 'OKP'].includes(kty)) return 'is of another kind than RSA, EC or OKP';
  if (use !== undefined && use !== 'sig') return 'is not for signatures';
  if (Array.isArray(uses) && !uses.includes('verify')) return 'is not for verifying';
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > maxIdLength)) return 'has an id that is no text';
  if (alg !== undefined && typeof alg !== 'string') return 'has an algorithm that is no text';
  try {
    // The public part alone: what else stands there is nobody's business.
    const jwk = Object.fromEntries(Object.entries({ kty, n, e, crv, x, y }).filter(([, part]) => part !== undefined));
    return { key: createPublicKey({ key: jwk, format: 'jwk' }), id: kid, limit: alg };
  } catch {
    return 'cannot be read';
  }
}

function collect(candidates: readonly Candidate[]): KeySetReading {
  const keys: VerificationKey[] = [];
  const skipped: string[] = [];
  for (const { key, id, limit } of candidates) {
    const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
    const fitting = algorithmsOfKey(key.asymmetricKeyType, namedCurve).filter((one) => isNamed(one, limit));
    const name = id === undefined ? 'a key' : `key ${JSON.stringify(id)}`;
    if (key.asymmetricKeyType === 'rsa' && modulusLength < minRsaBits)
      skipped.push(`${name} has ${modulusLength} bits, fewer than ${minRsaBits}`);
    else if (fitting.length === 0) skipped.push(`${name} is of a kind, or for an algorithm, that is not known here`);
    else keys.push({ id, key, algorithms: new Set<string>(fitting) });
  }
  return { keys, skipped };
}

/** Both names of Ed25519 mean the same. */
function isNamed(algorithm: JwtAlgorithm, limit: string | undefined): boolean {
  if (limit === undefined || limit === algorithm) return true;
  return (algorithm === 'EdDSA' && limit === 'Ed25519') || (algorithm === 'Ed25519' && limit === 'EdDSA');
}

/** The keys that a token of this id and algorithm may have been signed with; without an id, those that could. */
export function candidatesOf(
  keys: readonly VerificationKey[],
  id: string | undefined,
  algorithm: string,
): readonly VerificationKey[] {
  const fitting = keys.filter((key) => key.algorithms.has(algorithm));
  if (id === undefined) return fitting;
  // A single key without an id is the only one that can be meant.
  return fitting.filter((key) => key.id === id || (key.id === undefined && keys.length === 1));
}
