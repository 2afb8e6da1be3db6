// What somebody is about to upload: read as the gateway would read it, and everything that is wrong told at once. Stores nothing;
// of a private key comes back whether it fits, and never the key.
import { encodePem } from '../asn1/der-writer.ts';
import { conversionOf, findForeignFormat, wrapDer } from '../asn1/der-material.ts';
import { certificateLabels, type PemBlock, splitPem } from '../asn1/pem.ts';
import { decodePem, textOf } from '../asn1/pem-text.ts';
import { hasErrors, materialError, type MaterialProblem } from '../base/material-problem.ts';
import { isKeyPart } from '../certs/private-key.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { parseCertificates } from '../certs/material.ts';
import { readPkcs12 } from '../certs/pkcs12.ts';
import { type CheckedPair, checkClientPair, checkServerPair } from '../trust/certificate-pair.ts';
import { TrustBundle } from '../trust/trust-bundle.ts';

export type Upload = { readonly name: string; readonly bytes: Buffer };
/** What it is to be: a certificate with its key for one side, or for whichever side it is made for; or CAs. */
export type UploadUse = 'server' | 'client' | 'any' | 'ca';
export type UploadOptions = {
  readonly use: UploadUse;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Of PKCS #12. */
  readonly password?: string | undefined;
  /** No key need come along: the one that is there stays. */
  readonly keyMayStay?: boolean;
};

export type Inspection = {
  readonly usable: boolean;
  /** In the order in which they are sent, for a pair; else as they came. */
  readonly certificates: readonly CertificateFacts[];
  /** For a pair: whether a private key came along and belongs to the leaf. */
  readonly key: 'fits' | 'none' | 'other' | null;
  readonly problems: readonly MaterialProblem[];
  /** PEM as it is stored, where it is usable. Holds the private key: never shown, never kept. */
  readonly material: Material | undefined;
};

/** `keyPem` undefined where none came along and the one that is there stays; '' beside CAs. */
export type Material = { readonly certificates: readonly string[]; readonly keyPem: string | undefined };

export async function inspectUpload(uploads: readonly Upload[], options: UploadOptions): Promise<Inspection> {
  const problems: MaterialProblem[] = [];
  const texts: Text[] = [];
  for (const upload of uploads) {
    const text = await textOfUpload(upload, options.password, problems);
    if (text !== undefined) texts.push(text);
  }
  if (texts.length === 0 || problems.length > 0)
    return { usable: false, certificates: [], key: null, problems, material: undefined };
  return options.use === 'ca' ? inspectBundle(texts, options.now) : inspectPair(texts, options);
}

type Text = { readonly name: string; readonly pem: string };

/** PEM, base64 of it, DER of one thing, PKCS #12; as files of the configuration are read. */
async function textOfUpload(
  { name, bytes }: Upload,
  password: string | undefined,
  problems: MaterialProblem[],
): Promise<Text | undefined> {
  const text = textOf(bytes);
  const pem = text.includes('-----BEGIN') ? text : (wrapDer(bytes) ?? decodePem(text));
  if (pem !== undefined) return { name, pem };
  const format = findForeignFormat(bytes);
  if (format === 'PKCS #12') {
    const opened = await readPkcs12(bytes, password ?? '', name);
    if (!('problem' in opened)) return { name, pem: `${opened.chainPem}\n${opened.keyPem}` };
    const isAsked = password === undefined && opened.problem.code === 'pkcs12_password';
    problems.push(isAsked ? { ...opened.problem, hint: 'Give its password.' } : opened.problem);
    return undefined;
  }
  if (format !== undefined)
    problems.push(
      materialError(
        'not_pem',
        `${name} is a file in the format ${format}, which is not read here`,
        conversionOf(format, 'FILE'),
      ),
    );
  else if (text.trim() === '') problems.push(materialError('file_empty', `${name} is empty`, 'Choose another file.'));
  else
    problems.push(
      materialError('not_pem', `${name} holds no PEM block`, 'It should hold -----BEGIN …----- blocks, or be DER.'),
    );
  return undefined;
}

