// What PKCS #12 files do with a password (RFC 7292, RFC 8018, RFC 9579): keys for encryption and for the code that shows that nothing
// was changed. Ciphers and hashes are OpenSSL's; the old way to make a key of a password (RFC 7292 appendix B) is here, as Node
// does not offer it. The work that a file may ask for is bounded, and does not hold the event loop.
import { createDecipheriv, createHmac, hash, pbkdf2, timingSafeEqual } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type BerNode, octetsOf } from '../asn1/ber.ts';
import { derTag, malformed, readObjectId } from '../asn1/der.ts';

/** OpenSSL writes 2,048, others up to a million. */
const maxIterations = 5_000_000;
/** Between two looks of the event loop at what else there is. */
const iterationsAtOnce = 5_000;
const maxSaltBytes = 1024;
const maxKeyBytes = 64;

/** The file is protected by what we do not have: RC2, RC4, DES, public keys. */
export class UnsupportedProtection extends Error {
  override readonly name = 'UnsupportedProtection';
  /** OpenSSL has it, where it is told to. */
  readonly isLegacy: boolean;

  constructor(what: string, isLegacy: boolean) {
    super(what);
    this.isLegacy = isLegacy;
  }
}

/** What the password is in the two forms in which it is used. */
export type Password = { readonly bmp: Buffer; readonly utf8: Buffer };

/** One password may have been meant in two ways where it is empty: as an empty text, and as none. */
export function passwordsOf(text: string): Password[] {
  const utf8 = Buffer.from(text, 'utf8');
  const bmp = Buffer.from(`${text}\0`, 'utf16le').swap16();
  return text === ''
    ? [
        { bmp, utf8 },
        { bmp: Buffer.alloc(0), utf8 },
      ]
    : [{ bmp, utf8 }];
}

/** All that one file may cost. */
export class Effort {
  #left = maxIterations;

  /** Throws where it is too much. */
  spend(iterations: number): void {
    if (!Number.isSafeInteger(iterations) || iterations < 1) throw malformed('a count of iterations that is none');
    this.#left -= iterations;
    if (this.#left < 0) throw malformed(`it asks for more than ${maxIterations} iterations`);
  }
}

type Algorithm = { readonly id: string; readonly parameters: BerNode | undefined };

export function readAlgorithm(node: BerNode | undefined, what: string): Algorithm {
  const [id, parameters] = sequence(node, what);
  return { id: objectId(id, what), parameters };
}

export function sequence(node: BerNode | undefined, what: string): readonly BerNode[] {
  if (node?.tag !== derTag.sequence) throw malformed(`${what}: no SEQUENCE where one is due`);
  return node.children;
}

export function objectId(node: BerNode | undefined, what: string): string {
  if (node?.tag !== derTag.objectId) throw malformed(`${what}: no OBJECT IDENTIFIER where one is due`);
  return readObjectId(node.content, 0, node.content.length);
}

/** Of up to 48 bits, not negative. */
export function smallInteger(node: BerNode | undefined, what: string): number {
  const { length } = node?.content ?? none;
  if (node?.tag !== derTag.integer || length < 1 || length > 6) throw malformed(`${what}: no INTEGER of that size`);
  if ((node.content[0] as number) >= 0x80) throw malformed(`${what}: a negative INTEGER`);
  return node.content.readUIntBE(0, length);
}

const none = Buffer.alloc(0);
const hmacs: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.8': 'sha224',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
};
const digests: Readonly<Record<string, string>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.4': 'sha224',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};
const ciphers: Readonly<Record<string, { readonly name: string; readonly keyBytes: number }>> = {
  '2.16.840.1.101.3.4.1.2': { name: 'aes-128-cbc', keyBytes: 16 },
  '2.16.840.1.101.3.4.1.22': { name: 'aes-192-cbc', keyBytes: 24 },
  '2.16.840.1.101.3.4.1.42': { name: 'aes-256-cbc', keyBytes: 32 },
  '1.2.840.113549.3.7': { name: 'des-ede3-cbc', keyBytes: 24 },
};
/** RFC 7292 appendix C: below 1.2.840.113549.1.12.1. */
const oldCiphers: Readonly<Record<string, string>> = { 1: 'RC4', 2: 'RC4-40', 5: 'RC2', 6: 'RC2-40' };
const [pbes2, pbkdf2Id, pbmac1] = ['1.2.840.113549.1.5.13', '1.2.840.113549.1.5.12', '1.2.840.113549.1.5.14'];

/** What stands there in plain; undefined where the password is wrong, as far as that can be told. */
export async function decrypt(
  { id, parameters }: Algorithm,
  encrypted: Buffer,
  password: Password,
  effort: Effort,
): Promise<Buffer | undefined> {
  if (id === pbes2) {
    const [kdf, scheme] = sequence(parameters, 'PBES2');
    const cipher = readAlgorithm(scheme, 'PBES2');
    const found = ciphers[cipher.id];
    if (found === undefined) throw new UnsupportedProtection(`encrypted with the cipher ${cipher.id}`, false);
    const key = await deriveByPbkdf2(readAlgorithm(kdf, 'PBES2'), found.keyBytes, password, effort);
    return decipher(found.name, key, octets(cipher.parameters, 'PBES2'), encrypted);
  }
  const old = /^1\.2\.840\.113549\.1\.12\.1\.([1-6])$/.exec(id)?.[1];
  if (old !== '3' && old !== '4') {
    const name = old === undefined ? `the algorithm ${id}` : oldCiphers[old];
    throw new UnsupportedProtection(`encrypted with ${name}`, true);
  }
  const [salt, iterations] = sequence(parameters, 'encryption');
  const about = { hash: 'sha1', salt: octets(salt, 'salt'), iterations: smallInteger(iterations, 'iterations') };
  const keyBytes = old === '3' ? 24 : 16;
  const key = await deriveOld({ ...about, purpose: 1, bytes: keyBytes }, password, effort);
  const iv = await deriveOld({ ...about, purpose: 2, bytes: 8 }, password, effort);
  return decipher('des-ede3-cbc', old === '3' ? key : Buffer.concat([key, key.subarray(0, 8)]), iv, encrypted);
}

