// The readable view behind `pki show`: each block of each file, and how certificates and keys belong together across all
// files given. Everything that came out of a file is escaped before it is printed.
import { createPrivateKey, createPublicKey, hash, type KeyObject } from 'node:crypto';
import { dayMs } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import { showPath } from '../base/secret-text.ts';
import { fitsKey } from '../certs/chain.ts';
import { isoSeconds } from '../certs/expiry.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { findNamesake, isIssuedBy, isSelfIssued } from '../certs/issuer.ts';
import { hasPurpose, serverAuth } from '../certs/extended-key-usage.ts';
import { escapeForLog } from '../base/log-text.ts';
import { type ParsedCrl, readCrl } from '../crl/reader.ts';
import { maxCrlFileBytes } from '../crl/file.ts';
import { refusalOf } from '../crl/rejection.ts';
import { describeCrlLines } from './pki-show-crl.ts';
import { readMaterialFile } from '../certs/material.ts';
import { encodePem } from '../asn1/der-writer.ts';
import { conversionOf, findForeignFormat } from '../asn1/der-material.ts';
import { certificateLabels, type PemBlock, splitPem } from '../asn1/pem.ts';
import { textOf } from '../asn1/pem-text.ts';
import { fileInCommand } from '../base/shell.ts';
import { readSignatureAlgorithm } from '../certs/signature-algorithm.ts';

const maxShown = 512;

/** One block of a file, or what is wrong with it. */
export type Item = { file: string; number: number } & (
  | { kind: 'certificate'; facts: CertificateFacts }
  | { kind: 'key'; key: KeyObject }
  | { kind: 'crl'; crl: ParsedCrl }
  | { kind: 'note'; text: string; broken: boolean }
);

/** What is in the files, in their order. */
export async function readFiles(paths: readonly string[]): Promise<Item[]> {
  const items: Item[] = [];
  for (const path of paths)
    items.push(...(await readItems(path)).map((item) => ({ ...item, file: showPath(item.file) })));
  return items;
}

/** The text to print; `failed` where a file could not be read or a part of it is broken. */
export async function showFiles(paths: readonly string[], now: number): Promise<{ text: string; failed: boolean }> {
  const items = await readFiles(paths);
  const lines: string[] = [];
  for (const [index, item] of items.entries()) {
    if (item.file !== items[index - 1]?.file)
      lines.push(...(index === 0 ? [] : ['']), escapeForLog(item.file, maxShown));
    lines.push(...describeItem(item, items, now));
  }
  return { text: `${lines.join('\n')}\n`, failed: hasBroken(items) };
}

export function hasBroken(items: readonly Item[]): boolean {
  return items.some((item) => item.kind === 'note' && item.broken);
}

async function readItems(file: string): Promise<Item[]> {
  const read = await readMaterialFile({ path: file }, maxCrlFileBytes);
  if (!read.ok) return [{ file, number: 0, kind: 'note', text: read.message, broken: true }];
  const text = textOf(read.bytes);
  if (!text.includes('-----BEGIN')) return [{ file, number: 1, ...readDer(read.bytes, file) }];
  const { blocks, problems } = splitPem(text, file);
  const items: Item[] = blocks.map((block, index) => ({ file, number: index + 1, ...readBlock(block) }));
  for (const problem of problems) items.push({ file, number: 0, kind: 'note', text: problem.message, broken: true });
  return items;
}

type Content = Item extends infer I ? (I extends Item ? Omit<I, 'file' | 'number'> : never) : never;

function readBlock(block: PemBlock): Content {
  const { label } = block;
  if (certificateLabels.has(label)) return readCertificate(block.der);
  if (block.encrypted || label === 'ENCRYPTED PRIVATE KEY')
    return note('private key, protected with a passphrase: it cannot be shown');
  if (label.endsWith('PRIVATE KEY')) {
    try {
      return { kind: 'key', key: createPrivateKey(encodePem(label, block.der)) };
    } catch {
      return note(`${label}: not a valid private key`, true);
    }
  }
  if (label === 'X509 CRL') return readRevocations(block.der);
  return note(`${label}, ${block.der.length} bytes`);
}

