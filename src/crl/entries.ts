// Reads the revokedCertificates of a CRL (RFC 5280 section 5.1.2.6 and 5.3) into columns: a million entries without an
// object each. Strict like der.ts; what an entry says that we cannot honour refuses the whole CRL.
import { CrlRejection } from './rejection.ts';
import { type DerElement, derTag, malformed, readObjectId } from '../asn1/der.ts';

/** One row per entry, in the order of the CRL. */
export type CrlEntries = {
  readonly count: number;
  /** Where the content of the serial (two's complement, minimal) starts in the CRL, and how long it is. */
  readonly serialAt: Uint32Array;
  readonly serialBytes: Uint8Array;
  /** Seconds since the epoch, capped to 32 bits. */
  readonly revokedAt: Uint32Array;
  /** CRLReason (section 5.3.1); 0 where it says none. */
  readonly reasons: Uint8Array;
};

/** As facts-reader.ts has it for certificates. */
const maxSerialBytes = 64;
/** SEQUENCE header, a serial of one byte, a UTCTime. */
const minEntryBytes = 2 + 3 + 15;
const maxEntryExtensions = 16;
const enumerated = 0x0a;
const removeFromCrl = 8;

/** `list`: the element revokedCertificates; undefined where nothing is revoked. Throws Fault('malformed_cert') or CrlRefusal. */
export function readCrlEntries(der: Buffer, list: DerElement | undefined): CrlEntries {
  const room = list === undefined ? 0 : Math.floor((list.end - list.content) / minEntryBytes);
  const serialAt = new Uint32Array(room);
  const serialBytes = new Uint8Array(room);
  const revokedAt = new Uint32Array(room);
  const reasons = new Uint8Array(room);
  if (list === undefined) return { count: 0, serialAt, serialBytes, revokedAt, reasons };
  const scan = new Scan(der, list.content);
  let count = 0;
  while (scan.at < list.end) {
    const end = scan.enter(derTag.sequence, list.end, 'revokedCertificate');
    const serialEnd = scan.enter(derTag.integer, end, 'userCertificate');
    checkSerial(der, scan.at, serialEnd);
    serialAt[count] = scan.at;
    serialBytes[count] = serialEnd - scan.at;
    scan.at = serialEnd;
    revokedAt[count] = scan.time(end);
    if (scan.at < end) reasons[count] = readEntryExtensions(scan, end);
    count += 1;
  }
  return { count, serialAt, serialBytes, revokedAt, reasons };
}

function checkSerial(der: Buffer, at: number, end: number): void {
  const first = der[at] as number;
  const second = der[at + 1] as number;
  if (end === at || end - at > maxSerialBytes) throw malformed('userCertificate: empty or too long');
  if (end - at > 1 && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)))
    throw malformed('userCertificate: integer not minimal');
}

/** The reason. Everything else an entry may carry is either of no effect or refused. */
function readEntryExtensions(scan: Scan, end: number): number {
  const { der } = scan;
  const listEnd = scan.enter(derTag.sequence, end, 'crlEntryExtensions');
  if (listEnd !== end) throw malformed('revokedCertificate: bytes after its end');
  let reason = 0;
  const seen: string[] = [];
  while (scan.at < listEnd) {
    const extensionEnd = scan.enter(derTag.sequence, listEnd, 'entry extension');
    const idEnd = scan.enter(derTag.objectId, extensionEnd, 'entry extension');
    const idAt = scan.at;
    const id = der.toString('latin1', idAt, idEnd);
    if (seen.includes(id) || seen.length >= maxEntryExtensions) throw malformed('entry extensions: too many or twice');
    seen.push(id);
    scan.at = idEnd;
    const critical = scan.boolean(extensionEnd);
    const valueEnd = scan.enter(derTag.octetString, extensionEnd, 'entry extension');
    if (valueEnd !== extensionEnd) throw malformed('entry extension: bytes after its end');
    if (id === '\x55\x1d\x15') reason = readReason(scan, valueEnd);
    else if (id === '\x55\x1d\x1d') throw indirect();
    else if (critical) {
      const oid = readObjectId(der, idAt, idEnd);
      throw new CrlRejection(
        'crl_unsupported',
        `one of its entries has the critical extension ${oid}, which is not known here`,
        'Have the CA issue a CRL without it.',
      );
    }
    scan.at = extensionEnd;
  }
  return reason;
}

