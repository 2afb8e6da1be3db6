// What a server and we said to each other in a handshake, read from the bytes (handshake-messages.ts): its certificates as
// they came, whether it asked for ours and from which CAs, the group of the key exchange, and whether ours was really sent.
// RFC 5246 section 7.4, RFC 8446 section 4. Everything is the peer's word: bounded here, escaped by whoever prints it.
import { groupName } from '../base/tls-group.ts';
import { ByteCursor } from '../downstream/byte-cursor.ts';
import { DerCursor, derTag } from '../asn1/der.ts';
import { readName } from '../asn1/distinguished-name.ts';
import { readNameKey } from '../certs/name-key.ts';
import {
  hasSecondHandshake,
  type HandshakeKey,
  type Message,
  messageType,
  readMessages,
} from './handshake-messages.ts';
import { tlsVersionName } from '../downstream/tls-version.ts';

export type CertificateRequest = {
  /** Names of CAs, RFC 2253 text; empty: any CA. */
  readonly authorities: readonly string[];
  /** The same names for comparing (name-key.ts), without those that cannot be read. */
  readonly authorityKeys: ReadonlySet<string>;
};

export type Transcript = {
  /** 'TLSv1.3', …; undefined where no ServerHello came. */
  readonly version: string | undefined;
  readonly group: string | undefined;
  /** DER, in the order in which they came; undefined where no Certificate message was seen. */
  readonly certificates: readonly Buffer[] | undefined;
  /** undefined where the server did not ask, as far as `complete` says. */
  readonly request: CertificateRequest | undefined;
  /** True where the server said all it had to say before our turn. */
  readonly complete: boolean;
  /** Of our first ClientHello, with its record header. */
  readonly helloBytes: number;
  /** The server began another handshake later on, which TLS 1.3 does not know; what it asked for there is not seen. */
  readonly renegotiated: boolean;
  /** What our Certificate message held; undefined where we sent none, or it cannot be told. */
  readonly sentCertificates: number | undefined;
};

/** `received` and `sent` from the first byte on; the secrets from Node's 'keylog', hexadecimal, under their labels. */
export function readTranscript(received: Buffer, sent: Buffer, secrets: ReadonlyMap<string, Buffer>): Transcript {
  const hello = readMessages(received, undefined)
    .filter(({ type }) => type === messageType.serverHello)
    .map(({ body }) => readServerHello(body));
  const last = hello.at(-1);
  const isNew = last?.version === 'TLSv1.3';
  const keyOf = (side: 'SERVER' | 'CLIENT'): HandshakeKey | undefined => {
    const secret = secrets.get(`${side}_HANDSHAKE_TRAFFIC_SECRET`);
    return !isNew || secret === undefined ? undefined : { cipherSuite: last.cipherSuite, secret };
  };
  const messages = readMessages(received, keyOf('SERVER'));
  const find = (type: number): Buffer | undefined => messages.find((message) => message.type === type)?.body;
  const certificate = find(messageType.certificate);
  const request = find(messageType.certificateRequest);
  const keyExchange = find(messageType.serverKeyExchange);
  return {
    version: last?.version,
    group: last?.group ?? (keyExchange === undefined ? undefined : readKeyExchangeGroup(keyExchange)),
    certificates: certificate === undefined ? undefined : readCertificates(certificate, isNew),
    request: request === undefined ? undefined : readRequest(request, isNew),
    complete: find(isNew ? messageType.finished : messageType.serverHelloDone) !== undefined,
    helloBytes: sent.length < 5 ? 0 : 5 + sent.readUInt16BE(3),
    renegotiated: last !== undefined && !isNew && hasSecondHandshake(received),
    sentCertificates: countSent(readMessages(sent, keyOf('CLIENT')), isNew),
  };
}

type ServerHello = {
  readonly version: string;
  readonly cipherSuite: number;
  readonly group: string | undefined;
};

const extension = { supportedVersions: 43, authorities: 47, keyShare: 51 } as const;

function readServerHello(body: Buffer): ServerHello {
  const cursor = new ByteCursor(body);
  const legacy = cursor.uint16();
  cursor.skip(32);
  cursor.skip(cursor.uint8());
  const cipherSuite = cursor.uint16();
  cursor.skip(1);
  let version = tlsVersionName(legacy);
  let group: string | undefined;
  for (const { type, data } of readExtensions(cursor)) {
    if (type === extension.supportedVersions) version = tlsVersionName(data.uint16());
    if (type === extension.keyShare) group = groupName(data.uint16());
  }
  return { version, cipherSuite, group };
}

const maxExtensions = 64;

function readExtensions(cursor: ByteCursor): { readonly type: number; readonly data: ByteCursor }[] {
  const found: { type: number; data: ByteCursor }[] = [];
  if (cursor.atEnd || cursor.failed) return found;
  const list = cursor.vector16();
  while (!list.atEnd && !list.failed && found.length < maxExtensions)
    found.push({ type: list.uint16(), data: list.vector16() });
  return found;
}

/** The named curve of an ECDHE exchange (RFC 8422 section 5.4); undefined for other kinds. */
function readKeyExchangeGroup(body: Buffer): string | undefined {
  return body.length >= 3 && body[0] === 3 ? groupName(body.readUInt16BE(1)) : undefined;
}

const maxCertificates = 16;

function readCertificates(body: Buffer, isNew: boolean): Buffer[] {
  const cursor = new ByteCursor(body);
  if (isNew) cursor.skip(cursor.uint8());
  const list = new ByteCursor(cursor.take(uint24(cursor)));
  const found: Buffer[] = [];
  while (!list.atEnd && !list.failed && found.length < maxCertificates) {
    const der = list.take(uint24(list));
    if (isNew) list.skip(list.uint16());
    if (!list.failed) found.push(der);
  }
  return found;
}

function uint24(cursor: ByteCursor): number {
  return (cursor.uint8() << 16) | cursor.uint16();
}

/** CA names of a CertificateRequest (RFC 5246 section 7.4.4, RFC 8446 section 4.2.4). */
function readRequest(body: Buffer, isNew: boolean): CertificateRequest {
  const cursor = new ByteCursor(body);
  if (isNew) {
    cursor.skip(cursor.uint8());
    const found = readExtensions(cursor).find(({ type }) => type === extension.authorities);
    return readAuthorities(found?.data.vector16() ?? new ByteCursor(Buffer.alloc(0)));
  }
  cursor.skip(cursor.uint8());
  cursor.skip(cursor.uint16());
  return readAuthorities(cursor.vector16());
}

const maxAuthorities = 1000;

function readAuthorities(list: ByteCursor): CertificateRequest {
  const authorities: string[] = [];
  const authorityKeys = new Set<string>();
  while (!list.atEnd && !list.failed && authorities.length < maxAuthorities) {
    const der = list.take(list.uint16());
    if (list.failed) break;
    try {
      const cursor = new DerCursor(der);
      const name = cursor.expect(derTag.sequence, 'CA name');
      authorities.push(readName(cursor, name, 'CA name'));
      authorityKeys.add(readNameKey(cursor, name, 'CA name'));
    } catch {
      authorities.push('(a name that cannot be read)');
    }
  }
  return { authorities, authorityKeys };
}

function countSent(messages: readonly Message[], isNew: boolean): number | undefined {
  const certificate = messages.find(({ type }) => type === messageType.certificate);
  return certificate === undefined ? undefined : readCertificates(certificate.body, isNew).length;
}
