// A list of approved files that is believed: because it belongs to root, or because it is signed by the key that was named, or because
// it is in the store under the opening key. Anything else is no approval, and says why.
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { open } from 'node:fs/promises';
import { bytesOfBase64 } from '../asn1/pem-text.ts';
import { FileRefusal, readRegularFile } from '../base/read-regular-file.ts';
import { showPath } from '../base/secret-text.ts';
import { type ApprovalList, maxListBytes, NoApproval, parseApprovalList } from './approval-list.ts';

/** What makes a list believed, settled before anything of a new configuration is read. */
export type Anchor =
  | { readonly kind: 'store' }
  | { readonly kind: 'root'; readonly list: string }
  | { readonly kind: 'key'; readonly key: KeyObject; readonly list: string };

/** Where the store has it: the text of the newest one; undefined where there is none. Rejects with NoApproval. */
export type StoredList = () => Promise<string | undefined>;

const maxSignatureBytes = 4096;
const groupOrOthersWrite = 0o022;

/** Undefined where there is none. Rejects with NoApproval where there is one that is not to be believed. */
export async function readTrustedList(anchor: Anchor, stored: StoredList): Promise<ApprovalList | undefined> {
  if (anchor.kind === 'store') {
    const text = await stored();
    return text === undefined ? undefined : parseApprovalList(text);
  }
  const bytes = anchor.kind === 'root' ? await readFileOfRoot(anchor.list) : await readSigned(anchor);
  return bytes === undefined ? undefined : parseApprovalList(bytes.toString('utf8'));
}

/** What it is, is asked of the opened file: nobody can swap it between. Whoever is not root can make none that is root's. */
async function readFileOfRoot(path: string): Promise<Buffer | undefined> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new NoApproval(`${showPath(path)} cannot be read (${error.code})`, 'It must be a regular file, and no link.');
  });
  if (file === undefined) return undefined;
  try {
    const stat = await file.stat();
    refuseUnlessOfRoot(stat, path);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

function refuseUnlessOfRoot(stat: Stats, path: string): void {
  const help = 'Run `countersign approve` as root, or sign the list: gateway.drift.approval.publicKey.';
  const name = showPath(path);
  if (!stat.isFile() || stat.size > maxListBytes) throw new NoApproval(`${name} is no list of approved files`, help);
  if (stat.uid !== 0)
    throw new NoApproval(
      `${name} belongs to user ${stat.uid} and not to root: whoever that is could have written it`,
      help,
    );
  if ((stat.mode & groupOrOthersWrite) !== 0)
    throw new NoApproval(
      `others than root can write to ${name}`,
      `Run chmod go-w on it, and \`countersign approve\` again.`,
    );
}

async function readSigned({ key, list }: Extract<Anchor, { kind: 'key' }>): Promise<Buffer | undefined> {
  const text = await readIfThere(list, maxListBytes);
  if (text === undefined) return undefined;
  const signature = await readIfThere(`${list}.sig`, maxSignatureBytes);
  const help = `Sign it: countersign approve --sign KEY, or with OpenSSL: ${signCommand(key, 'KEY', list)}`;
  if (signature === undefined)
    throw new NoApproval(`${showPath(list)} is not signed: there is no ${showPath(list)}.sig`, help);
  if (!verifySignature(key, text, signature))
    throw new NoApproval(`the signature of ${showPath(list)} is not one of the key that is named for it`, help);
  return text;
}

async function readIfThere(path: string, maxBytes: number): Promise<Buffer | undefined> {
  try {
    return await readRegularFile(path, maxBytes);
  } catch (error) {
    const code = error instanceof FileRefusal ? error.reason : (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return undefined;
    throw new NoApproval(`${showPath(path)} cannot be read (${code})`, 'Make it readable for the user of the gateway.');
  }
}

/** Binary, as OpenSSL writes it, or in base64. Never throws. */
export function verifySignature(key: KeyObject, text: Uint8Array, signature: Buffer): boolean {
  return [signature, bytesOfBase64(signature.toString('latin1').trim())].some((bytes) => {
    try {
      return bytes !== undefined && verify(digestFor(key), text, key, bytes);
    } catch {
      return false;
    }
  });
}

/** Ed25519 takes the text itself. */
export function digestFor(key: KeyObject): 'sha256' | null {
  return key.asymmetricKeyType === 'ec' ? 'sha256' : null;
}

export function isSigningKey(key: KeyObject): boolean {
  return key.asymmetricKeyType === 'ed25519' || key.asymmetricKeyType === 'ec';
}

/** What signs the list without us. */
export function signCommand(key: KeyObject, keyFile: string, list: string): string {
  const digest = digestFor(key) === null ? '' : ' -digest sha256';
  return `openssl pkeyutl -sign -rawin${digest} -inkey ${keyFile} -in ${list} -out ${list}.sig`;
}

/** Throws NoApproval. `name`: what people are told of it. */
export function parsePublicKey(pem: string, name: string): KeyObject {
  const help = 'Give the PEM of an Ed25519 or ECDSA public key: openssl pkey -in KEY -pubout -out approve.pub';
  let key: KeyObject;
  try {
    // A private key in its place would stand where the gateway, and whoever takes it over, can sign with it.
    if (/PRIVATE KEY-----/.test(pem)) throw new NoApproval(`${name} is a private key`, help);
    key = createPublicKey(pem);
  } catch (error) {
    if (error instanceof NoApproval) throw error;
    throw new NoApproval(`${name} is no public key`, help);
  }
  if (!isSigningKey(key)) throw new NoApproval(`${name} is a key of the type ${key.asymmetricKeyType}`, help);
  return key;
}
