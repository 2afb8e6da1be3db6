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
import { checkClientPair, checkServerPair } from '../trust/certificate-pair.ts';
import { TrustBundle } from '../trust/trust-bundle.ts';

export type Upload = { readonly name: string; readonly bytes: Buffer };
/** What it is to be: a certificate with its key for one side, or CAs. */
export type UploadUse = 'server' | 'client' | 'ca';

export type Inspection = {
  readonly usable: boolean;
  /** In the order in which they are sent, for a pair; else as they came. */
  readonly certificates: readonly CertificateFacts[];
  /** For a pair: whether a private key came along and belongs to the leaf. */
  readonly key: 'fits' | 'none' | 'other' | null;
  readonly problems: readonly MaterialProblem[];
};

export function inspectUpload(uploads: readonly Upload[], use: UploadUse, now: number): Inspection {
  const problems: MaterialProblem[] = [];
  const texts = uploads.flatMap((upload) => textOfUpload(upload, problems) ?? []);
  if (texts.length === 0 || problems.length > 0) return { usable: false, certificates: [], key: null, problems };
  return use === 'ca' ? inspectBundle(texts, now) : inspectPair(texts, use, now);
}

type Text = { readonly name: string; readonly pem: string };

/** PEM, base64 of it, or DER of one thing; as files of the configuration are read. */
function textOfUpload({ name, bytes }: Upload, problems: MaterialProblem[]): Text | undefined {
  const text = textOf(bytes);
  const pem = text.includes('-----BEGIN') ? text : (wrapDer(bytes) ?? decodePem(text));
  if (pem !== undefined) return { name, pem };
  const format = findForeignFormat(bytes);
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
  return { usable: !hasErrors(problems), certificates, key: null, problems };
}

/** Blocks in any order and over any number of files: what is a key goes to one side, all else to the other. */
function inspectPair(texts: readonly Text[], use: 'server' | 'client', now: number): Inspection {
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
    const missing = materialError(
      'no_private_key',
      'there is no private key among it',
      'Add the key of the certificate.',
    );
    return { usable: false, certificates, key: 'none', problems: [...problems, missing] };
  }
  const check = use === 'server' ? checkServerPair : checkClientPair;
  const checked = check(cert.pem, key.pem, { now, certName: cert.name, keyName: key.name });
  const { chain, leaf, chainPem, problems } = checked;
  const isOther = leaf === undefined || problems.some(({ severity, about }) => severity === 'error' && about === 'key');
  return { usable: chainPem !== undefined, certificates: chain, key: isOther ? 'other' : 'fits', problems };
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
