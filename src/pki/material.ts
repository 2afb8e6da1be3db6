// Key and certificate material from a file or from text, as values: every way in which a file can be wrong has its own
// code, because a gateway that starts without its CA admits everybody (incident 6, N22). Reads, decodes, checks that
// OpenSSL agrees; which certificate belongs to what is chain.ts and trust-bundle.ts.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Fault } from '../base/fault.ts';
import type { CertificateFacts } from './facts.ts';
import { readFacts } from './facts-reader.ts';
import { escapeForLog } from './log-text.ts';
import { materialError, materialWarning, type MaterialProblem } from './material-problem.ts';
import { encodePem } from './der-writer.ts';
import { type PemBlock, splitPem } from './pem.ts';

export const maxMaterialBytes = 8 * 1024 * 1024;

export type MaterialRef = { readonly path: string } | { readonly pem: string };

export type LoadFailureCode =
  | 'file_missing'
  | 'file_unreadable'
  | 'file_is_directory'
  | 'file_not_regular'
  | 'file_empty'
  | 'file_too_large'
  | 'not_pem';

export type LoadedPem =
  | { readonly ok: true; readonly pem: string; readonly bytes: number; readonly name: string }
  | { readonly ok: false; readonly code: LoadFailureCode; readonly message: string; readonly hint: string };

/** How messages call the material: its path, or 'inline PEM'. */
export function materialName(ref: MaterialRef): string {
  return 'path' in ref ? ref.path : 'inline PEM';
}

/** The PEM text behind a reference. Never rejects; a failure names the file and the remedy. */
export async function loadPem(ref: MaterialRef): Promise<LoadedPem> {
  const name = materialName(ref);
  if ('pem' in ref) return checkPem(ref.pem, name);
  let file: FileHandle | undefined;
  try {
    // O_NONBLOCK: opening a FIFO without a writer would otherwise wait for ever.
    file = await open(ref.path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await file.stat();
    if (stat.isDirectory())
      return failure('file_is_directory', `${name} is a directory, not a file`, 'Name the PEM file itself.');
    if (!stat.isFile()) return failure('file_not_regular', `${name} is not a regular file`, 'Name a PEM file.');
    if (stat.size > maxMaterialBytes) {
      return failure(
        'file_too_large',
        `${name} has ${stat.size} bytes, over the limit of ${maxMaterialBytes}`,
        'Is this the right file?',
      );
    }
    return checkPem(await file.readFile('utf8'), name);
  } catch (error) {
    return readFailure(error, name);
  } finally {
    await file?.close().catch(() => undefined);
  }
}

function readFailure(error: unknown, name: string): LoadedPem {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return failure(
      'file_missing',
      `${name} does not exist`,
      'Check the path; relative paths start at the folder of the configuration file.',
    );
  }
  if (code === 'EISDIR')
    return failure('file_is_directory', `${name} is a directory, not a file`, 'Name the PEM file itself.');
  if (code === 'EACCES' || code === 'EPERM') {
    return failure(
      'file_unreadable',
      `${name} may not be read by this user (${code})`,
      'Give the user of the gateway read access to the file and its folders.',
    );
  }
  return failure('file_unreadable', `${name} cannot be read (${code})`, '');
}

function checkPem(text: string, name: string): LoadedPem {
  const pem = text.startsWith('\uFEFF') ? text.slice(1) : text;
  if (pem.trim() === '')
    return failure('file_empty', `${name} is empty`, 'It should hold PEM text: -----BEGIN …-----.');
  if (Buffer.byteLength(pem) > maxMaterialBytes) {
    return failure(
      'file_too_large',
      `${name} is over the limit of ${maxMaterialBytes} bytes`,
      'Is this the right file?',
    );
  }
  if (!pem.includes('-----BEGIN')) {
    const binary = pem.startsWith('0') && /[\x00-\x08\uFFFD]/.test(pem.slice(0, 64));
    return failure(
      'not_pem',
      binary ? `${name} is binary (DER or PKCS #12), not PEM` : `${name} holds no PEM block`,
      binary
        ? 'Convert it: openssl x509 -inform der, or openssl pkcs12 -nodes.'
        : 'It should hold -----BEGIN …----- blocks.',
    );
  }
  return { ok: true, pem, bytes: Buffer.byteLength(pem), name };
}