function inspectBundle(texts: readonly Text[], now: number): Inspection {
  const problems: MaterialProblem[] = [];
  const certificates: CertificateFacts[] = [];
  for (const { name, pem } of texts) {
    problems.push(...TrustBundle.parse(pem, { name, now }).problems);
    certificates.push(...parseCertificates(pem, name).certificates);
  }
  const usable = !hasErrors(problems);
  const material = { certificates: certificates.map(({ der }) => encodePem('CERTIFICATE', der)), keyPem: '' };
  return { usable, certificates, key: null, problems, material: usable ? material : undefined };
}

/** Blocks in any order and over any number of files: what is a key goes to one side, all else to the other. */
function inspectPair(texts: readonly Text[], { use, now, keyMayStay = false }: UploadOptions): Inspection {
  const certs: Text[] = [];
  const keys: Text[] = [];
  for (const text of texts) {
    const { blocks, problems } = splitPem(text.pem, text.name);
    const ofKey = blocks.filter(isKeyBlock);
    // What is whole stays as it came, so that lines are those of the file; so does what cannot be told apart.
    if (ofKey.length === 0 || (hasErrors(problems) && ofKey.length < blocks.length)) certs.push(text);
    else if (ofKey.length === blocks.length) keys.push(text);
    else {
      keys.push({ name: text.name, pem: ofKey.map(pemOf).join('') });
      certs.push({
        name: text.name,
        pem: blocks
          .filter((one) => !isKeyBlock(one))
          .map(pemOf)
          .join(''),
      });
    }
  }
  const cert = joinTexts(certs, 'the certificate');
  const key = joinTexts(keys, 'the private key');
  if (keys.length === 0) {
    const { certificates, problems } = parseCertificates(cert.pem, cert.name);
    if (keyMayStay) {
      const usable = certificates.length > 0 && !hasErrors(problems);
      const material = {
        certificates: certificates.map(({ der }) => encodePem('CERTIFICATE', der)),
        keyPem: undefined,
      };
      return { usable, certificates, key: 'none', problems, material: usable ? material : undefined };
    }
    const missing = materialError(
      'no_private_key',
      'there is no private key among it',
      'Add the key of the certificate.',
    );
    return { usable: false, certificates, key: 'none', problems: [...problems, missing], material: undefined };
  }
  const options = { now, certName: cert.name, keyName: key.name };
  const asServer = use === 'client' ? undefined : checkServerPair(cert.pem, key.pem, options);
  const isOneOfBoth = use === 'any' && asServer?.chainPem === undefined;
  const asClient = use === 'client' || isOneOfBoth ? checkClientPair(cert.pem, key.pem, options) : undefined;
  const checked = betterOf(asServer, asClient);
  const { chain, leaf, chainPem, keyPem, problems } = checked;
  const material =
    chainPem === undefined
      ? undefined
      : { certificates: chain.map(({ der }) => encodePem('CERTIFICATE', der)), keyPem };
  const isOther = leaf === undefined || problems.some(({ severity, about }) => severity === 'error' && about === 'key');
  const usable = material !== undefined;
  return { usable, certificates: chain, key: isOther ? 'other' : 'fits', problems, material };
}

/** The side that it is good for; where neither, the one for which less is wrong. At least one is given. */
function betterOf(one: CheckedPair | undefined, other: CheckedPair | undefined): CheckedPair {
  const [first, second] = [one ?? other, other ?? one] as [CheckedPair, CheckedPair];
  if (first.chainPem !== undefined) return first;
  return second.chainPem !== undefined || second.problems.length < first.problems.length ? second : first;
}

function joinTexts(texts: readonly Text[], name: string): Text {
  const [only] = texts;
  if (only !== undefined && texts.length === 1) return only;
  return { name, pem: texts.map(({ pem }) => pem).join('\n') };
}

function isKeyBlock({ label }: PemBlock): boolean {
  return !certificateLabels.has(label) && isKeyPart(label);
}

function pemOf(block: PemBlock): string {
  return encodePem(block.encrypted ? 'ENCRYPTED PRIVATE KEY' : block.label, block.der);
}
