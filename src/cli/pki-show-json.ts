// `pki show --json`: each block of each file as one value, and which of the others it belongs to, by file and number.
import { createPublicKey, hash, type KeyObject } from 'node:crypto';
import { escapeForLog } from '../base/log-text.ts';
import { safeJson } from '../base/safe-json.ts';
import { fitsKey } from '../certs/chain.ts';
import { findNamesake, isIssuedBy, isSelfIssued } from '../certs/issuer.ts';
import { readSignatureAlgorithm } from '../certs/signature-algorithm.ts';
import type { ParsedCrl } from '../crl/reader.ts';
import { hasBroken, type Item, readFiles } from './pki-show.ts';

const maxShown = 512;

/** As showFiles. The shape is a contract: keys are added, never changed. */
export async function listFiles(paths: readonly string[]): Promise<{ text: string; failed: boolean }> {
  const items = await readFiles(paths);
  const values = items.map((item) => ({ ...placeOf(item), ...describeItem(item, items) }));
  return { text: `${safeJson({ items: values }, 2)}\n`, failed: hasBroken(items) };
}

type Certificate = Extract<Item, { kind: 'certificate' }>;
type Place = { readonly file: string; readonly number: number };

function placeOf({ file, number }: Place): Place {
  return { file: escapeForLog(file, maxShown), number };
}

function describeItem(item: Item, items: readonly Item[]): object {
  if (item.kind === 'certificate') return describeCertificate(item, items);
  if (item.kind === 'key') return describeKey(item.key, items);
  if (item.kind === 'crl') return describeCrl(item.crl);
  return { kind: 'note', text: escapeForLog(item.text, maxShown), broken: item.broken };
}

function describeCertificate({ facts }: Certificate, items: readonly Item[]): object {
  const cas = items.filter((other): other is Certificate => other.kind === 'certificate');
  const issuer = cas.find((other) => isIssuedBy(facts, other.facts));
  const known = cas.map((other) => other.facts);
  const namesake = isSelfIssued(facts) ? undefined : findNamesake(facts, known);
  const namedAlike = cas.find((other) => other.facts === namesake);
  const keys = items.filter((other) => other.kind === 'key' && fitsKey(facts, other.key));
  return {
    kind: 'certificate',
    isCa: facts.isCa,
    subject: escapeForLog(facts.subject, maxShown),
    issuer: escapeForLog(facts.issuer, maxShown),
    serial: facts.serial,
    sans: facts.sans.map(({ type, value, oid }) => ({ type, value: escapeForLog(value, maxShown), oid: oid ?? null })),
    notBefore: new Date(facts.notBefore).toISOString(),
    notAfter: new Date(facts.notAfter).toISOString(),
    extendedKeyUsage: facts.extendedKeyUsage ?? null,
    key: facts.key,
    signedBy: readSignatureAlgorithm(facts) ?? null,
    keyId: facts.subjectKeyId ?? null,
    issuerKeyId: facts.authorityKeyId ?? null,
    sha256: facts.sha256,
    spkiSha256: facts.spkiSha256,
    issuedBy: issuer === undefined ? null : placeOf(issuer),
    /** A CA among them with the name of the issuer and another key. */
    notIssuedBy: namedAlike === undefined ? null : placeOf(namedAlike),
    privateKeys: keys.map(placeOf),
  };
}

function describeKey(key: KeyObject, items: readonly Item[]): object {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const fitting = items.filter((other) => other.kind === 'certificate' && fitsKey(other.facts, key));
  return {
    kind: 'privateKey',
    type: key.asymmetricKeyType ?? null,
    curve: namedCurve ?? null,
    bits: modulusLength ?? null,
    spkiSha256: hash('sha256', spki, 'base64'),
    belongsTo: fitting.map(placeOf),
  };
}

function describeCrl({ issuer, number, thisUpdate, nextUpdate, covers, entries, authorityKeyId }: ParsedCrl): object {
  return {
    kind: 'crl',
    issuer: escapeForLog(issuer, maxShown),
    number: number ?? null,
    thisUpdate: new Date(thisUpdate).toISOString(),
    nextUpdate: new Date(nextUpdate).toISOString(),
    covers,
    revoked: entries.count,
    issuerKeyId: authorityKeyId ?? null,
  };
}
