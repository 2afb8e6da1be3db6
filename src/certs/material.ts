// Key and certificate material from a file or from text, as values: every way in which a file can be wrong has its own
// code, because a gateway that starts without its CA admits everybody (incident 6, N22). Reads, decodes, checks that
// OpenSSL agrees; which certificate belongs to what is chain.ts and trust-bundle.ts.
import { Fault } from '../base/fault.ts';
import { readAll } from '../base/many-files.ts';
import { FileRefusal, readRegularFile } from '../base/read-regular-file.ts';
import { hiddenPath, looksSecret, showPath } from '../base/secret-text.ts';
import type { CertificateFacts } from './facts.ts';
import { readFacts } from './facts-reader.ts';
import { materialError, type MaterialProblem } from '../base/material-problem.ts';
import { openCertificate } from './opened-certificate.ts';
import { conversionOf, findForeignFormat, wrapDer } from '../asn1/der-material.ts';
import { certificateLabels, type PemBlock, splitPem } from '../asn1/pem.ts';
import { decodePem, textOf } from '../asn1/pem-text.ts';
import { fileInCommand } from '../base/shell.ts';

export const maxMaterialBytes = 8 * 1024 * 1024;

/** `label`: what messages call a file instead of its path. `id`: named material of a configuration's source. */
export type MaterialRef = StoredRef | { readonly pem: string };

/** What has a name and is no text at all: a part of what a source delivers. */
export type LabelledRef = { readonly label: string };

export type StoredRef = { readonly path: string; readonly label?: string } | { readonly id: string };

export type MaterialBytes = { readonly ok: true; readonly bytes: Buffer } | LoadFailure;

/** The bytes behind a reference, whatever they are. Never rejects. */
export type ReadMaterial = (ref: StoredRef, maxBytes: number) => Promise<MaterialBytes>;

export type LoadFailureCode =
  | 'file_missing'
  | 'file_unreadable'
  | 'file_is_directory'
  | 'file_not_regular'
  | 'file_empty'
  | 'file_too_large'
  | 'not_pem'
  | 'material_unknown'
  | 'material_sealed';

export type LoadFailure = {
  readonly ok: false;
  readonly code: LoadFailureCode;
  readonly message: string;
  readonly hint: string;
};

export type LoadedPem =
  | { readonly ok: true; readonly pem: string; readonly bytes: number; readonly name: string }
  | LoadFailure;

/** How messages call the material, and the only way in which they do: what was taken for a path may be a key. */
export function materialName(ref: MaterialRef | LabelledRef): string {
  if ('path' in ref) return ref.label ?? showPath(ref.path);
  if ('id' in ref) return `material "${showId(ref.id)}"`;
  return 'pem' in ref ? 'inline PEM' : ref.label;
}

/** As that of a path: what was taken for an id may be a key. */
function showId(id: string): string {
  return looksSecret(id) ? 'its id is not shown: it looks like a secret' : id;
}

/** The PEM text behind a reference. Never rejects; a failure names the file and the remedy. `read`: who has it. */
export async function loadPem(ref: MaterialRef, read: ReadMaterial = readMaterialFile): Promise<LoadedPem> {
  const name = materialName(ref);
  if ('pem' in ref) return checkPem(ref.pem, name);
  const file = await read(ref, maxMaterialBytes);
  return file.ok ? checkBytes(file.bytes, name) : file;
}

/** The bytes of a file, whatever they are. Never rejects, never waits for a FIFO. Of what has an id, files know nothing. */
export async function readMaterialFile(ref: StoredRef, maxBytes = maxMaterialBytes): Promise<MaterialBytes> {
  const name = materialName(ref);
  if ('id' in ref) return materialUnknown(ref.id);
  try {
    return { ok: true, bytes: await readRegularFile(ref.path, maxBytes) };
  } catch (error) {
    return error instanceof FileRefusal ? refusalFailure(error, name, maxBytes) : readFailure(error, name);
  }
}

/** As readMaterialFile, of many, in their order. */
export async function readMaterialFiles(
  refs: readonly Extract<StoredRef, { path: string }>[],
  maxBytes = maxMaterialBytes,
): Promise<readonly MaterialBytes[]> {
  const files = await readAll(
    refs.map(({ path }) => path),
    maxBytes,
  );
  return files.map((file, at) => {
    if (Buffer.isBuffer(file)) return { ok: true, bytes: file };
    const name = materialName(refs[at] as StoredRef);
    return file instanceof FileRefusal ? refusalFailure(file, name, maxBytes) : readFailure(file, name);
  });
}

