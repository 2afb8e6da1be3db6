import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ClientHelloResult, ClientHelloReader, maxHelloBytes, maxPreHelloBytes } from './client-hello.ts';

type Extension = readonly [type: number, data: Buffer];

function vector(lengthBytes: 1 | 2, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const length = Buffer.alloc(lengthBytes);
  length.writeUIntBE(body.length, 0, lengthBytes);
  return Buffer.concat([length, body]);
}

function uint16(...values: readonly number[]): Buffer {
  return Buffer.from(values.flatMap((value) => [value >> 8, value & 0xff]));
}

function serverNames(...names: readonly (string | Buffer)[]): Extension {
  const entries = names.map((name) => Buffer.concat([Buffer.from([0]), vector(2, Buffer.from(name))]));
  return [0, vector(2, ...entries)];
}

function alpn(...names: readonly string[]): Extension {
  return [16, vector(2, ...names.map((name) => vector(1, Buffer.from(name, 'latin1'))))];
}

function supportedVersions(...versions: readonly number[]): Extension {
  return [43, vector(1, uint16(...versions))];
}

/** A ClientHello message, without record headers. */
function message(extensions: readonly Extension[] | undefined, legacyVersion = 0x0303): Buffer {
  const body = Buffer.concat([
    uint16(legacyVersion),
    Buffer.alloc(32, 7),
    vector(1, Buffer.alloc(32, 8)),
    vector(2, uint16(0x1301, 0xc02b)),
    vector(1, Buffer.from([0])),
    ...(extensions === undefined
      ? []
      : [vector(2, ...extensions.map(([type, data]) => Buffer.concat([uint16(type), vector(2, data)])))]),
  ]);
  const length = Buffer.alloc(3);
  length.writeUIntBE(body.length, 0, 3);
  return Buffer.concat([Buffer.from([1]), length, body]);
}

/** Cuts a message into records of `size` bytes. */
function records(hello: Buffer, size = 16_384): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < hello.length; at += size) {
    parts.push(Buffer.from([22, 3, 1]), vector(2, hello.subarray(at, at + size)));
  }
  return Buffer.concat(parts);
}

function readWhole(bytes: Buffer): ClientHelloResult {
  return new ClientHelloReader().read(bytes);
}

function readInPieces(bytes: Buffer, sizes: readonly number[]): ClientHelloResult {
  const reader = new ClientHelloReader();
  let result: ClientHelloResult = { kind: 'more' };
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] as number;
    result = reader.read(bytes.subarray(at, at + size));
    at += size;
  }
  return result;
}

function detailOf(extensions: readonly Extension[]): string {
  const result = readWhole(records(message(extensions)));
  return result.kind === 'malformed' ? result.detail : result.kind;
}

test('server name, protocols and versions are read as they were sent', () => {
  const hello = message([
    [0x0a0a, Buffer.alloc(0)],
    serverNames('A.Test.'),
    alpn('h2', 'http/1.1'),
    supportedVersions(0x7a7a, 0x0304, 0x0303),
    [0x1a1a, Buffer.from([0])],
  ]);
  assert.deepEqual(readWhole(records(hello)), {
    body: hello.subarray(4),
    kind: 'hello',
    serverName: 'A.Test.',
    alpn: ['h2', 'http/1.1'],
    versions: ['TLSv1.3', 'TLSv1.2'],
    ech: false,
    ticketName: '',
    session: '\b'.repeat(32),
  });
});

test('a ClientHello without extensions, or without a server name, is a good one', () => {
  for (const extensions of [undefined, []]) {
    const hello = message(extensions, 0x0302);
    const found = {
      serverName: undefined,
      alpn: [],
      versions: ['TLSv1.1'],
      ech: false,
      ticketName: '',
      session: '\b'.repeat(32),
    };
    assert.deepEqual(readWhole(records(hello)), { kind: 'hello', ...found, body: hello.subarray(4) });
  }
});

test('a session ticket is known by its first bytes, that of TLS 1.3 before that of 1.2; one that is too short has no name', () => {
  const nameOf = (extensions: readonly Extension[]): string => {
    const result = readWhole(records(message(extensions)));
    return result.kind === 'hello' ? result.ticketName : result.kind;
  };
  const old = Buffer.alloc(100, 'a');
  const identity = Buffer.concat([Buffer.from([0, 100]), Buffer.alloc(100, 'b'), Buffer.alloc(4)]);
  const offered = Buffer.concat([Buffer.from([0, identity.length]), identity, Buffer.alloc(35)]);
  assert.equal(nameOf([[35, old]]), 'a'.repeat(16));
  assert.equal(nameOf([[35, Buffer.alloc(0)]]), '');
  assert.equal(nameOf([[35, Buffer.alloc(15)]]), '');
  assert.equal(nameOf([[41, offered]]), 'b'.repeat(16));
  // It comes last (RFC 8446 section 4.2.11); OpenSSL refuses the other order itself.
  assert.equal(
    nameOf([
      [35, old],
      [41, offered],
    ]),
    'b'.repeat(16),
  );
  assert.equal(nameOf([[41, Buffer.from([0, 200, 0])]]), '');
});

