// PKCS #12 files (RFC 7292): one password, and behind it a private key with its certificate and what stands above it. Read with our own
// ASN.1 reader and OpenSSL's ciphers (decision 0067); what comes out is PEM, and verified like any other.
import { createPrivateKey } from 'node:crypto';
import { type BerNode, octetsOf, readBer } from '../asn1/ber.ts';
import { malformed } from '../asn1/der.ts';
import { encodePem } from '../asn1/der-writer.ts';
import { Fault } from '../base/fault.ts';
import { materialError, type MaterialProblem } from '../base/material-problem.ts';
import { fileInCommand } from '../base/shell.ts';
import {
  decrypt,
  Effort,
  type MacData,
  objectId,
  type Password,
  passwordsOf,
  readAlgorithm,
  sequence,
  smallInteger,
  UnsupportedProtection,
  verifyMac,
} from './password-based.ts';

/** PEM. The certificates as they stand in the file, that of the key first where that can be told. */
export type OpenedPkcs12 = { readonly chainPem: string; readonly keyPem: string };

const maxCertificates = 100;
const [data, encryptedData] = ['1.2.840.113549.1.7.1', '1.2.840.113549.1.7.6'];
const bagIds = '1.2.840.113549.1.12.10.1.';
const [keyBag, shroudedKeyBag, certificateBag, nestedBag] = [`${bagIds}1`, `${bagIds}2`, `${bagIds}3`, `${bagIds}6`];
const [x509, localKeyId] = ['1.2.840.113549.1.9.22.1', '1.2.840.113549.1.9.21'];

type Bag = { readonly der: Buffer; readonly keyId: string };
type Contents = { readonly keys: Bag[]; readonly certificates: Bag[] };

/** `name`: what messages call the file. Never rejects. */
export async function readPkcs12(
  bytes: Buffer,
  password: string,
  name: string,
): Promise<OpenedPkcs12 | { readonly problem: MaterialProblem }> {
  try {
    const contents = await open(bytes, password);
    return contents === undefined ? { problem: wrongPassword(name, password) } : pemOf(contents, name);
  } catch (error) {
    return { problem: problemOf(error, name) };
  }
}

/** Undefined where the password is wrong. Throws Fault and UnsupportedProtection. */
async function open(bytes: Buffer, text: string): Promise<Contents | undefined> {
  const [version, authSafe, mac] = sequence(readBer(bytes), 'the file');
  if (smallInteger(version, 'version') !== 3) throw malformed('not version 3');
  const content = contentOf(authSafe, 'the file');
  if (content.type !== data) throw new UnsupportedProtection('protected with public keys', false);
  const safe = octetsOf(explicit(content.value, 'the file'));
  const effort = new Effort();
  for (const password of passwordsOf(text)) {
    if (mac !== undefined && !(await verifyMac(readMac(mac), safe, password, effort))) continue;
    const contents: Contents = { keys: [], certificates: [] };
    if (await readSafe(safe, password, effort, contents)) return contents;
  }
  return undefined;
}

function readMac(node: BerNode): MacData {
  const [info, salt, iterations] = sequence(node, 'MAC');
  const [algorithm, mac] = sequence(info, 'MAC');
  if (mac === undefined || salt === undefined) throw malformed('MAC: incomplete');
  return {
    algorithm: readAlgorithm(algorithm, 'MAC'),
    mac: octetsOf(mac),
    salt: octetsOf(salt),
    iterations: iterations === undefined ? 1 : smallInteger(iterations, 'MAC'),
  };
}

/** False where the password is wrong. */
async function readSafe(safe: Buffer, password: Password, effort: Effort, into: Contents): Promise<boolean> {
  for (const part of sequence(readBer(safe), 'the contents')) {
    const { type, value } = contentOf(part, 'the contents');
    let plain: Buffer | undefined;
    if (type === data) plain = octetsOf(explicit(value, 'the contents'));
    else if (type === encryptedData) plain = await openEncrypted(explicit(value, 'the contents'), password, effort);
    else throw new UnsupportedProtection('protected with public keys', false);
    if (plain === undefined) return false;
    const bags = readPlain(plain, type === encryptedData);
    if (bags === undefined || !(await readBags(bags, password, effort, into, 0))) return false;
  }
  return true;
}

/** Undefined: what another key makes of it is no structure at all. */
function readPlain(plain: Buffer, wasEncrypted: boolean): BerNode | undefined {
  try {
    return readBer(plain);
  } catch (error) {
    if (wasEncrypted && error instanceof Fault) return undefined;
    throw error;
  }
}

async function openEncrypted(node: BerNode, password: Password, effort: Effort): Promise<Buffer | undefined> {
  const [, info] = sequence(node, 'encrypted contents');
  const [, algorithm, content] = sequence(info, 'encrypted contents');
  if (content === undefined) throw malformed('encrypted contents: there are none');
  return decrypt(readAlgorithm(algorithm, 'encrypted contents'), octetsOf(content), password, effort);
}

