// A test CA and three certificates, made here in the browser: the keys are WebCrypto's, the certificates are written by the same
// code as those of `countersign pki init`. Nothing of it goes anywhere by itself.
import {
  bytesOf,
  encodeDer,
  encodeName,
  encodeObjectId,
  encodePem,
  encodeUnsigned,
} from '../../../../src/asn1/der-bytes.ts';
import { derTag } from '../../../../src/asn1/der-tag.ts';
import {
  caExtensions,
  encodeSigned,
  encodeToBeSigned,
  type ExtensionParts,
  type KeyIds,
  leafExtensions,
} from '../../../../src/certs/certificate-parts.ts';

export type Issued = { readonly certPem: string; readonly keyPem: string };

export type Minted = {
  /** The key of the CA is used here and kept nowhere. */
  readonly ca: { readonly certPem: string };
  /** What the backend shows. */
  readonly server: Issued;
  /** What the gateway shows to the backend. */
  readonly gateway: Issued;
  /** A client of the gateway. */
  readonly client: Issued;
};

const day = 86_400_000;
const serverAuth = '1.3.6.1.5.5.7.3.1';
const clientAuth = '1.3.6.1.5.5.7.3.2';
/** ecdsa-with-SHA256 (RFC 5758 section 3.2). */
const algorithm = encodeDer(derTag.sequence, encodeObjectId('1.2.840.10045.4.3.2'));
const curve = { name: 'ECDSA', namedCurve: 'P-256' } as const;

export type MintNames = {
  /** DNS name or IPv4 address by which the gateway reaches the backend. */
  readonly backend: string;
  readonly now: number;
};

export async function mintAll({ backend, now }: MintNames): Promise<Minted> {
  const ca = await mintCa('Countersign test CA', now);
  const issue = async (cn: string, usage: string, names: readonly Uint8Array[]): Promise<Issued> =>
    issueLeaf(ca, { cn, usages: [usage], names, now });
  const [server, gateway, client] = await Promise.all([
    issue(backend, serverAuth, [generalName(backend)]),
    issue('gateway', clientAuth, [uri('spiffe://countersign.test/gateway')]),
    issue('client', clientAuth, [uri('spiffe://countersign.test/client')]),
  ]);
  return { ca: { certPem: ca.certPem }, server, gateway, client };
}

type KeyPair = { readonly publicKey: CryptoKey; readonly privateKey: CryptoKey };
type Key = { readonly pair: KeyPair; readonly spki: Uint8Array; readonly id: Uint8Array };
type Ca = { readonly key: Key; readonly subject: Uint8Array; readonly certPem: string };

async function mintCa(cn: string, now: number): Promise<Ca> {
  const key = await makeKey();
  const subject = encodeName([[['CN', cn]]]);
  const extensions = caExtensions(0, { own: key.id, signer: key.id });
  const draft = { subject, issuer: subject, key, signer: key, extensions, now, days: 365 };
  return { key, subject, certPem: await write(draft) };
}

type LeafOptions = {
  readonly cn: string;
  readonly usages: readonly string[];
  readonly names: readonly Uint8Array[];
  readonly now: number;
};

async function issueLeaf(ca: Ca, { cn, usages, names, now }: LeafOptions): Promise<Issued> {
  const key = await makeKey();
  const ids: KeyIds = { own: key.id, signer: ca.key.id };
  const extensions = leafExtensions({ usages, names, isRsa: false, subjectEmpty: false }, ids);
  const subject = encodeName([[['CN', cn]]]);
  const certPem = await write({ subject, issuer: ca.subject, key, signer: ca.key, extensions, now, days: 90 });
  const keyPem = encodePem('PRIVATE KEY', new Uint8Array(await crypto.subtle.exportKey('pkcs8', key.pair.privateKey)));
  return { certPem, keyPem };
}

type Draft = {
  readonly subject: Uint8Array;
  readonly issuer: Uint8Array;
  readonly key: Key;
  readonly signer: Key;
  readonly extensions: readonly ExtensionParts[];
  readonly now: number;
  readonly days: number;
};

async function write({ subject, issuer, key, signer, extensions, now, days }: Draft): Promise<string> {
  const serial = crypto.getRandomValues(new Uint8Array(16));
  // Positive, and never shorter.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  // Clocks differ.
  const notBefore = now - 5 * 60_000;
  const toBeSigned = encodeToBeSigned({
    serial,
    issuer,
    subject,
    notBefore,
    notAfter: notBefore + days * day,
    publicKey: key.spki,
    extensions,
    algorithm,
  });
  const raw = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, signer.pair.privateKey, toBeSigned);
  return encodePem('CERTIFICATE', encodeSigned(toBeSigned, algorithm, encodeEcdsa(new Uint8Array(raw))));
}

/** WebCrypto gives r and s side by side; X.509 has them as a SEQUENCE (RFC 3279 section 2.2.3). */
function encodeEcdsa(raw: Uint8Array): Uint8Array {
  const half = raw.length / 2;
  return encodeDer(derTag.sequence, encodeUnsigned(raw.subarray(0, half)), encodeUnsigned(raw.subarray(half)));
}

async function makeKey(): Promise<Key> {
  const pair = await crypto.subtle.generateKey(curve, true, ['sign', 'verify']);
  const spki = new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey));
  const point = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
  // RFC 5280 section 4.2.1.2, method 1: an identifier, not a security measure.
  const id = new Uint8Array(await crypto.subtle.digest('SHA-1', point));
  return { pair, spki, id };
}

/** DNS name or IPv4 address (RFC 5280 section 4.2.1.6). */
function generalName(name: string): Uint8Array {
  const isAddress = /^\d{1,3}(?:\.\d{1,3}){3}$/.test(name);
  return isAddress ? encodeDer(0x87, Uint8Array.from(name.split('.'), Number)) : encodeDer(0x82, bytesOf(name));
}

function uri(text: string): Uint8Array {
  return encodeDer(0x86, bytesOf(text));
}