export function indirect(): CrlRejection {
  return new CrlRejection(
    'crl_unsupported',
    'it is an indirect CRL: it speaks of certificates of other issuers than its own',
    'Use the CRL that each CA issues for itself.',
  );
}

function readReason(scan: Scan, end: number): number {
  const { der } = scan;
  if (scan.enter(enumerated, end, 'reasonCode') !== end || end - scan.at !== 1)
    throw malformed('reasonCode: not one byte');
  const reason = der[scan.at] as number;
  if (reason > 10 || reason === 7) throw malformed('reasonCode: no such reason');
  if (reason === removeFromCrl) {
    throw new CrlRejection(
      'crl_unsupported',
      'one of its entries says removeFromCRL, which belongs into delta CRLs only',
      'Use the complete CRL of the CA.',
    );
  }
  return reason;
}

/** Like DerCursor, without an object per element. */
class Scan {
  readonly der: Buffer;
  at: number;

  constructor(der: Buffer, at: number) {
    this.der = der;
    this.at = at;
  }

  /** Goes to the content of the next element, which must have this tag; where that ends. */
  enter(tag: number, limit: number, what: string): number {
    const { der } = this;
    let at = this.at;
    if (limit - at < 2) throw malformed(`${what}: ends where an element is due`);
    if (der[at] !== tag) throw malformed(`${what}: unexpected tag`);
    let length = der[at + 1] as number;
    at += 2;
    if (length >= 0x80) {
      const bytes = length & 0x7f;
      // No element inside of an entry has a reason to be larger than 64 KiB.
      if (bytes === 0 || bytes > 2 || limit - at < bytes) throw malformed(`${what}: bad length`);
      length = bytes === 1 ? (der[at] as number) : der.readUInt16BE(at);
      if (length < (bytes === 1 ? 0x80 : 0x100)) throw malformed(`${what}: length not minimal`);
      at += bytes;
    }
    if (length > limit - at) throw malformed(`${what}: truncated`);
    this.at = at;
    return at + length;
  }

  /** An optional BOOLEAN, false where there is none. */
  boolean(limit: number): boolean {
    if (this.at >= limit || this.der[this.at] !== derTag.boolean) return false;
    const end = this.enter(derTag.boolean, limit, 'critical');
    const value = this.der[this.at] as number;
    if (end - this.at !== 1 || (value !== 0 && value !== 0xff)) throw malformed('critical: bad boolean');
    this.at = end;
    return value === 0xff;
  }

  /** UTCTime or GeneralizedTime as RFC 5280 wants it, in seconds since the epoch, capped to 32 bits. */
  time(limit: number): number {
    const { der } = this;
    const long = der[this.at] === derTag.generalizedTime;
    const end = this.enter(long ? derTag.generalizedTime : derTag.utcTime, limit, 'revocationDate');
    if (end - this.at !== (long ? 15 : 13) || der[end - 1] !== 0x5a) throw malformed('revocationDate: bad time');
    const short = this.#digits(end);
    const year = long ? short * 100 + this.#digits(end) : short >= 50 ? 1900 + short : 2000 + short;
    const month = this.#digits(end);
    const day = this.#digits(end);
    const hour = this.#digits(end);
    const minute = this.#digits(end);
    const second = this.#digits(end);
    const atMs = Date.UTC(year, month - 1, day, hour, minute, second);
    const known = month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
    if (!known || hour > 23 || minute > 59 || second > 59 || year < 100)
      throw malformed('revocationDate: no such time');
    this.at = end;
    return Math.min(Math.max(0, atMs / 1000), 0xffffffff);
  }

  #digits(end: number): number {
    const tens = (this.der[this.at] as number) - 0x30;
    const ones = (this.der[this.at + 1] as number) - 0x30;
    this.at += 2;
    if (this.at > end || tens < 0 || tens > 9 || ones < 0 || ones > 9) throw malformed('revocationDate: bad time');
    return tens * 10 + ones;
  }
}

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}
