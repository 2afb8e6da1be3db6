import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatIp } from '../base/ip-name.ts';
import { crc32c } from './checksum.ts';
import { maxHeaderBytes, maxLineBytes, type ProxiedAddresses, signature } from './header.ts';
import { readProxyHeader, startsProxyHeader } from './reader.ts';
import { writeProxyHeader } from './writer.ts';

const line = (text: string) => readProxyHeader(Buffer.from(text, 'latin1'));

/** A version 2 header around a block of addresses and TLVs. */
function binary(versionAndCommand: number, family: number, block: Buffer, length = block.length): Buffer {
  const fixed = Buffer.from([...signature, versionAndCommand, family, length >> 8, length & 0xff]);
  return Buffer.concat([fixed, block]);
}

const tcp4Block = Buffer.from([192, 0, 2, 1, 198, 51, 100, 7, 0x30, 0x39, 0x01, 0xbb]);
const tlv = (type: number, value: Buffer) =>
  Buffer.concat([Buffer.from([type, value.length >> 8, value.length & 0xff]), value]);

function withChecksum(spoil: number): Buffer {
  const header = binary(0x21, 0x11, Buffer.concat([tcp4Block, tlv(3, Buffer.alloc(4)), tlv(4, Buffer.alloc(2))]));
  header.writeUInt32BE((crc32c(header) ^ spoil) >>> 0, 31);
  return header;
}

const ip = fc
  .oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
  .map((bytes) => formatIp(bytes) ?? '')
  // What is an IPv4 address in the end comes back as one.
  .filter((text) => !text.startsWith('::ffff:'));
const name = fc.record({ address: ip, port: fc.integer({ min: 0, max: 65_535 }) }, { noNullPrototype: true });
const addresses = fc.record({ source: name, destination: name }, { noNullPrototype: true });

void describe('A header that is read', () => {
  void it('names both ends of a connection over IPv4 and IPv6, in the text form of RFC 5952', () => {
    assert.deepEqual(line('PROXY TCP4 192.0.2.1 198.51.100.7 12345 443\r\nGET'), {
      kind: 'header',
      version: 1,
      length: 45,
      addresses: {
        source: { address: '192.0.2.1', port: 12_345 },
        destination: { address: '198.51.100.7', port: 443 },
      },
    });
    const six = line('PROXY TCP6 2001:DB8:0::1 ::ffff:192.0.2.9 1 65535\r\n');
    assert.equal(six.kind === 'header' && six.addresses?.source.address, '2001:db8::1');
    assert.equal(six.kind === 'header' && six.addresses?.destination.address, '192.0.2.9');
    const two = readProxyHeader(Buffer.concat([binary(0x21, 0x11, tcp4Block), Buffer.from('\x16\x03')]));
    assert.deepEqual(two, {
      kind: 'header',
      version: 2,
      length: 28,
      addresses: {
        source: { address: '192.0.2.1', port: 12_345 },
        destination: { address: '198.51.100.7', port: 443 },
      },
    });
  });

  void it('leaves the balancer itself for LOCAL, UNKNOWN, unspecified and Unix sockets', () => {
    const local = binary(0x20, 0x99, Buffer.from('whatever it wants to say'));
    const unix = binary(0x21, 0x31, Buffer.alloc(216, 'a'));
    for (const bytes of [local, unix, binary(0x21, 0x00, Buffer.from([1]))]) {
      const found = readProxyHeader(bytes);
      assert.deepEqual(found, { kind: 'header', version: 2, length: bytes.length, addresses: undefined });
    }
    assert.equal(line('PROXY UNKNOWN\r\n').kind, 'header');
    assert.equal(line(`PROXY UNKNOWN ${'f'.repeat(39)} ${'f'.repeat(39)} 65535 65535\r\n`).kind, 'header');
  });

  void it('is verified by its checksum where it has one, and may carry TLVs that nobody knows', () => {
    assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
    assert.equal(readProxyHeader(withChecksum(0)).kind, 'header');
    assert.deepEqual(readProxyHeader(withChecksum(1)), {
      kind: 'malformed',
      detail: 'PROXY header: its checksum is wrong',
    });
    const unknown = binary(
      0x21,
      0x11,
      Buffer.concat([tcp4Block, tlv(0xea, Buffer.from('vpce-1')), tlv(2, Buffer.from('a.test'))]),
    );
    assert.equal(readProxyHeader(unknown).kind, 'header');
  });

  void it('is absent where the first bytes are those of TLS or HTTP, from the first byte that differs on', () => {
    for (const text of [
      '\x16\x03\x01',
      'GET / HTTP/1.1',
      'PRI * HTTP/2.0',
      'PUT',
      'PROXy ',
      '\r\nGET',
      '\r\n\r\n\0\r\nQUIT\r',
    ])
      assert.equal(line(text).kind, 'absent', JSON.stringify(text));
    for (const text of ['', 'P', 'PROXY', '\r', '\r\n\r\n\0\r\nQUIT']) assert.equal(line(text).kind, 'more');
    assert.ok(startsProxyHeader(Buffer.from('PROXY TCP4')) && startsProxyHeader(binary(0x20, 0, Buffer.alloc(0))));
    assert.ok(!startsProxyHeader(Buffer.from('PROXY')) && !startsProxyHeader(Buffer.from('\r\n\r\nGET / HTTP/1.1')));
  });
});

