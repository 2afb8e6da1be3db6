// Reads the PROXY header at the beginning of a connection, version 1 or 2: who the client of the balancer is. Never throws,
// takes nothing for granted that a byte could deny, and repairs nothing: what is not exactly a header is none.
import { formatIp, parseIp } from '../base/ip-name.ts';
import { crc32c } from './checksum.ts';
import {
  command,
  family,
  fixedBytes,
  linePrefix,
  maxHeaderBytes,
  maxLineBytes,
  type ProxiedAddresses,
  type SocketName,
  signature,
  tlvHeadBytes,
  checksumType,
} from './header.ts';

export type ProxyHeader = {
  readonly kind: 'header';
  readonly version: 1 | 2;
  /** Bytes of the connection that it takes: what follows is the client's. */
  readonly length: number;
  /** undefined: the balancer speaks for itself (LOCAL), or for somebody without an IP address (UNKNOWN, a Unix socket). */
  readonly addresses: ProxiedAddresses | undefined;
};

export type ProxyHeaderResult =
  | { readonly kind: 'more' }
  | ProxyHeader
  /** The first bytes are those of something else. */
  | { readonly kind: 'absent' }
  | { readonly kind: 'malformed'; readonly detail: string };

const more: ProxyHeaderResult = { kind: 'more' };

/** `bytes`: the connection from its first byte on, as far as it has come. Call again with all of them after `more`. */
export function readProxyHeader(bytes: Buffer): ProxyHeaderResult {
  const [first] = bytes;
  if (first === undefined) return more;
  const start = first === signature[0] ? signature : linePrefix;
  const seen = Math.min(bytes.length, start.length);
  if (bytes.compare(start, 0, seen, 0, seen) !== 0) return { kind: 'absent' };
  if (seen < start.length) return more;
  return start === signature ? readBinary(bytes) : readLine(bytes);
}

/** Whether these first bytes of a connection are the beginning of a header, and of nothing else that is spoken here. */
export function startsProxyHeader(bytes: Buffer): boolean {
  return [signature, linePrefix].some((start) => bytes.subarray(0, start.length).equals(start));
}

// --- version 1

function readLine(bytes: Buffer): ProxyHeaderResult {
  const end = bytes.subarray(0, maxLineBytes).indexOf(0x0a);
  if (end < 0) return bytes.length < maxLineBytes ? more : malformed(`no end of the line within ${maxLineBytes} bytes`);
  if (bytes[end - 1] !== 0x0d) return malformed('its line ends without CR');
  const line = bytes.toString('latin1', 0, end - 1);
  const header = { kind: 'header', version: 1, length: end + 1 } as const;
  // What follows UNKNOWN is to be ignored, whatever it is.
  if (/^PROXY UNKNOWN(?: |$)/.test(line)) return { ...header, addresses: undefined };
  const match = /^PROXY TCP([46]) ([0-9A-Fa-f.:]+) ([0-9A-Fa-f.:]+) (\d{1,5}) (\d{1,5})$/.exec(line);
  if (match === null) return malformed('its line is not PROXY, TCP4 or TCP6, two addresses, two ports');
  const [, version, from = '', to = '', fromPort = '', toPort = ''] = match;
  const bytesOfAddress = version === '4' ? 4 : 16;
  const source = readName(from, fromPort, bytesOfAddress);
  const destination = readName(to, toPort, bytesOfAddress);
  if (source === undefined || destination === undefined)
    return malformed(`its line names what is no address or port of TCP${version ?? ''}`);
  return { ...header, addresses: { source, destination } };
}

function readName(address: string, port: string, bytesOfAddress: number): SocketName | undefined {
  const bytes = parseIp(address);
  if (bytes?.length !== bytesOfAddress || !/^(?:0|[1-9]\d*)$/.test(port) || Number(port) > 65_535) return undefined;
  return { address: textOf(bytes), port: Number(port) };
}

// --- version 2

function readBinary(bytes: Buffer): ProxyHeaderResult {
  if (bytes.length < fixedBytes) return more;
  const [asked, spoken] = [bytes[12], bytes[13] as number];
  if (asked !== command.local && asked !== command.proxy) return malformed('neither LOCAL nor PROXY of version 2');
  const length = fixedBytes + bytes.readUInt16BE(14);
  if (length > maxHeaderBytes) return malformed(`over ${maxHeaderBytes} bytes`);
  const addressBytes = addressBytesOf(spoken);
  if (asked === command.proxy && addressBytes === undefined)
    return malformed('neither TCP over IPv4 or IPv6, nor a Unix stream, nor unspecified');
  if (bytes.length < length) return more;
  const header = { kind: 'header', version: 2, length } as const;
  // Whatever else stands in such a header is to be ignored.
  if (asked === command.local || spoken === family.unspecified) return { ...header, addresses: undefined };
  const own = bytes.subarray(0, length);
  const tlvsAt = fixedBytes + (addressBytes ?? 0);
  if (own.length < tlvsAt) return malformed('too short for its addresses');
  const problem = checkTlvs(own, tlvsAt);
  if (problem !== '') return malformed(problem);
  return { ...header, addresses: spoken === family.unixStream ? undefined : readAddresses(own, spoken) };
}

function addressBytesOf(spoken: number): number | undefined {
  if (spoken === family.unspecified) return 0;
  if (spoken === family.tcp4) return 12;
  if (spoken === family.tcp6) return 36;
  return spoken === family.unixStream ? 216 : undefined;
}

function readAddresses(header: Buffer, spoken: number): ProxiedAddresses {
  const size = spoken === family.tcp4 ? 4 : 16;
  const portsAt = fixedBytes + 2 * size;
  const at = (start: number): string => textOf(header.subarray(start, start + size));
  return {
    source: { address: at(fixedBytes), port: header.readUInt16BE(portsAt) },
    destination: { address: at(fixedBytes + size), port: header.readUInt16BE(portsAt + 2) },
  };
}

/** Nothing in them says who the client is, but they must be whole, and a checksum right. '' or what is wrong. */
function checkTlvs(header: Buffer, start: number): string {
  let checksums = 0;
  let at = start;
  while (at < header.length) {
    if (header.length - at < tlvHeadBytes) return 'a TLV does not fit its length';
    const type = header[at];
    const valueAt = at + tlvHeadBytes;
    const end = valueAt + header.readUInt16BE(at + 1);
    if (end > header.length) return 'a TLV does not fit its length';
    if (type === checksumType) {
      checksums += 1;
      if (end - valueAt !== 4 || checksums > 1) return 'not one checksum of four bytes';
      if (crc32c(header, valueAt, end) !== header.readUInt32BE(valueAt)) return 'its checksum is wrong';
    }
    at = end;
  }
  return '';
}

/** IPv4 is written as IPv4, also where it came as an IPv6 address (RFC 4291 section 2.5.5.2). */
function textOf(bytes: Uint8Array): string {
  const text = formatIp(bytes) ?? '';
  return text.startsWith('::ffff:') && text.includes('.') ? text.slice('::ffff:'.length) : text;
}

function malformed(detail: string): ProxyHeaderResult {
  return { kind: 'malformed', detail: `PROXY header: ${detail}` };
}