function failure(code: LoadFailureCode, message: string, hint: string): LoadedPem {
  return { ok: false, code, message, hint };
}

/** A load failure as a problem, for those who collect. */
export function loadProblem(failed: Extract<LoadedPem, { ok: false }>): MaterialProblem {
  return materialError(failed.code, failed.message, failed.hint);
}

const certificateLabels: ReadonlySet<string> = new Set(['CERTIFICATE', 'X509 CERTIFICATE']);

/** What stands in blocks besides certificates is told by label, so that callers can refuse or ignore it. */
export type ParsedCertificates = {
  readonly certificates: CertificateFacts[];
  readonly problems: MaterialProblem[];
  readonly otherLabels: readonly string[];
};

/** Every certificate of a PEM text, in order. One broken block is an error: what is trusted must be what was written. */
export function parseCertificates(pem: string, name = 'inline PEM'): ParsedCertificates {
  const { blocks, problems } = splitPem(pem, name);
  const certificates: CertificateFacts[] = [];
  const otherLabels: string[] = [];
  for (const [index, block] of blocks.entries()) {
    if (block.label === 'TRUSTED CERTIFICATE') {
      problems.push(
        materialError(
          'openssl_trusted_certificate',
          `${name}: line ${block.line} is OpenSSL's own TRUSTED CERTIFICATE form`,
          'Convert it: openssl x509 -in FILE -out FILE.pem.',
        ),
      );
    } else if (!certificateLabels.has(block.label)) {
      otherLabels.push(block.label);
    } else {
      const facts = readBlock(block, index, name, problems);
      if (facts !== undefined) certificates.push(facts);
    }
  }
  if (certificates.length === 0 && problems.length === 0) problems.push(noCertificate(otherLabels, name));
  return { certificates, problems, otherLabels };
}

function readBlock(
  block: PemBlock,
  index: number,
  name: string,
  problems: MaterialProblem[],
): CertificateFacts | undefined {
  const place = `${name}: certificate block ${index + 1} (line ${block.line})`;
  try {
    const facts = readFacts(block.der);
    // Where OpenSSL cannot read what we can, Node would drop it without a word.
    void new X509Certificate(block.der);
    return facts;
  } catch (error) {
    const why = error instanceof Fault ? (error.detail ?? error.code) : `OpenSSL cannot read it`;
    problems.push(
      materialError(
        'broken_certificate',
        `${place} is not a valid certificate: ${why}`,
        'Copy it again from its source, or have it issued again.',
      ),
    );
    return undefined;
  }
}

function noCertificate(labels: readonly string[], name: string): MaterialProblem {
  const found = labels.length === 0 ? '' : ` (it holds ${[...new Set(labels)].join(', ')})`;
  const hint = labels.some((label) => label.endsWith('PRIVATE KEY'))
    ? 'This looks like the key file: are certificate and key swapped?'
    : labels.includes('CERTIFICATE REQUEST') || labels.includes('NEW CERTIFICATE REQUEST')
      ? 'This is a signing request: the CA must sign it first.'
      : labels.includes('PKCS7')
        ? 'Convert it: openssl pkcs7 -print_certs.'
        : 'It should hold at least one CERTIFICATE block.';
  return materialError('no_certificate', `${name} holds no certificate${found}`, hint);
}

export type ParsedKey = {
  readonly key: KeyObject | undefined;
  readonly keyPem: string;
  readonly problems: MaterialProblem[];
};

const keyLabels: ReadonlySet<string> = new Set([
  'PRIVATE KEY',
  'EC PRIVATE KEY',
  'RSA PRIVATE KEY',
  'ENCRYPTED PRIVATE KEY',
]);
const tlsCurves: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

