// Writes PROXY headers, for whoever passes a connection on: the first bytes of it, before TLS.
import { isIPv4 } from 'node:net';
import { parseIp } from '../base/ip-name.ts';
import { crc32c } from './checksum.ts';
import { command, family, fixedBytes, type ProxiedAddresses, signature, tlvHeadBytes, checksumType } from './header.ts';

/**
 * `addresses`: undefined where the connection is our own and nobody is behind it (a health check): LOCAL, in version 1 UNKNOWN.
 * Version 2 carries its checksum. Throws RangeError for what is no IP address or port.
 */
export function writeProxyHeader(version: 1 | 2, addresses: ProxiedAddresses | undefined): Buffer {
  const told = addresses && { source: withoutZone(addresses.source), destination: withoutZone(addresses.destination) };
  return version === 1 ? writeLine(told) : writeBinary(told);
}

/** The zone of a link-local address is this machine's word for a wire (RFC 4007): nobody else's. */
function withoutZone({ address, port }: ProxiedAddresses['source']): ProxiedAddresses['source'] {
  const zone = address.indexOf('%');
  return { address: zone < 0 ? address : address.slice(0, zone), port };
}

function writeLine(addresses: ProxiedAddresses | undefined): Buffer {
  if (addresses === undefined) return Buffer.from('PROXY UNKNOWN\r\n', 'latin1');
  const { source, destination } = inOneFamily(addresses);
  checkName(source);
  checkName(destination);
  const protocol = isIPv4(source.address) ? 'TCP4' : 'TCP6';
  const names = `${source.address} ${destination.address} ${source.port} ${destination.port}`;
  return Buffer.from(`PROXY ${protocol} ${names}\r\n`, 'latin1');
}

function writeBinary(addresses: ProxiedAddresses | undefined): Buffer {
  const block = addresses === undefined ? Buffer.alloc(0) : writeAddresses(addresses);
  const length = block.length + tlvHeadBytes + 4;
  const header = Buffer.alloc(fixedBytes + length);
  signature.copy(header);
  header[12] = addresses === undefined ? command.local : command.proxy;
  header[13] = block.length === 0 ? family.unspecified : block.length === 12 ? family.tcp4 : family.tcp6;
  header.writeUInt16BE(length, 14);
  block.copy(header, fixedBytes);
  const checksumAt = header.length - 4;
  header[checksumAt - 3] = checksumType;
  header.writeUInt16BE(4, checksumAt - 2);
  header.writeUInt32BE(crc32c(header), checksumAt);
  return header;
}

function writeAddresses(addresses: ProxiedAddresses): Buffer {
  const { source, destination } = inOneFamily(addresses);
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(source.port, 0);
  ports.writeUInt16BE(destination.port, 2);
  return Buffer.concat([checkName(source), checkName(destination), ports]);
}

/** One form has room for one family: where they differ, the IPv4 address is written as an IPv6 one (RFC 4291 section 2.5.5.2). */
function inOneFamily(addresses: ProxiedAddresses): ProxiedAddresses {
  const { source, destination } = addresses;
  if (isIPv4(source.address) === isIPv4(destination.address)) return addresses;
  return { source: mapped(source), destination: mapped(destination) };
}

function mapped(name: ProxiedAddresses['source']): ProxiedAddresses['source'] {
  return isIPv4(name.address) ? { address: `::ffff:${name.address}`, port: name.port } : name;
}

/** The bytes of its address. */
function checkName({ address, port }: ProxiedAddresses['source']): Uint8Array {
  const bytes = address.startsWith('[') ? undefined : parseIp(address);
  if (bytes === undefined) throw new RangeError(`${JSON.stringify(address)} is no IP address`);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new RangeError(`${port} is no port`);
  return bytes;
}