test('the number of a session is that of TLS 1.2, or the first identity of TLS 1.3 where that is as long as a number', () => {
  const sessionOf = (extensions: readonly Extension[]): string => {
    const result = readWhole(records(message(extensions)));
    return result.kind === 'hello' ? result.session : result.kind;
  };
  const identity = (letter: string, length: number): Buffer =>
    Buffer.concat([vector(2, Buffer.alloc(length, letter)), Buffer.alloc(4)]);
  const offer = (...identities: readonly Buffer[]): Extension => [
    41,
    Buffer.concat([vector(2, ...identities), vector(2, Buffer.alloc(33))]),
  ];
  assert.equal(sessionOf([]), '\b'.repeat(32));
  assert.equal(sessionOf([offer(identity('a', 32))]), 'a'.repeat(32));
  assert.equal(sessionOf([offer(identity('a', 32), identity('b', 32))]), 'a'.repeat(32));
  for (const length of [0, 1, 31, 33, 200]) assert.equal(sessionOf([offer(identity('a', length))]), '');
  assert.equal(sessionOf([offer(identity('a', 200), identity('b', 32))]), '');
  assert.equal(sessionOf([[41, Buffer.from([0, 32, 0, 32, 1])]]), '');
});

test('an outer encrypted ClientHello counts by its outer name', () => {
  const result = readWhole(records(message([serverNames('public.test'), [0xfe0d, Buffer.alloc(200, 1)]])));
  assert.ok(result.kind === 'hello' && result.ech && result.serverName === 'public.test');
});

test('however a ClientHello is cut into segments and records, the same is read', () => {
  const extension = fc.tuple(
    fc.constantFrom(1, 5, 10, 13, 35, 45, 51, 0x0a0a, 0xfe0d, 0x4469),
    fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes)),
  );
  const hello = fc
    .uniqueArray(extension, { selector: ([type]) => type, maxLength: 8 })
    .map((others) => message([...others, serverNames('a.test'), alpn('http/1.1')]));
  const sizes = fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(hello, sizes, fc.integer({ min: 1, max: 16_384 }), (bytes, pieces, recordSize) => {
      const whole = readWhole(records(bytes));
      assert.ok(whole.kind === 'hello' && whole.serverName === 'a.test');
      const cut = records(bytes, recordSize);
      if (cut.length > maxPreHelloBytes) return;
      assert.deepEqual(readInPieces(cut, pieces), whole);
      assert.deepEqual(readInPieces(cut, [1]), whole);
    }),
    { numRuns: 60 },
  );
});

test('whatever comes, byte by byte or at once, the reader answers the same and never throws', () => {
  const good = records(message([serverNames('a.test'), alpn('h2'), supportedVersions(0x0304)]));
  const mutated = fc
    .array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
    .map((changes) => {
      const bytes = Buffer.from(good);
      for (const [at, value] of changes) bytes[at] = value;
      return bytes;
    });
  const noise = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  const framed = noise.map((bytes) => records(Buffer.concat([Buffer.from([1, 0, 0, bytes.length & 0xff]), bytes])));
  fc.assert(
    fc.property(fc.oneof(mutated, noise, framed), (bytes) => {
      const reader = new ClientHelloReader();
      let slow: ClientHelloResult = { kind: 'more' };
      for (let at = 0; at < bytes.length && slow.kind === 'more'; at += 1)
        slow = reader.read(bytes.subarray(at, at + 1));
      assert.deepEqual(readWhole(bytes), slow);
    }),
    { numRuns: 1500 },
  );
});

test('a result is final: later bytes change nothing', () => {
  const reader = new ClientHelloReader();
  const first = reader.read(records(message([serverNames('a.test')])));
  assert.equal(reader.read(records(message([serverNames('b.test')]))), first);
});

test('every proper beginning of a ClientHello asks for more', () => {
  const whole = records(message([serverNames('a.test')]), 50);
  for (let length = 0; length < whole.length; length += 1) {
    assert.equal(readWhole(whole.subarray(0, length)).kind, 'more', `${length} bytes`);
  }
  assert.equal(readWhole(whole).kind, 'hello');
});

