// The file behind trusted_ca, where it is on this machine: CRLs that stand in it, and whether an intermediate in it has to count as an
// anchor by itself.
import { dirname, resolve } from 'node:path';
import { certificateLabels, splitPem } from '../asn1/pem.ts';
import { encodePem } from '../asn1/der-writer.ts';
import { isSelfIssued, looksIssuedBy } from '../certs/issuer.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { readMaterialFile } from '../certs/material.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import type { SourceValue } from '../import/source-map.ts';
import type { Context } from './context.ts';

export type CaFile = {
  /** As `S`. */
  readonly ca: string;
  /** CRLs that stood among the certificates of a text. */
  readonly crl?: string;
  /** An intermediate whose issuer is not there vouches by itself, and none whose issuer is there would. */
  readonly partialChain: boolean;
};

/** `written`: a path, or a text of PEM. Its problems are the loader's to tell; here it is looked at only where it is there. */
export async function parseCaFile(context: Context, written: string, value: SourceValue): Promise<CaFile> {
  const isText = written.includes('-----BEGIN');
  const pem = isText ? written : await readPem(written, value.place.file);
  if (pem === undefined) return { ca: written, partialChain: false };
  const { blocks } = splitPem(pem, 'trusted_ca');
  const crls = blocks.filter(({ label }) => label === 'X509 CRL');
  const partialChain = needsPartialChain(
    blocks.flatMap(({ label, der }) => (certificateLabels.has(label) ? [der] : [])),
  );
  if (crls.length === 0) return { ca: written, partialChain };
  if (!isText) {
    context.report.refuse(
      'crl_in_ca_file',
      value,
      value.shown,
      'the file holds CRLs among its certificates; write them to a file of their own and name that as crl',
    );
    return { ca: written, partialChain };
  }
  const ca = blocks.flatMap(({ label, der }) => (label === 'X509 CRL' ? [] : encodePem(label, der))).join('');
  return { ca, crl: crls.map(({ label, der }) => encodePem(label, der)).join(''), partialChain };
}

/** Envoy takes every certificate of the bundle for an anchor once it meets no issuer of it there. */
function needsPartialChain(ders: readonly Buffer[]): boolean {
  const all = ders.flatMap((der) => factsOf(der) ?? []);
  const intermediates = all.filter((facts) => !isSelfIssued(facts));
  const hasRoot = intermediates.length < all.length;
  const hasIssuer = (facts: CertificateFacts): boolean => all.some((one) => one !== facts && looksIssuedBy(facts, one));
  // Where there is no root at all it is so by itself.
  return hasRoot && intermediates.length > 0 && !intermediates.some(hasIssuer);
}

function factsOf(der: Buffer): CertificateFacts | undefined {
  try {
    return readFacts(der);
  } catch {
    return undefined;
  }
}

async function readPem(path: string, file: string): Promise<string | undefined> {
  const read = await readMaterialFile({ path: resolve(dirname(file), path) });
  return read.ok ? read.bytes.toString('latin1') : undefined;
}
