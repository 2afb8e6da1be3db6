// PEM (RFC 7468) split into blocks, strictly: a block that is damaged is reported, never skipped, because OpenSSL skips
// such blocks silently and trusts the rest (N22). Text between blocks is allowed, as `openssl x509 -text` writes it.
import { materialError, type MaterialProblem } from '../base/material-problem.ts';
import { pemLines, withoutQuotes } from './pem-text.ts';

const maxPemBlocks = 2000;

export const certificateLabels: ReadonlySet<string> = new Set(['CERTIFICATE', 'X509 CERTIFICATE']);

export type PemBlock = {
  readonly label: string;
  readonly der: Buffer;
  /** Line of the BEGIN line, counted from 1. */
  readonly line: number;
  /** True where RFC 1421 headers say that the content is encrypted. */
  readonly encrypted: boolean;
};

type OpenBlock = { label: string; line: number; body: string[]; headers: string[] };

/** All blocks in order, and everything that is wrong; `name` is how messages call the material. */
export function splitPem(pem: string, name: string): { blocks: PemBlock[]; problems: MaterialProblem[] } {
  const blocks: PemBlock[] = [];
  const problems: MaterialProblem[] = [];
  let open: OpenBlock | undefined;
  const broken = (line: number, why: string): void => {
    const place = `block ${blocks.length + problems.length + 1} (line ${line})`;
    problems.push(
      materialError(
        'broken_pem_block',
        `${name}: ${place} is broken: ${why}`,
        'Copy that block again, complete from BEGIN to END.',
      ),
    );
  };
  for (const [index, text] of pemLines(withoutQuotes(pem)).entries()) {
    const begin = /^-----BEGIN ([A-Z0-9][A-Z0-9 ]*)-----$/.exec(text);
    const end = /^-----END ([A-Z0-9][A-Z0-9 ]*)-----$/.exec(text);
    if (begin !== null) {
      if (open !== undefined) broken(open.line, 'it has no END line');
      open = { label: begin[1] as string, line: index + 1, body: [], headers: [] };
    } else if (end !== null) {
      if (open === undefined) broken(index + 1, 'an END line without its BEGIN line');
      else closeBlock(open, end[1] as string, blocks, broken);
      open = undefined;
    } else if (isDamagedBoundary(text)) {
      broken(index + 1, 'a damaged BEGIN or END line');
      open = undefined;
    } else if (open !== undefined && text !== '') {
      (text.includes(':') || open.headers.at(-1)?.endsWith(',') ? open.headers : open.body).push(text);
    }
    if (blocks.length > maxPemBlocks) {
      problems.push(
        materialError('too_many_blocks', `${name}: more than ${maxPemBlocks} PEM blocks`, 'Split the file.'),
      );
      return { blocks, problems };
    }
  }
  if (open !== undefined) broken(open.line, 'it has no END line');
  return { blocks, problems };
}

/** A line that was meant to begin or end a block, and that OpenSSL takes for text: with too few dashes, long ones, small letters. */
function isDamagedBoundary(text: string): boolean {
  return (
    /^-*\s*(?:BEGIN|END) [A-Z0-9 ]+-+$|^-{3,}.*(?:BEGIN|END)/.test(text) ||
    /^[-_=\u2010-\u2015\u2212]{2,}\s*(?:BEGIN|END)\b.*\b(?:CERTIFICATE|CRL|KEY|PARAMETERS|REQUEST)\b/i.test(text)
  );
}

function closeBlock(
  open: OpenBlock,
  endLabel: string,
  blocks: PemBlock[],
  broken: (line: number, why: string) => void,
): void {
  const { label, line } = open;
  if (endLabel !== label) return broken(line, `it begins as ${label} and ends as ${endLabel}`);
  const text = open.body.join('');
  if (text === '') return broken(line, 'it is empty');
  const der = Buffer.from(text, 'base64');
  // Buffer skips what is no base64; only what writes back to the same text was base64.
  if (der.toString('base64').replace(/=+$/, '') !== text.replace(/={1,2}$/, ''))
    return broken(line, 'it is not base64');
  const encrypted = open.headers.some((header) => /^Proc-Type:.*ENCRYPTED/.test(header));
  blocks.push({ label, der, line, encrypted });
}