test('a server name that could be read in two ways is refused', () => {
  const entry = (type: number, name: Buffer): Buffer => Buffer.concat([Buffer.from([type]), vector(2, name)]);
  const a = Buffer.from('a.test');
  const cases: readonly (readonly [string, readonly Extension[]])[] = [
    ['extension 0 twice', [serverNames('a.test'), serverNames('a.test')]],
    ['more than one server name', [serverNames('a.test', 'b.test')]],
    ['malformed server_name extension', [serverNames()]],
    ['malformed server_name extension', [serverNames('')]],
    ['malformed server_name extension', [serverNames('a'.repeat(256))]],
    ['malformed server_name extension', [[0, Buffer.alloc(0)]]],
    ['malformed server_name extension', [[0, vector(2, entry(1, a))]]],
    ['malformed server_name extension', [[0, Buffer.concat([vector(2, entry(0, a)), Buffer.from([0])])]]],
    ['malformed server_name extension', [[0, vector(2, Buffer.from([0, 0, 9, 0x61]))]]],
    ['more than one server name', [[0, vector(2, entry(0, a), Buffer.from([1]))]]],
    ['server name with bytes that no name has', [serverNames('a.test\0.evil')]],
    ['server name with bytes that no name has', [serverNames('a.test\n')]],
    ['server name with bytes that no name has', [serverNames('ä.test')]],
    ['server name with bytes that no name has', [serverNames('a test')]],
  ];
  for (const [wanted, extensions] of cases) assert.equal(detailOf(extensions), wanted);
});

test('broken extensions are refused', () => {
  assert.equal(detailOf([[16, vector(2)]]), 'malformed ALPN extension');
  assert.equal(detailOf([[16, vector(2, vector(1))]]), 'malformed ALPN extension');
  assert.equal(detailOf([[16, Buffer.from([0, 9, 1, 65])]]), 'malformed ALPN extension');
  assert.equal(detailOf([[43, Buffer.from([3, 3, 4, 3])]]), 'malformed supported_versions extension');
  assert.equal(
    detailOf([
      [51, Buffer.alloc(0)],
      [51, Buffer.alloc(0)],
    ]),
    'extension 51 twice',
  );
  const many = Array.from({ length: 257 }, (_, index): Extension => [1000 + index, Buffer.alloc(0)]);
  assert.equal(detailOf(many.slice(1)), 'hello');
  assert.equal(detailOf(many), 'over 256 extensions');
});

test('lengths that do not add up are refused', () => {
  const good = message([serverNames('a.test')]);
  const longer = Buffer.concat([good, Buffer.alloc(1)]);
  longer.writeUIntBE(longer.length - 4, 1, 3);
  const shorter = Buffer.from(good.subarray(0, -1));
  shorter.writeUIntBE(shorter.length - 4, 1, 3);
  for (const bytes of [longer, shorter, Buffer.from([1, 0, 0, 0]), Buffer.from([1, 0, 0, 3, 3, 3, 0])]) {
    assert.equal(readWhole(records(bytes)).kind, 'malformed');
  }
});

test('a ClientHello over 16 kB is read, one over the limit is refused before it has arrived', () => {
  const padded = (size: number): Buffer => message([serverNames('a.test'), [21, Buffer.alloc(size)]]);
  const large = readWhole(records(padded(20_000)));
  assert.ok(large.kind === 'hello' && large.serverName === 'a.test');
  const start = Buffer.from([22, 3, 1, 0x40, 0, 1, 0, 0, 0]);
  start.writeUIntBE(maxHelloBytes + 1, 6, 3);
  assert.deepEqual(readWhole(start), { kind: 'malformed', detail: `ClientHello over ${maxHelloBytes} bytes` });
});

test('a client that wraps every byte into a record of its own is cut off', () => {
  const bytes = records(message([serverNames('a.test'), [21, Buffer.alloc(20_000)]]), 1);
  assert.equal(readInPieces(bytes, [1000]).kind, 'malformed');
});

test('records that are no part of a ClientHello are refused', () => {
  const hello = message([serverNames('a.test')]);
  const first = records(hello.subarray(0, 20));
  const changeCipherSpec = Buffer.from([20, 3, 3, 0, 1, 1]);
  const kinds = (bytes: Buffer): string => readWhole(bytes).kind;
  assert.equal(kinds(Buffer.concat([first, changeCipherSpec, records(hello.subarray(20))])), 'malformed');
  assert.equal(kinds(Buffer.from([22, 3, 1, 0, 0])), 'malformed', 'empty record');
  assert.equal(kinds(Buffer.from([22, 3, 1, 0x40, 1])), 'malformed', 'record over 2^14 bytes');
  assert.equal(kinds(Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 0])), 'malformed', 'a ServerHello');
});

test('what is not TLS is known from its first byte on, and plain HTTP is told apart', () => {
  const kinds = (text: string): ClientHelloResult => readWhole(Buffer.from(text, 'latin1'));
  assert.deepEqual(kinds('G'), { kind: 'not_tls', looksLikeHttp: true });
  assert.deepEqual(kinds('PRI * HTTP/2.0\r\n'), { kind: 'not_tls', looksLikeHttp: true });
  assert.deepEqual(kinds('\x80\x2e\x01\x03\x01'), { kind: 'not_tls', looksLikeHttp: false });
  assert.deepEqual(kinds('\x15\x03\x01\x00\x02'), { kind: 'not_tls', looksLikeHttp: false });
  assert.deepEqual(kinds('\x16\x02'), { kind: 'not_tls', looksLikeHttp: false });
});