async function readBags(
  node: BerNode,
  password: Password,
  effort: Effort,
  into: Contents,
  depth: number,
): Promise<boolean> {
  if (depth > 4) throw malformed('bags within bags');
  for (const bag of sequence(node, 'bags')) {
    const [id, wrapped, attributes] = sequence(bag, 'a bag');
    const type = objectId(id, 'a bag');
    const value = explicit(wrapped, 'a bag');
    const keyId = keyIdOf(attributes);
    if (type === keyBag) into.keys.push({ der: value.raw, keyId });
    else if (type === certificateBag) addCertificate(value, keyId, into);
    else if (type === shroudedKeyBag) {
      const [algorithm, encrypted] = sequence(value, 'a key');
      if (encrypted === undefined) throw malformed('a key: it is not there');
      const der = await decrypt(readAlgorithm(algorithm, 'a key'), octetsOf(encrypted), password, effort);
      if (der === undefined) return false;
      into.keys.push({ der, keyId });
    } else if (type === nestedBag && !(await readBags(value, password, effort, into, depth + 1))) return false;
    // CRLs and secrets are nothing that a pair is made of.
    if (into.keys.length + into.certificates.length > maxCertificates) throw malformed('too many certificates');
  }
  return true;
}

function addCertificate(value: BerNode, keyId: string, { certificates }: Contents): void {
  const [id, wrapped] = sequence(value, 'a certificate');
  // The other kind, SDSI, is used by nobody.
  if (objectId(id, 'a certificate') === x509)
    certificates.push({ der: octetsOf(explicit(wrapped, 'a certificate')), keyId });
}

/** By which a key and its certificate belong together; '' where there is none. */
function keyIdOf(attributes: BerNode | undefined): string {
  for (const attribute of attributes?.children ?? []) {
    const [id, values] = sequence(attribute, 'an attribute');
    const [value] = values?.children ?? [];
    if (objectId(id, 'an attribute') === localKeyId && value !== undefined) return octetsOf(value).toString('hex');
  }
  return '';
}

function contentOf(node: BerNode | undefined, what: string): { type: string; value: BerNode | undefined } {
  const [type, value] = sequence(node, what);
  return { type: objectId(type, what), value };
}

/** What stands under the tag [0]. */
function explicit(node: BerNode | undefined, what: string): BerNode {
  const [inner, more] = node?.tag === 0xa0 ? node.children : [];
  if (inner === undefined || more !== undefined) throw malformed(`${what}: nothing where something is due`);
  return inner;
}

function pemOf({ keys, certificates }: Contents, name: string): OpenedPkcs12 | { readonly problem: MaterialProblem } {
  const [key, other] = keys;
  if (key === undefined) {
    const hint = 'Export it with the key of the certificate; CA certificates go into a PEM file.';
    return { problem: materialError('no_private_key', `${name} holds no private key`, hint) };
  }
  if (other !== undefined) {
    const hint = 'Export the one that is meant into a file of its own.';
    return { problem: materialError('several_keys', `${name} holds ${keys.length} private keys`, hint) };
  }
  if (certificates.length === 0) {
    const hint = 'Export it with the certificate of the key and those above it.';
    return { problem: materialError('no_certificate', `${name} holds no certificate`, hint) };
  }
  const own = certificates.filter(({ keyId }) => keyId !== '' && keyId === key.keyId);
  const sorted = [...own, ...certificates.filter((one) => !own.includes(one))];
  return {
    chainPem: sorted.map(({ der }) => encodePem('CERTIFICATE', der)).join(''),
    keyPem: readKey(key.der),
  };
}

/** As PKCS #8. Throws Fault. */
function readKey(der: Buffer): string {
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ format: 'pem', type: 'pkcs8' });
  } catch {
    throw malformed('a key that OpenSSL cannot read');
  }
}

function wrongPassword(name: string, password: string): MaterialProblem {
  return password === ''
    ? materialError(
        'pkcs12_password',
        `${name} is protected with a password, and none is given`,
        'Write password: "${VARIABLE}".',
      )
    : materialError(
        'pkcs12_password',
        `the password of ${name} is wrong, or the file was changed`,
        `Try it: openssl pkcs12 -in ${fileInCommand(name)} -noout`,
      );
}

function problemOf(error: unknown, name: string): MaterialProblem {
  const file = fileInCommand(name);
  if (error instanceof UnsupportedProtection) {
    const legacy = error.isLegacy ? ' -legacy' : '';
    return materialError(
      'pkcs12_unsupported',
      `${name} is ${error.message}, which is not supported`,
      `Have it written anew with AES: openssl pkcs12${legacy} -in ${file} -nodes -out ${file}.pem && openssl pkcs12 -export -in ${file}.pem -out ${file}.new.p12 && rm ${file}.pem`,
    );
  }
  if (error instanceof Fault) {
    const message = `${name} is not a PKCS #12 file that can be read: ${error.detail ?? error.code}`;
    return materialError('pkcs12_broken', message, 'Copy it again from its source, or export it again.');
  }
  throw error;
}
