// Reads a ClientHello before TLS starts, only as far as choosing a trust policy and explaining a failure needs it (RFC 8446
// section 4.1.2, RFC 5246 section 7.4.1.2, RFC 6066 section 3). Reassembles it over TCP segments and TLS records (incident
// 5); never consumes a byte: OpenSSL reads the same bytes again and verifies everything that is not looked at here.
import { ByteCursor } from './byte-cursor.ts';
import { tlsVersionName } from './tls-version.ts';

/** A ClientHello longer than this is refused. Post-quantum key shares and ECH make some 2 kB. */
export const maxHelloBytes = 32_768;
/** Bytes that a client may send before its ClientHello is complete: a record may carry as little as one byte of it. */
export const maxPreHelloBytes = 65_536;
/** A TLSPlaintext carries at most 2^14 bytes (RFC 8446 section 5.1). */
const maxRecordBytes = 16_384;
const maxExtensions = 256;

const recordHeaderBytes = 5;
const messageHeaderBytes = 4;
const handshakeRecord = 22;
const clientHelloMessage = 1;
const extensionType = {
  serverName: 0,
  alpn: 16,
  sessionTicket: 35,
  preSharedKey: 41,
  supportedVersions: 43,
  encryptedClientHello: 0xfe0d,
} as const;
/** A ticket of ours begins with the name of its key (RFC 5077 section 4). */
export const ticketNameBytes = 16;
/** Of a session that OpenSSL's owner keeps; a ticket under keys is longer. */
const sessionNumberBytes = 32;

export type ClientHello = {
  readonly kind: 'hello';
  /** As sent, in visible ASCII; undefined where there is none. */
  readonly serverName: string | undefined;
  /** Protocol names as sent (latin1); empty where the extension is absent. */
  readonly alpn: readonly string[];
  /** Offered versions, GREASE left out; a client without the extension offers its legacy version. */
  readonly versions: readonly string[];
  /** An encrypted ClientHello was offered or greased: the outer one counts, and we can read no other. */
  readonly ech: boolean;
  /** The first bytes of the session ticket that it offers, latin1: which key it is under, if it is one of ours. '' where there is none. */
  readonly ticketName: string;
  /** The number of a session that it offers, latin1 (32 bytes with TLS 1.3); '' where there is none. */
  readonly session: string;
  /** The message as it came, not copied. */
  readonly body: Buffer;
};

export type ClientHelloResult =
  | { readonly kind: 'more' }
  | ClientHello
  | { readonly kind: 'not_tls'; readonly looksLikeHttp: boolean }
  | { readonly kind: 'malformed'; readonly detail: string };

const more: ClientHelloResult = { kind: 'more' };

/** One per connection. Never throws; after any result but `more` it repeats that result. */
export class ClientHelloReader {
  /** Bytes taken so far. */
  received = 0;
  #recordHeaderFill = 0;
  #recordLeft = 0;
  #messageHeaderFill = 0;
  #messageLength = 0;
  #body: Buffer | undefined;
  #bodyFill = 0;
  #result: ClientHelloResult = more;