function refusalFailure({ reason, size }: FileRefusal, name: string, maxBytes: number): LoadFailure {
  if (reason === 'directory')
    return failure('file_is_directory', `${name} is a directory, not a file`, 'Name the PEM file itself.');
  if (reason === 'not_regular') return failure('file_not_regular', `${name} is not a regular file`, 'Name a PEM file.');
  const message = `${name} has ${size} bytes, over the limit of ${maxBytes}`;
  return failure('file_too_large', message, 'Is this the right file?');
}

function readFailure(error: unknown, name: string): LoadFailure {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return failure(
      'file_missing',
      `${name} does not exist`,
      name === hiddenPath || name.includes('${')
        ? 'If it is meant to be the material itself: PEM text, or base64 of the file (made once). Otherwise check the path.'
        : 'Check the path; relative paths start at the folder of the configuration file.',
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

/** What a source says that has nothing under this id. */
export function materialUnknown(id: string): LoadFailure {
  return failure(
    'material_unknown',
    `${materialName({ id })} is not known`,
    'Add it under this id, or correct the id.',
  );
}

/** PEM in any encoding of text; DER of one certificate, CRL or key; base64 of either, as variables have it. */
function checkBytes(bytes: Buffer, name: string): LoadedPem {
  const text = textOf(bytes);
  const pem = text.includes(pemStart) ? text : (wrapDer(bytes) ?? decodePem(text));
  if (pem !== undefined || text.trim() === '') return checkPem(pem ?? text, name);
  const format = findForeignFormat(bytes);
  if (format !== undefined)
    return failure(
      'not_pem',
      `${name} is a file in the format ${format}, not PEM`,
      conversionOf(format, fileInCommand(name)),
    );
  const isBinary = /[\0-\x08\uFFFD]/.test(text.slice(0, 64));
  return isBinary
    ? failure(
        'not_pem',
        `${name} is binary, and nothing that is known here`,
        `${pemHint} What it is, \`openssl asn1parse -inform der -in ${fileInCommand(name)}\` may show.`,
      )
    : failure('not_pem', `${name} holds no PEM block`, pemHint);
}

const pemStart = '-----BEGIN';
const pemHint = 'It should hold -----BEGIN …----- blocks.';

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
  if (!pem.includes(pemStart)) return failure('not_pem', `${name} holds no PEM block`, pemHint);
  return { ok: true, pem, bytes: Buffer.byteLength(pem), name };
}

function failure(code: LoadFailureCode, message: string, hint: string): LoadFailure {
  return { ok: false, code, message, hint };
}

/** A load failure as a problem, for those who collect. */
export function loadProblem(failed: LoadFailure): MaterialProblem {
  return materialError(failed.code, failed.message, failed.hint);
}

/** What stands in blocks besides certificates is handed on, so that callers can make use of it or refuse it. */
export type ParsedCertificates = {
  readonly certificates: CertificateFacts[];
  readonly problems: MaterialProblem[];
  readonly others: readonly PemBlock[];
};

/** Every certificate of a PEM text, in order. One broken block is an error: what is trusted must be what was written. */
export function parseCertificates(pem: string, name = 'inline PEM'): ParsedCertificates {
  const { blocks, problems } = splitPem(pem, name);
  const certificates: CertificateFacts[] = [];
  const others: PemBlock[] = [];
  for (const [index, block] of blocks.entries()) {
    if (block.label === 'TRUSTED CERTIFICATE') {
      problems.push(
        materialError(
          'openssl_trusted_certificate',
          `${name}: line ${block.line} is OpenSSL's own TRUSTED CERTIFICATE form`,
          `Convert it: openssl x509 -in ${fileInCommand(name)} -out ${fileInCommand(name)}.pem.`,
        ),
      );
    } else if (!certificateLabels.has(block.label)) {
      others.push(block);
    } else {
      const facts = readBlock(block, index, name, problems);
      if (facts !== undefined) certificates.push(facts);
    }
  }
  if (certificates.length === 0 && problems.length === 0) problems.push(noCertificate(others, name));
  return { certificates, problems, others };
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
    openCertificate(block.der);
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

function noCertificate(others: readonly PemBlock[], name: string): MaterialProblem {
  const labels = others.map(({ label }) => label);
  const found = labels.length === 0 ? '' : ` (it holds ${[...new Set(labels)].join(', ')})`;
  const hint = labels.some((label) => label.endsWith('PRIVATE KEY'))
    ? 'This looks like the key file: are certificate and key swapped?'
    : labels.includes('CERTIFICATE REQUEST') || labels.includes('NEW CERTIFICATE REQUEST')
      ? 'This is a signing request: the CA must sign it first.'
      : labels.includes('PKCS7')
        ? `Convert it: openssl pkcs7 -in ${fileInCommand(name)} -print_certs -out ${fileInCommand(name)}.pem.`
        : 'It should hold at least one CERTIFICATE block, its BEGIN and END at the beginning of a line.';
  return materialError('no_certificate', `${name} holds no certificate${found}`, hint);
}
