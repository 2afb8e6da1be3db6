// Throwaway CAs and certificates, minted at run time, for tests, `pki init|issue` and the demonstration:
//   const root = await mintCa({ cn: 'Root' });              // EC P-256, valid from five minutes ago for 30 days
//   const inter = await root.issueCa({ cn: 'Issuing CA' }); // chainPem of what it issues contains it, never the root
//   const server = await inter.issue({ kind: 'server', sans: ['a.test', '*.b.test', '127.0.0.1'] });
//   const client = await inter.issue({ kind: 'client', cn: 'alice', sans: ['spiffe://example.org/alice'] });
//   tls.createServer({ cert: server.chainPem, key: server.keyPem, ca: root.certPem })
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import { dayMs } from '../base/clock.ts';
import { caExtensions, leafExtensions, type LeafKind } from './certificate-profile.ts';
import { type SignatureHash, writeCertificate, type WrittenExtension } from './certificate-writer.ts';
import { type CrlOptions, writeCrl } from './crl-writer.ts';
import { encodeName, encodePem, isAttributeType } from '../asn1/der-writer.ts';
import type { San, SanType } from './facts.ts';
import { readFacts, splitCertificate } from './facts-reader.ts';

export type KeyKind = 'ec' | 'ec-p384' | 'rsa' | 'rsa-1024' | 'rsa-4096' | 'ed25519';

export type MintOptions = {
  /** Common name; default: the first DNS SAN, else 'test'. Ignored where `subject` is given. */
  readonly cn?: string;
  /** '/C=CN/O=Test/CN=x' (`\` escapes), or the DER of a Name (encodeName); '' for an empty subject. */
  readonly subject?: string | Buffer;
  /** Lifetime from notBefore; default 30. */
  readonly days?: number;
  /** Milliseconds since the epoch; default five minutes before `now`. */
  readonly notBefore?: number;
  /** Overrides `days`. */
  readonly notAfter?: number;
  /** What "now" is for the defaults; default Date.now(). */
  readonly now?: number;
  /** Default 'ec' (P-256). */
  readonly key?: KeyKind;
  /** Certify this private key instead of a fresh one. */
  readonly keyPem?: string;
  /** Hash of the signature; default sha256. */
  readonly hash?: SignatureHash;
  /** Hexadecimal; default 16 random bytes. */
  readonly serial?: string;
  /** Added to the usual extensions, or replacing the one of the same OID; `value` undefined removes it. */
  readonly extensions?: readonly {
    readonly oid: string;
    readonly critical?: boolean;
    readonly value: Buffer | undefined;
  }[];
};

export type CaOptions = MintOptions & { readonly pathLength?: number };

export type LeafOptions = MintOptions & {
  /** Extended key usage; 'none' leaves the extension out. */
  readonly kind: LeafKind;
  /** 'a.test', '10.0.0.1', 'spiffe://…' and 'x@a.test' find their type; 'DNS:…' etc. and San objects name it. */
  readonly sans?: readonly (string | San)[];
};

export type Issued = {
  readonly certPem: string;
  /** PKCS #8. */
  readonly keyPem: string;
  readonly der: Buffer;
  /** The certificate and the intermediates above it, without the root. */
  readonly chainPem: string;
};

export type TestCa = Issued & {
  /** The anchor at the top. */
  readonly rootPem: string;
  issue(options: LeafOptions): Promise<Issued>;
  issueCa(options?: CaOptions): Promise<TestCa>;
  /** DER of a CRL signed by this CA (encodePem('X509 CRL', …) makes it text). */
  issueCrl(options?: CrlOptions): Buffer;
};

/** A fresh self-signed CA. */
export async function mintCa(options: CaOptions = {}): Promise<TestCa> {
  const key = await makeKey(options);
  const subject = nameOf(options, 'Test CA');
  const der = write({
    options,
    subject,
    key,
    issuer: { subject, key },
    extensions: caExtensions(options.pathLength, key, key),
  });
  const certPem = encodePem('CERTIFICATE', der);
  return makeCa({ der, key, above: '', rootPem: certPem });
}

