// The CRLs in a file or in text: DER as it is, or PEM with one or several X509 CRL blocks. Every block counts or the whole
// is refused. Synchronous: for the thread that builds indexes, and for commands.
import { FileRefusal, readRegularFileSync } from '../base/read-regular-file.ts';
import { CrlRejection } from './rejection.ts';
import { maxCrlBytes } from './reader.ts';
import { escapeForLog } from '../base/log-text.ts';
import { splitPem } from '../asn1/pem.ts';
import { textOf } from '../asn1/pem-text.ts';

/** The largest CRL in base64 with line ends. */
export const maxCrlFileBytes = Math.ceil((maxCrlBytes / 48) * 66);
const crlLabel = 'X509 CRL';

/** The bytes of a regular file. Throws CrlRefusal; never waits for a FIFO. */
export function readCrlFile(path: string): Buffer {
  try {
    return readRegularFileSync(path, maxCrlFileBytes);
  } catch (error) {
    if (error instanceof FileRefusal && error.reason === 'too_large')
      throw new CrlRejection('crl_too_large', `it has ${error.size} bytes, over the limit of ${maxCrlFileBytes}`, '');
    if (error instanceof FileRefusal) throw unreadable('it is not a regular file');
    const code = (error as NodeJS.ErrnoException).code ?? 'error';
    throw unreadable(code === 'ENOENT' ? 'it does not exist' : `it cannot be read (${code})`);
  }
}

function unreadable(why: string): CrlRejection {
  return new CrlRejection('crl_unreadable', why, 'Correct crl.sources, or put the CRL there.');
}

/** DER of each CRL; at least one. Throws CrlRefusal. */
export function splitCrls(bytes: Buffer): Buffer[] {
  if (bytes.length === 0) throw new CrlRejection('crl_broken', 'it is empty', 'Get the CRL again from its CA.');
  if (bytes[0] === 0x30 && !bytes.subarray(0, 64 * 1024).includes('-----BEGIN ')) return [bytes];
  const { blocks, problems } = splitPem(textOf(bytes), 'the PEM text');
  const [problem] = problems;
  if (problem !== undefined) throw new CrlRejection('crl_broken', problem.message, problem.hint);
  const crls = blocks.filter(({ label }) => label === crlLabel).map(({ der }) => der);
  // A file of which a part is not used is not the file that somebody meant.
  if (crls.length === 0 || crls.length < blocks.length) {
    const foreign = blocks.filter(({ label }) => label !== crlLabel).map(({ label }) => label);
    const labels = escapeForLog([...new Set(foreign)].slice(0, 5).join(', '));
    const found =
      labels === '' ? 'neither DER nor PEM' : crls.length === 0 ? `no CRL but ${labels}` : `${labels} beside CRLs`;
    throw new CrlRejection(
      'crl_broken',
      `it holds ${found}`,
      'It should hold -----BEGIN X509 CRL----- blocks and nothing else, or DER.',
    );
  }
  return crls;
}