export type MacData = {
  readonly algorithm: Algorithm;
  readonly mac: Buffer;
  readonly salt: Buffer;
  readonly iterations: number;
};

/** False: the password is wrong, or something was changed. */
export async function verifyMac(
  { algorithm, mac, salt, iterations }: MacData,
  content: Buffer,
  password: Password,
  effort: Effort,
): Promise<boolean> {
  let [name, key]: [string | undefined, Buffer] = [digests[algorithm.id], none];
  if (algorithm.id === pbmac1) {
    const [kdf, scheme] = sequence(algorithm.parameters, 'PBMAC1');
    name = hmacs[readAlgorithm(scheme, 'PBMAC1').id];
    if (name !== undefined) key = await deriveByPbkdf2(readAlgorithm(kdf, 'PBMAC1'), undefined, password, effort);
  } else if (name !== undefined) {
    const bytes = hash(name, none, 'buffer').length;
    key = await deriveOld({ hash: name, salt, iterations, purpose: 3, bytes }, password, effort);
  }
  if (name === undefined) throw new UnsupportedProtection(`authenticated with the algorithm ${algorithm.id}`, true);
  const computed = createHmac(name, key).update(content).digest();
  return computed.length === mac.length && timingSafeEqual(computed, mac);
}

const pbkdf2Of = promisify(pbkdf2);

/** `keyBytes` undefined: the parameters have to say it. */
async function deriveByPbkdf2(
  { id, parameters }: Algorithm,
  keyBytes: number | undefined,
  password: Password,
  effort: Effort,
): Promise<Buffer> {
  if (id !== pbkdf2Id) throw new UnsupportedProtection(`its key is derived with the algorithm ${id}`, false);
  const [salt, iterations, ...more] = sequence(parameters, 'PBKDF2');
  const length = more.find(({ tag }) => tag === derTag.integer);
  const prf = more.find(({ tag }) => tag === derTag.sequence);
  const bytes = keyBytes ?? smallInteger(length, 'PBKDF2');
  if (bytes < 1 || bytes > maxKeyBytes) throw malformed('PBKDF2: a key of that size');
  const name = prf === undefined ? 'sha1' : hmacs[readAlgorithm(prf, 'PBKDF2').id];
  if (name === undefined) throw new UnsupportedProtection('its key is derived with an unknown function', false);
  const count = smallInteger(iterations, 'PBKDF2');
  effort.spend(count);
  return pbkdf2Of(password.utf8, octets(salt, 'PBKDF2'), count, bytes, name);
}

type OldDerivation = {
  readonly hash: string;
  readonly salt: Buffer;
  readonly iterations: number;
  /** 1: key, 2: initial value, 3: key of the authentication code. */
  readonly purpose: 1 | 2 | 3;
  readonly bytes: number;
};

/** RFC 7292 appendix B.2; the names are those of the text. */
async function deriveOld(derivation: OldDerivation, { bmp }: Password, effort: Effort): Promise<Buffer> {
  const { hash: name, salt, iterations, purpose, bytes } = derivation;
  const u = hash(name, none, 'buffer').length;
  const v = name === 'sha384' || name === 'sha512' ? 128 : 64;
  const D = Buffer.alloc(v, purpose);
  const I = Buffer.concat([repeatTo(salt, v), repeatTo(bmp, v)]);
  const blocks: Buffer[] = [];
  for (let got = 0; got < bytes; got += u) {
    effort.spend(iterations);
    let A = hash(name, Buffer.concat([D, I]), 'buffer');
    for (let round = 1; round < iterations; round += 1) {
      A = hash(name, A, 'buffer');
      if (round % iterationsAtOnce === 0) await setImmediate();
    }
    blocks.push(A);
    addOneAnd(repeatTo(A, v).subarray(0, v), I, v);
  }
  return Buffer.concat(blocks).subarray(0, bytes);
}

/** Filled up to a multiple of `size` with copies of itself. */
function repeatTo(bytes: Buffer, size: number): Buffer {
  return bytes.length === 0 ? none : Buffer.alloc(Math.ceil(bytes.length / size) * size, bytes);
}

/** Every block of `I` is that block plus `B` plus 1. */
function addOneAnd(B: Buffer, I: Buffer, v: number): void {
  for (let block = 0; block < I.length; block += v) {
    let carry = 1;
    for (let at = v - 1; at >= 0; at -= 1) {
      carry += (I[block + at] as number) + (B[at] as number);
      I[block + at] = carry & 0xff;
      carry >>= 8;
    }
  }
}

function octets(node: BerNode | undefined, what: string): Buffer {
  if (node === undefined || (node.tag & 0xdf) !== derTag.octetString) throw malformed(`${what}: no OCTET STRING`);
  const bytes = octetsOf(node);
  if (bytes.length > maxSaltBytes) throw malformed(`${what}: far too long`);
  return bytes;
}

function decipher(name: string, key: Buffer, iv: Buffer, encrypted: Buffer): Buffer | undefined {
  try {
    const cipher = createDecipheriv(name, key, iv);
    return Buffer.concat([cipher.update(encrypted), cipher.final()]);
  } catch {
    // The padding is not what it should be: another key.
    return undefined;
  }
}