void describe('A header that is refused', () => {
  const refused = (bytes: Buffer) => {
    const found = readProxyHeader(bytes);
    return found.kind === 'malformed' ? found.detail.replace('PROXY header: ', '') : found.kind;
  };

  void it('is a line that leaves any doubt about who the client is', () => {
    const shape = 'its line is not PROXY, TCP4 or TCP6, two addresses, two ports';
    for (const text of [
      'TCP4 192.0.2.1 192.0.2.2 1',
      'TCP4  192.0.2.1 192.0.2.2 1 2',
      'TCP4 192.0.2.1 192.0.2.2 1 2 ',
      'TCP4 192.0.2.1\t192.0.2.2 1 2',
      'TCP4 192.0.2.1 192.0.2.2 1 2 3',
      'TCP4 192.0.2.1 192.0.2.2 -1 2',
      'TCP6 fe80::1%eth0 ::1 1 2',
      'UDP4 192.0.2.1 192.0.2.2 1 2',
      'tcp4 192.0.2.1 192.0.2.2 1 2',
      'UNKNOWNS',
      '',
    ])
      assert.equal(refused(Buffer.from(`PROXY ${text}\r\n`)), shape, text);
    for (const text of [
      'TCP4 192.0.2.256 192.0.2.2 1 2',
      'TCP4 192.0.2.01 192.0.2.2 1 2',
      'TCP4 192.0.2 192.0.2.2 1 2',
      'TCP4 2001:db8::1 192.0.2.2 1 2',
      'TCP6 192.0.2.1 ::1 1 2',
      'TCP4 192.0.2.1 192.0.2.2 65536 2',
      'TCP4 192.0.2.1 192.0.2.2 01 2',
    ])
      assert.match(refused(Buffer.from(`PROXY ${text}\r\n`)), /no address or port of TCP[46]/, text);
    assert.equal(refused(Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n')), 'its line ends without CR');
    const endless = `PROXY UNKNOWN ${'x'.repeat(maxLineBytes)}`;
    assert.equal(refused(Buffer.from(endless)), 'no end of the line within 107 bytes');
    assert.equal(refused(Buffer.from(endless.slice(0, maxLineBytes - 1))), 'more');
  });

  void it('is a binary one of another version, command, family or length', () => {
    assert.equal(refused(binary(0x11, 0x11, tcp4Block)), 'neither LOCAL nor PROXY of version 2');
    assert.equal(refused(binary(0x22, 0x11, tcp4Block)), 'neither LOCAL nor PROXY of version 2');
    for (const family of [0x01, 0x10, 0x12, 0x22, 0x32, 0x41, 0xff])
      assert.match(refused(binary(0x21, family, tcp4Block)), /^neither TCP/, String(family));
    assert.equal(refused(binary(0x21, 0x21, tcp4Block)), 'too short for its addresses');
    assert.equal(refused(binary(0x21, 0x31, tcp4Block)), 'too short for its addresses');
    assert.equal(refused(binary(0x20, 0, Buffer.alloc(0), maxHeaderBytes)), `over ${maxHeaderBytes} bytes`);
    assert.equal(refused(binary(0x20, 0, Buffer.alloc(0), maxHeaderBytes - 16)), 'more');
  });

  void it('is one whose TLVs do not fit, or that has no single checksum', () => {
    const block = (...more: Buffer[]) => binary(0x21, 0x11, Buffer.concat([tcp4Block, ...more]));
    for (const rest of [Buffer.from([4]), Buffer.from([4, 0]), Buffer.from([4, 0, 1]), Buffer.from([4, 255, 255, 0])])
      assert.equal(refused(block(rest)), 'a TLV does not fit its length');
    assert.equal(refused(block(tlv(3, Buffer.alloc(3)))), 'not one checksum of four bytes');
    const [once, twice] = [
      withChecksum(0),
      Buffer.concat([tcp4Block, tlv(3, Buffer.alloc(4)), tlv(3, Buffer.alloc(4))]),
    ];
    assert.equal(once.length, 40);
    assert.match(refused(binary(0x21, 0x11, twice)), /checksum/);
  });
});

void describe('A header that is written', () => {
  void it('is read as it was meant, in both versions', () => {
    const check = (version: 1 | 2, given: ProxiedAddresses) => {
      const bytes = writeProxyHeader(version, given);
      const found = readProxyHeader(Buffer.concat([bytes, Buffer.from('\x16\x03\x01')]));
      assert.deepEqual(found, { kind: 'header', version, length: bytes.length, addresses: given });
      assert.ok(version === 2 || bytes.length <= maxLineBytes);
    };
    fc.assert(fc.property(fc.constantFrom(1, 2), addresses, check));
  });

  void it('leaves the zone of a link-local address out, which means nothing elsewhere', () => {
    for (const version of [1, 2] as const) {
      const source = { address: 'fe80::1%eth0', port: 4 };
      const read = readProxyHeader(
        writeProxyHeader(version, { source, destination: { address: 'fe80::2%eth0', port: 5 } }),
      );
      assert.ok(read.kind === 'header');
      assert.deepEqual(read.addresses?.source, { address: 'fe80::1', port: 4 });
    }
  });

  void it('says that nobody is behind a connection of our own', () => {
    assert.equal(writeProxyHeader(1, undefined).toString(), 'PROXY UNKNOWN\r\n');
    const local = writeProxyHeader(2, undefined);
    assert.equal(local[12], 0x20);
    assert.deepEqual(readProxyHeader(local), {
      kind: 'header',
      version: 2,
      length: local.length,
      addresses: undefined,
    });
  });

  void it('is not written for what is no address or no port', () => {
    const fine = { address: '192.0.2.1', port: 1 };
    for (const bad of [
      { address: 'a.test', port: 1 },
      { address: '[::1]', port: 1 },
      { address: '192.0.2.1\r\nX', port: 1 },
      { address: '192.0.2.1', port: 65_536 },
      { address: '192.0.2.1', port: 1.5 },
    ])
      for (const version of [1, 2] as const)
        assert.throws(() => writeProxyHeader(version, { source: bad, destination: fine }), RangeError);
  });
});

void describe('Whatever bytes come', () => {
  const hostile = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.concat([signature, bytes])),
    fc.string({ unit: 'binary', maxLength: 120 }).map((text) => Buffer.from(`PROXY ${text}`, 'latin1')),
    fc
      .record({
        given: addresses,
        version: fc.constantFrom<1 | 2>(1, 2),
        at: fc.nat(),
        to: fc.integer({ min: 0, max: 255 }),
      })
      .map(({ given, version, at, to }) => {
        const bytes = writeProxyHeader(version, given);
        bytes[at % bytes.length] = to;
        return bytes;
      }),
  );

  void it('nothing is thrown, and a header ends within its limit and within the bytes', () => {
    const check = (bytes: Buffer) => {
      const found = readProxyHeader(bytes);
      if (found.kind !== 'header') return;
      assert.ok(found.length <= bytes.length && found.length <= maxHeaderBytes);
    };
    fc.assert(fc.property(hostile, check), { numRuns: 2_000 });
  });

  void it('the answer does not depend on how they were cut: fewer bytes give the same, or wait for more', () => {
    const check = (bytes: Buffer, cut: number) => {
      const [whole, part] = [readProxyHeader(bytes), readProxyHeader(bytes.subarray(0, cut % (bytes.length + 1)))];
      if (part.kind !== 'more') assert.deepEqual(part, whole);
    };
    fc.assert(fc.property(hostile, fc.nat(), check), { numRuns: 2_000 });
  });

  void it('a byte that changes on the way spoils a header with a checksum, where it does not spoil it before', () => {
    const check = (given: ProxiedAddresses, at: number, flip: number) => {
      const bytes = writeProxyHeader(2, given);
      const place = 16 + (at % (bytes.length - 16));
      bytes[place] = (bytes[place] as number) ^ flip;
      // A checksum whose type has changed is one that nobody knows.
      if (place !== bytes.length - 7) assert.equal(readProxyHeader(bytes).kind, 'malformed');
    };
    fc.assert(fc.property(addresses, fc.nat(), fc.integer({ min: 1, max: 255 }), check));
  });
});