function readDer(der: Buffer, file: string): Content {
  if (der.length === 0) return note('the file is empty', true);
  const format = findForeignFormat(der);
  if (format !== undefined)
    return note(`a file in the format ${format}. ${conversionOf(format, fileInCommand(showPath(file)))}`, true);
  for (const type of ['pkcs8', 'sec1', 'pkcs1'] as const) {
    try {
      return { kind: 'key', key: createPrivateKey({ key: der, format: 'der', type }) };
    } catch {
      // Not this form: the next one, in the end a certificate.
    }
  }
  const found = readCertificate(der);
  if (found.kind === 'certificate') return found;
  const crl = readRevocations(der);
  if (crl.kind === 'crl') return crl;
  if (der[0] === 0x30) return found;
  return note('neither PEM nor DER', true);
}

function readCertificate(der: Buffer): Content {
  try {
    return { kind: 'certificate', facts: readFacts(der) };
  } catch (error) {
    return note(
      `not a valid certificate: ${error instanceof Fault ? (error.detail ?? error.code) : 'it cannot be read'}`,
      true,
    );
  }
}

function readRevocations(der: Buffer): Content {
  try {
    return { kind: 'crl', crl: readCrl(der) };
  } catch (error) {
    return note(`a certificate revocation list that is not accepted: ${refusalOf(error).message}`, true);
  }
}

function note(text: string, broken = false): Content {
  return { kind: 'note', text, broken };
}

function describeItem(item: Item, items: readonly Item[], now: number): string[] {
  if (item.kind === 'certificate') return describeCertificate(item, items, now);
  if (item.kind === 'key') return describeKey(item, items);
  if (item.kind === 'crl') {
    const cas = items.flatMap((other) => (other.kind === 'certificate' ? [other.facts] : []));
    return layOut(`${item.number}. certificate revocation list`, describeCrlLines(item.crl, cas, now));
  }
  const title = item.number === 0 ? '' : `${item.number}. `;
  return [`  ${title}${item.broken ? 'error: ' : ''}${escapeForLog(item.text, maxShown)}`];
}

function describeCertificate(item: Item & { kind: 'certificate' }, items: readonly Item[], now: number): string[] {
  const { facts } = item;
  const keys = items.filter((other) => other.kind === 'key' && fitsKey(facts, other.key));
  const lines: [string, string][] = [
    ['subject', facts.subject === '' ? '(empty)' : escapeForLog(facts.subject, maxShown)],
    ['issuer', `${escapeForLog(facts.issuer, maxShown)}${describeIssuer(item, items)}`],
    ['serial', facts.serial],
    ...facts.sans.map((san, index): [string, string] => [
      index === 0 ? 'names' : '',
      `${san.type.padEnd(5)} ${san.oid === undefined ? '' : `${san.oid} `}${escapeForLog(san.value, maxShown)}`,
    ]),
    ['valid', describeDates(facts, now)],
    ['use', describeUse(facts)],
    ['key', `${facts.key}, signed by ${readSignatureAlgorithm(facts) ?? 'an unreadable algorithm'}`],
    ['key id', `${facts.subjectKeyId ?? '(none)'}, issuer's ${facts.authorityKeyId ?? '(none)'}`],
    ['sha256', facts.sha256],
    ['spki', `${facts.spkiSha256} (SHA-256, base64)`],
  ];
  if (keys.length > 0) lines.push(['private', keys.map((key) => placeOf(key, item)).join(', ')]);
  lines.push(...noteNamesake(item, items));
  if (facts.sans.length === 0 && !facts.isCa && hasPurpose(facts, serverAuth))
    lines.push(['note', 'no subject alternative names: no host name will match it']);
  return layOut(`${item.number}. ${facts.isCa ? 'CA certificate' : 'certificate'}`, lines);
}

