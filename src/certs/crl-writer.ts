// Writes and signs a CRL (RFC 5280 section 5), as an honest CA would or not: tests, `pki crl` and the benchmark.
import type { KeyObject } from 'node:crypto';
import {
  encodeAlgorithm,
  encodeExtension,
  encodeSignature,
  type SignatureHash,
  type WrittenExtension,
} from './certificate-writer.ts';
import { dayMs } from '../base/clock.ts';
import { derTag } from '../asn1/der.ts';
import { encodeDer, encodeTime, encodeUnsigned } from '../asn1/der-writer.ts';

export type RevokedEntry = {
  /** Hexadecimal as in CertificateFacts. */
  readonly serial: string;
  /** Milliseconds since the epoch; default thisUpdate. */
  readonly date?: number;
  /** CRLReason; default none. */
  readonly reason?: number;
  readonly extensions?: readonly WrittenExtension[];
};

export type CrlOptions = {
  readonly revoked?: readonly RevokedEntry[];
  /** Default 1; undefined leaves the extension out. */
  readonly number?: number | undefined;
  /** DER of further entries: a million objects are no way to make a large CRL. */
  readonly moreEntries?: Buffer;
  /** Milliseconds since the epoch; default a minute ago. */
  readonly thisUpdate?: number;
  /** Default a day from thisUpdate; undefined leaves it out. */
  readonly nextUpdate?: number | undefined;
  /** Added to number and authority key id. */
  readonly extensions?: readonly WrittenExtension[];
  readonly hash?: SignatureHash;
  /** Name of the issuer, DER, where it is another than the signer's. */
  readonly issuer?: Buffer;
  /** Without it, version 1 and no extensions. */
  readonly v1?: true;
};

/** `keyId`: subjectKeyIdentifier of the CA's certificate, hexadecimal. */
export type CrlSigner = { readonly subject: Buffer; readonly key: KeyObject; readonly keyId: string | undefined };

/** DER of the CRL. */
export function writeCrl(options: CrlOptions, signer: CrlSigner): Buffer {
  const { revoked = [], hash = 'sha256', thisUpdate = Date.now() - 60_000 } = options;
  const nextUpdate = 'nextUpdate' in options ? options.nextUpdate : thisUpdate + dayMs;
  const number = 'number' in options ? options.number : 1;
  const algorithm = encodeAlgorithm(signer.key, hash);
  const extensions: WrittenExtension[] = [];
  if (signer.keyId !== undefined) {
    const value = encodeDer(derTag.sequence, encodeDer(0x80, Buffer.from(signer.keyId, 'hex')));
    extensions.push({ oid: '2.5.29.35', critical: false, value });
  }
  if (number !== undefined) extensions.push({ oid: '2.5.29.20', critical: false, value: encodeNumber(number) });
  extensions.push(...(options.extensions ?? []));
  const rows = revoked.map((entry) => encodeEntry(entry, thisUpdate));
  if (options.moreEntries !== undefined) rows.push(options.moreEntries);
  const tbs = encodeDer(
    derTag.sequence,
    ...(options.v1 === true ? [] : [encodeUnsigned(Buffer.from([1]))]),
    algorithm,
    options.issuer ?? signer.subject,
    encodeTime(thisUpdate),
    ...(nextUpdate === undefined ? [] : [encodeTime(nextUpdate)]),
    ...(rows.length === 0 ? [] : [encodeDer(derTag.sequence, ...rows)]),
    ...(options.v1 === true ? [] : [encodeDer(0xa0, encodeDer(derTag.sequence, ...extensions.map(encodeExtension)))]),
  );
  return encodeDer(derTag.sequence, tbs, algorithm, encodeSignature(tbs, signer.key, hash));
}

function encodeNumber(number: number): Buffer {
  return encodeUnsigned(Buffer.from(number.toString(16).padStart(16, '0'), 'hex'));
}

function encodeEntry({ serial, date, reason, extensions = [] }: RevokedEntry, thisUpdate: number): Buffer {
  const all = [...extensions];
  if (reason !== undefined)
    all.push({ oid: '2.5.29.21', critical: false, value: encodeDer(0x0a, Buffer.from([reason])) });
  const list = all.length === 0 ? [] : [encodeDer(derTag.sequence, ...all.map(encodeExtension))];
  return encodeDer(derTag.sequence, encodeSerial(serial), encodeTime(date ?? thisUpdate), ...list);
}

function encodeSerial(serial: string): Buffer {
  if (!serial.startsWith('-')) return encodeUnsigned(Buffer.from(serial, 'hex'));
  // Two's complement in as few bytes as hold the sign.
  const magnitude = BigInt(`0x${serial.slice(1)}`);
  let bytes = 1;
  while (magnitude > 1n << BigInt(bytes * 8 - 1)) bytes += 1;
  const value = (1n << BigInt(bytes * 8)) - magnitude;
  return encodeDer(derTag.integer, Buffer.from(value.toString(16).padStart(bytes * 2, '0'), 'hex'));
}
