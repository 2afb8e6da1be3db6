// Blocks of a PEM file that nothing here makes use of. Each is an error: who put a CRL beside the CA, as Envoy wants it, counts on
// it, and a file of which a part is not used is not the file that somebody meant. Text between blocks is nobody's business.
import { fileInCommand } from '../base/shell.ts';
import { escapeForLog } from '../base/log-text.ts';
import { materialError, type MaterialProblem } from '../base/material-problem.ts';
import { certificateLabels, type PemBlock } from '../asn1/pem.ts';

/** What a file is for. */
export type PemUse = 'CA bundle' | 'certificate' | 'private key';

const maxTold = 5;

/** One error for each block whose label is not among `used`; `name` is how messages call the file. */
export function refuseForeignBlocks(
  blocks: readonly PemBlock[],
  used: (label: string) => boolean,
  name: string,
  use: PemUse,
): MaterialProblem[] {
  return blocks
    .filter(({ label }) => !used(label))
    .slice(0, maxTold)
    .map(({ label, line }) => {
      const message = `${name} holds ${nameOf(label)} (line ${line}), which is not used in a ${use} file`;
      return materialError(codeOf(label, use), message, hintOf(label, use, fileInCommand(name)));
    });
}

function nameOf(label: string): string {
  if (label === 'X509 CRL') return 'a CRL';
  if (label.endsWith('PRIVATE KEY')) return 'a private key';
  return certificateLabels.has(label) ? 'a certificate' : `a block of ${escapeForLog(label, 60)}`;
}

function codeOf(label: string, use: PemUse): string {
  if (label === 'X509 CRL') return 'misplaced_crl';
  if (!label.endsWith('PRIVATE KEY')) return 'unused_pem_block';
  return use === 'CA bundle' ? 'private_key_in_bundle' : 'misplaced_private_key';
}

function hintOf(label: string, use: PemUse, file: string): string {
  if (label === 'X509 CRL')
    return use === 'CA bundle'
      ? `Put it into a file of its own (openssl crl -in ${file} -out ${file}.crl) and name that one under crl.sources beside the CA.`
      : 'Take it out; CRLs are named under crl.sources.';
  if (label.endsWith('PRIVATE KEY'))
    return use === 'CA bundle'
      ? 'Take the key out; if the file was handed around, replace the key.'
      : 'Name the same file as `key` too, or take the key out.';
  if (certificateLabels.has(label)) return 'Name the same file as `cert` too, or take the certificate out.';
  if (label === 'EC PARAMETERS') return 'Take it out: the curve stands in the key itself.';
  if (label === 'DH PARAMETERS' || label === 'X9.42 DH PARAMETERS')
    return 'Take it out: keys are agreed on over elliptic curves only (curves).';
  if (label.endsWith('CERTIFICATE REQUEST')) return 'Take it out: a signing request certifies nobody.';
  if (label === 'PKCS7' || label === 'CMS')
    return `Convert it: openssl pkcs7 -in ${file} -print_certs -out ${file}.pem.`;
  return 'Take it out.';
}