function describeIssuer(item: Item & { kind: 'certificate' }, items: readonly Item[]): string {
  if (isSelfIssued(item.facts))
    return isIssuedBy(item.facts, item.facts) ? '  (self-signed)' : '  (self-issued, signature does not verify)';
  const issuer = items.find((other) => other.kind === 'certificate' && isIssuedBy(item.facts, other.facts));
  return issuer === undefined ? '' : `  (${placeOf(issuer, item)})`;
}

/** A CA among them that has the name of the issuer, and another key. */
function noteNamesake(item: Item & { kind: 'certificate' }, items: readonly Item[]): [string, string][] {
  if (isSelfIssued(item.facts)) return [];
  const cas = items.filter((other) => other.kind === 'certificate');
  const namesake = findNamesake(
    item.facts,
    cas.map(({ facts }) => facts),
  );
  const where = cas.find(({ facts }) => facts === namesake);
  if (namesake === undefined || where === undefined) return [];
  return [
    [
      'note',
      `not issued by ${placeOf(where, item)}, which has the name of the issuer and another key: was the CA made twice?`,
    ],
  ];
}

function describeKey(item: Item & { kind: 'key' }, items: readonly Item[]): string[] {
  const { key } = item;
  const details = key.asymmetricKeyDetails ?? {};
  const size = details.namedCurve ?? (details.modulusLength === undefined ? '' : String(details.modulusLength));
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const fitting = items.filter((other) => other.kind === 'certificate' && fitsKey(other.facts, key));
  const strangers = items.some((other) => other.kind === 'certificate');
  return layOut(`${item.number}. private key`, [
    ['key', `${(key.asymmetricKeyType ?? 'unknown').toUpperCase()} ${size}`.trim()],
    ['spki', `${hash('sha256', spki, 'base64')} (SHA-256, base64)`],
    ...(fitting.length > 0
      ? [['belongs', `to ${fitting.map((other) => placeOf(other, item)).join(', ')}`] satisfies [string, string]]
      : strangers
        ? [['belongs', 'to none of these certificates'] satisfies [string, string]]
        : []),
  ]);
}

function describeDates(facts: CertificateFacts, now: number): string {
  const range = `${isoSeconds(facts.notBefore)} to ${isoSeconds(facts.notAfter)}`;
  if (now < facts.notBefore) return `${range}, not valid yet: ${days(facts.notBefore - now)} to go`;
  if (now > facts.notAfter) return `${range}, expired ${days(now - facts.notAfter)} ago`;
  return `${range}, ${days(facts.notAfter - now)} left`;
}

function days(ms: number): string {
  const count = Math.floor(ms / dayMs);
  return count === 1 ? '1 day' : `${count} days`;
}

const usageNames: ReadonlyMap<string, string> = new Map([
  ['1.3.6.1.5.5.7.3.1', 'server (serverAuth)'],
  ['1.3.6.1.5.5.7.3.2', 'client (clientAuth)'],
  ['1.3.6.1.5.5.7.3.3', 'code signing'],
  ['1.3.6.1.5.5.7.3.4', 'e-mail'],
  ['1.3.6.1.5.5.7.3.8', 'time stamping'],
  ['1.3.6.1.5.5.7.3.9', 'OCSP signing'],
  ['2.5.29.37.0', 'any'],
]);

function describeUse({ isCa, extendedKeyUsage }: CertificateFacts): string {
  const usages = extendedKeyUsage?.map((oid) => usageNames.get(oid) ?? oid).join(', ') ?? 'any (no extended key usage)';
  return isCa ? `CA; ${usages}` : usages;
}

function placeOf(other: Item, from: Item): string {
  return other.file === from.file
    ? `number ${other.number}`
    : `${escapeForLog(other.file, maxShown)} number ${other.number}`;
}

function layOut(title: string, lines: readonly (readonly [string, string])[]): string[] {
  return [`  ${title}`, ...lines.map(([label, value]) => `     ${label.padEnd(8)} ${value}`)];
}