/** The CA of an existing certificate and its private key, both PEM. Throws where they cannot be read. */
export function openCa(certPem: string, keyPem: string, rootPem = certPem): TestCa {
  const der = Buffer.from(certPem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  return makeCa({ der, key: createPrivateKey(keyPem), above: rootPem === certPem ? '' : certPem, rootPem });
}

function makeCa(made: { der: Buffer; key: KeyObject; above: string; rootPem: string }): TestCa {
  const { der, key, above, rootPem } = made;
  const parts = splitCertificate(der);
  const issuer = { subject: der.subarray(parts.subject.start, parts.subject.end), key };
  return {
    certPem: encodePem('CERTIFICATE', der),
    keyPem: exportKey(key),
    der,
    chainPem: above,
    rootPem,
    issue: async (options) => {
      const leafKey = await makeKey(options);
      const sans = (options.sans ?? []).map(sanOf);
      const subject = nameOf(options, sans.find((san) => san.type === 'DNS')?.value ?? 'test');
      const extensions = leafExtensions(options.kind, sans, leafKey, key, subject.length === 2);
      const leaf = write({ options, subject, key: leafKey, issuer, extensions });
      const certPem = encodePem('CERTIFICATE', leaf);
      return { certPem, keyPem: exportKey(leafKey), der: leaf, chainPem: certPem + above };
    },
    issueCa: async (options = {}) => {
      const caKey = await makeKey(options);
      const subject = nameOf(options, 'Test Intermediate CA');
      const child = write({
        options,
        subject,
        key: caKey,
        issuer,
        extensions: caExtensions(options.pathLength, caKey, key),
      });
      return makeCa({ der: child, key: caKey, above: encodePem('CERTIFICATE', child) + above, rootPem });
    },
    issueCrl: (options = {}) => writeCrl(options, { ...issuer, keyId: readFacts(der).subjectKeyId }),
  };
}

type Draft = {
  options: MintOptions;
  subject: Buffer;
  key: KeyObject;
  issuer: { subject: Buffer; key: KeyObject };
  extensions: readonly WrittenExtension[];
};

function write({ options, subject, key, issuer, extensions }: Draft): Buffer {
  const notBefore = options.notBefore ?? (options.now ?? Date.now()) - 5 * 60_000;
  const serial = options.serial === undefined ? randomSerial() : Buffer.from(options.serial, 'hex');
  return writeCertificate(
    {
      serial,
      issuer: issuer.subject,
      subject,
      notBefore,
      notAfter: options.notAfter ?? notBefore + (options.days ?? 30) * dayMs,
      publicKey: createPublicKey(key),
      extensions: mergeExtensions(extensions, options.extensions ?? []),
    },
    issuer.key,
    options.hash ?? 'sha256',
  );
}

function randomSerial(): Buffer {
  const serial = randomBytes(16);
  // Positive, and never shorter than 16 bytes, so that serials line up when printed.
  serial[0] = ((serial[0] as number) & 0x3f) | 0x40;
  return serial;
}

function mergeExtensions(
  usual: readonly WrittenExtension[],
  extra: NonNullable<MintOptions['extensions']>,
): readonly WrittenExtension[] {
  const replaced = new Set(extra.map((extension) => extension.oid));
  const added = extra.flatMap(({ oid, critical = false, value }) =>
    value === undefined ? [] : [{ oid, critical, value }],
  );
  return [...usual.filter((extension) => !replaced.has(extension.oid)), ...added];
}

function sanOf(given: string | San): San {
  if (typeof given !== 'string') return given;
  const named = /^(DNS|URI|EMAIL|IP):(.*)$/s.exec(given);
  if (named !== null) return { type: named[1] as SanType, value: named[2] as string };
  if (isIP(given) !== 0) return { type: 'IP', value: given };
  if (given.includes('://')) return { type: 'URI', value: given };
  return { type: given.includes('@') ? 'EMAIL' : 'DNS', value: given };
}

function nameOf(options: MintOptions, fallback: string): Buffer {
  const { subject } = options;
  if (subject === undefined) return encodeName([[['CN', options.cn ?? fallback]]]);
  return typeof subject === 'string' ? encodeName(parseSubject(subject)) : subject;
}

/** '/C=CN/O=Test' as RDNs, `\` escaping the next character. Throws an Error that says what is wrong. */
export function parseSubject(text: string): readonly (readonly [readonly [string, string]])[] {
  if (text === '') return [];
  if (!text.startsWith('/')) throw new Error(`subject ${JSON.stringify(text)} must look like /O=Example/CN=name`);
  return (text.slice(1).match(/(?:\\.|[^/\\])+/gs) ?? []).map((part) => {
    const at = part.indexOf('=');
    const type = part.slice(0, at);
    if (at < 1 || !isAttributeType(type))
      throw new Error(`subject part ${JSON.stringify(part)} names no attribute we know`);
    return [[type, part.slice(at + 1).replace(/\\(.)/gs, '$1')]] as const;
  });
}

const generate = promisify(generateKeyPair) as (
  kind: string,
  options: object,
) => Promise<{ publicKey: KeyObject; privateKey: KeyObject }>;

async function makeKey(options: MintOptions): Promise<KeyObject> {
  if (options.keyPem !== undefined) return createPrivateKey(options.keyPem);
  const kind = options.key ?? 'ec';
  const [type, size] = kind.split('-');
  if (type === 'ed25519') return (await generate('ed25519', {})).privateKey;
  if (type === 'rsa') return (await generate('rsa', { modulusLength: Number(size ?? 2048) })).privateKey;
  return (await generate('ec', { namedCurve: size === 'p384' ? 'P-384' : 'P-256' })).privateKey;
}

function exportKey(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' });
}