/** The one private key of a PEM text (PKCS #8, SEC 1, PKCS #1). `keyPem` is that key alone, as PKCS #8. */
export function parsePrivateKey(pem: string, name = 'inline PEM'): ParsedKey {
  const { blocks, problems } = splitPem(pem, name);
  const none = (problem?: MaterialProblem): ParsedKey => ({
    key: undefined,
    keyPem: '',
    problems: problem === undefined ? problems : [...problems, problem],
  });
  if (problems.length > 0) return none();
  const keys = blocks.filter((block) => block.label.endsWith('PRIVATE KEY'));
  const [block] = keys;
  if (block === undefined) {
    const found = blocks.length === 0 ? '' : ` (it holds ${[...new Set(blocks.map((one) => one.label))].join(', ')})`;
    const swapped = blocks.some((one) => certificateLabels.has(one.label));
    return none(
      materialError(
        'no_private_key',
        `${name} holds no private key${found}`,
        swapped
          ? 'This looks like the certificate file: are certificate and key swapped?'
          : 'It should hold one PRIVATE KEY block.',
      ),
    );
  }
  if (keys.length > 1)
    return none(
      materialError(
        'several_keys',
        `${name} holds ${keys.length} private keys`,
        'Keep the one that belongs to the certificate.',
      ),
    );
  if (block.encrypted || block.label === 'ENCRYPTED PRIVATE KEY') {
    return none(
      materialError(
        'encrypted_key',
        `${name} is protected with a passphrase`,
        'Decrypt it: openssl pkey -in FILE -out FILE, and protect the file by its mode (0600).',
      ),
    );
  }
  if (!keyLabels.has(block.label)) {
    return none(
      materialError(
        'unsupported_key',
        `${name} holds a ${escapeForLog(block.label, 60)}, which TLS cannot use`,
        'Use an EC P-256, RSA 2048 or Ed25519 key.',
      ),
    );
  }
  return openKey(block, name, none, problems);
}

function openKey(
  block: PemBlock,
  name: string,
  none: (problem?: MaterialProblem) => ParsedKey,
  problems: MaterialProblem[],
): ParsedKey {
  let key: KeyObject;
  try {
    key = createPrivateKey(encodePem(block.label, block.der));
  } catch {
    return none(
      materialError(
        'broken_key',
        `${name} is not a valid private key`,
        'Copy it again from its source, or make a new key and certificate.',
      ),
    );
  }
  const weakness = judgeKey(key, name);
  if (weakness?.severity === 'error') return none(weakness);
  if (weakness !== undefined) problems.push(weakness);
  return { key, keyPem: key.export({ format: 'pem', type: 'pkcs8' }), problems };
}

function judgeKey(key: KeyObject, name: string): MaterialProblem | undefined {
  const type = key.asymmetricKeyType ?? 'unknown';
  const details = key.asymmetricKeyDetails ?? {};
  const hint = 'Use an EC P-256, RSA 2048 or Ed25519 key.';
  if (type === 'rsa' || type === 'rsa-pss') {
    const bits = details.modulusLength ?? 0;
    if (bits < 2048)
      return materialError('weak_key', `${name} is an RSA key of ${bits} bits, under the 2048 that are needed`, hint);
    return bits > 8192
      ? materialWarning('slow_key', `${name} is an RSA key of ${bits} bits: every handshake is slow`, hint)
      : undefined;
  }
  if (type === 'ec') {
    const curve = details.namedCurve ?? 'an unnamed curve';
    return tlsCurves.has(curve)
      ? undefined
      : materialError('unsupported_key', `${name} is an EC key on ${curve}, which TLS clients do not accept`, hint);
  }
  if (type === 'ed25519' || type === 'ed448') return undefined;
  return materialError('unsupported_key', `${name} is a key of type ${type}, which cannot serve TLS`, hint);
}