  /** The first bytes of the connection, in order, in pieces of any size. */
  read(chunk: Buffer): ClientHelloResult {
    if (this.#result.kind !== 'more') return this.#result;
    this.received += chunk.length;
    this.#result = this.#readChunk(chunk);
    if (this.#result.kind === 'more' && this.received > maxPreHelloBytes) {
      this.#result = malformed(`no whole ClientHello within ${maxPreHelloBytes} bytes`);
    }
    return this.#result;
  }

  #readChunk(chunk: Buffer): ClientHelloResult {
    let at = 0;
    while (at < chunk.length) {
      if (this.#recordHeaderFill === 0 && this.#recordLeft > 0) {
        const end = Math.min(chunk.length, at + this.#recordLeft);
        this.#recordLeft -= end - at;
        const result = this.#readFragment(chunk.subarray(at, end));
        if (result !== undefined) return result;
        at = end;
      } else {
        const refusal = this.#readRecordHeader(chunk[at] as number);
        if (refusal !== undefined) return refusal;
        at += 1;
      }
    }
    return more;
  }

  /** Every byte is verified as it comes, so that what is not TLS is known from its first byte on. */
  #readRecordHeader(byte: number): ClientHelloResult | undefined {
    const at = this.#recordHeaderFill;
    if (at === 0 && byte !== handshakeRecord) {
      if (this.#messageHeaderFill > 0 || this.#body !== undefined)
        return malformed('another record within the ClientHello');
      return { kind: 'not_tls', looksLikeHttp: byte >= 0x41 && byte <= 0x5a };
    }
    if (at === 1 && byte !== 3) return { kind: 'not_tls', looksLikeHttp: false };
    if (at >= 3) this.#recordLeft = (this.#recordLeft << 8) | byte;
    if (at + 1 < recordHeaderBytes) {
      this.#recordHeaderFill = at + 1;
      return undefined;
    }
    this.#recordHeaderFill = 0;
    if (this.#recordLeft === 0) return malformed('empty handshake record');
    if (this.#recordLeft > maxRecordBytes) return malformed('record too long');
    return undefined;
  }

  /** Some bytes of the handshake message; undefined where more are needed. */
  #readFragment(fragment: Buffer): ClientHelloResult | undefined {
    let at = 0;
    for (; this.#messageHeaderFill < messageHeaderBytes && at < fragment.length; at += 1) {
      const byte = fragment[at] as number;
      if (this.#messageHeaderFill > 0) this.#messageLength = (this.#messageLength << 8) | byte;
      else if (byte !== clientHelloMessage) return malformed('the first message is not a ClientHello');
      this.#messageHeaderFill += 1;
    }
    if (this.#messageHeaderFill < messageHeaderBytes) return undefined;
    if (this.#body === undefined) {
      const length = this.#messageLength;
      if (length > maxHelloBytes) return malformed(`ClientHello over ${maxHelloBytes} bytes`);
      // Nearly always it is all there, and nothing is copied.
      if (fragment.length - at >= length) return parseClientHello(fragment.subarray(at, at + length));
      this.#body = Buffer.allocUnsafe(length);
    }
    this.#bodyFill += fragment.copy(this.#body, this.#bodyFill, at);
    return this.#bodyFill < this.#body.length ? undefined : parseClientHello(this.#body);
  }
}

/** The body of a ClientHello message. */
function parseClientHello(body: Buffer): ClientHelloResult {
  const cursor = new ByteCursor(body);
  const legacyVersion = cursor.uint16();
  cursor.skip(32);
  // Of TLS 1.2; with TLS 1.3 it means nothing, and what that offers comes last and counts.
  const session = cursor.take(cursor.uint8()).toString('latin1');
  cursor.skip(cursor.uint16());
  cursor.skip(cursor.uint8());
  const found = { serverName: undefined, alpn: [], versions: [], ech: false, ticketName: '', session } as {
    serverName: string | undefined;
    alpn: string[];
    versions: string[];
    ech: boolean;
    ticketName: string;
    session: string;
  };
  let problem = '';
  if (!cursor.atEnd && !cursor.failed) {
    const extensions = cursor.vector16();
    const seen = new Set<number>();
    while (!extensions.atEnd && !extensions.failed && problem === '') {
      const type = extensions.uint16();
      const data = extensions.vector16();
      if (extensions.failed) break;
      if (seen.has(type)) problem = `extension ${type} twice`;
      else if (seen.size === maxExtensions) problem = `over ${maxExtensions} extensions`;
      seen.add(type);
      if (problem !== '') break;
      if (type === extensionType.encryptedClientHello) found.ech = true;
      else if (type === extensionType.serverName) {
        const name = readServerName(data);
        if (name.problem !== '') problem = name.problem;
        else found.serverName = name.text;
      } else if (type === extensionType.alpn) {
        found.alpn = readAlpn(data);
        if (data.failed || found.alpn.length === 0) problem = 'malformed ALPN extension';
      } else if (type === extensionType.supportedVersions) {
        found.versions = readVersions(data);
        if (data.failed) problem = 'malformed supported_versions extension';
      } else if (type === extensionType.sessionTicket) {
        // TLS 1.2; the identity of TLS 1.3 comes last and counts.
        found.ticketName = data.take(ticketNameBytes).toString('latin1');
      } else if (type === extensionType.preSharedKey) {
        // A client may offer several; the first is the one that it would rather have (RFC 8446 section 4.2.11).
        const identities = data.vector16();
        const identity = identities.take(identities.uint16());
        if (identity.length >= ticketNameBytes) found.ticketName = identity.toString('latin1', 0, ticketNameBytes);
        found.session = identity.length === sessionNumberBytes ? identity.toString('latin1') : '';
      }
    }
    if (extensions.failed) problem ||= 'extensions do not fit their length';
  }
  if (cursor.failed || !cursor.atEnd) problem ||= 'fields do not fit the length of the message';
  if (problem !== '') return malformed(problem);
  if (found.versions.length === 0) found.versions = [tlsVersionName(legacyVersion)];
  return { kind: 'hello', ...found, body };
}

/** Exactly one host_name of visible ASCII (RFC 6066 section 3): whoever reads two can be told two stories. */
function readServerName(data: ByteCursor): { text: string; problem: string } {
  const list = data.vector16();
  const type = list.uint8();
  const name = list.take(list.uint16());
  if (data.failed || list.failed || !data.atEnd || type !== 0 || name.length === 0 || name.length > 255) {
    return { text: '', problem: 'malformed server_name extension' };
  }
  if (!list.atEnd) return { text: '', problem: 'more than one server name' };
  for (const byte of name) {
    if (byte <= 0x20 || byte >= 0x7f) return { text: '', problem: 'server name with bytes that no name has' };
  }
  return { text: name.toString('latin1'), problem: '' };
}

function readAlpn(data: ByteCursor): string[] {
  const names: string[] = [];
  const list = data.vector16();
  while (!list.atEnd && !list.failed) {
    const name = list.take(list.uint8());
    if (name.length === 0) data.fail();
    names.push(name.toString('latin1'));
  }
  if (list.failed || !data.atEnd) data.fail();
  return names;
}

function readVersions(data: ByteCursor): string[] {
  const names: string[] = [];
  const list = data.vector8();
  while (!list.atEnd && !list.failed) {
    const version = list.uint16();
    if (!isGrease(version)) names.push(tlsVersionName(version));
  }
  if (list.failed || !data.atEnd) data.fail();
  return names;
}

/** RFC 8701: 0x0a0a, 0x1a1a, … 0xfafa. */
function isGrease(value: number): boolean {
  return (value & 0x0f0f) === 0x0a0a && value >> 8 === (value & 0xff);
}

function malformed(detail: string): ClientHelloResult {
  return { kind: 'malformed', detail };
}
