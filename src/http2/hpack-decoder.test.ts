import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FieldNames } from '../http/field.ts';
import type { DecodedHeaders } from './decoded-headers.ts';
import { HpackContext } from './hpack-context.ts';
import { type HeaderLimits, HpackDecoder } from './hpack-decoder.ts';
import { Http2Error } from './http2-error.ts';

const context = new HpackContext(new FieldNames());
const generous: HeaderLimits = { listBytes: 32_768, fieldCount: 128 };

function open(limits = generous): HpackDecoder {
  return new HpackDecoder(context, limits);
}

function decode(decoder: HpackDecoder, hex: string): DecodedHeaders | Http2Error {
  const block = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  // In the middle of something else, as blocks lie in what was read.
  return decoder.decode(
    Buffer.concat([Buffer.from('ffff', 'hex'), block, Buffer.from('ff', 'hex')]),
    2,
    2 + block.length,
  );
}

function list(decoder: HpackDecoder, hex: string): string[] {
  const headers = decode(decoder, hex);
  if (headers instanceof Http2Error) assert.fail(headers.toString());
  return headers.fields.map(({ name, value }) => `${name}: ${value}`);
}

const get = [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'];
const getIndex = [':method: GET', ':scheme: https', ':path: /index.html', ':authority: www.example.com'];
const redirect = ['cache-control: private', 'date: Mon, 21 Oct 2013 20:13:21 GMT', 'location: https://www.example.com'];
const cookie = 'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1';
const ok = [
  ':status: 200',
  'cache-control: private',
  'date: Mon, 21 Oct 2013 20:13:22 GMT',
  redirect[2],
  'content-encoding: gzip',
  cookie,
];

describe('an HpackDecoder', () => {
  it('decodes the fields of RFC 7541 C.2', () => {
    const cases: [hex: string, line: string, tableBytes: number, neverIndexed: boolean | undefined][] = [
      ['400a637573746f6d2d6b65790d637573746f6d2d686561646572', 'custom-key: custom-header', 55, false],
      ['040c2f73616d706c652f70617468', ':path: /sample/path', 0, undefined],
      ['100870617373776f726406736563726574', 'password: secret', 0, true],
      ['82', ':method: GET', 0, undefined],
    ];
    for (const [hex, line, tableBytes, neverIndexed] of cases) {
      const decoder = open();
      const headers = decode(decoder, hex);
      if (headers instanceof Http2Error) assert.fail(headers.toString());
      assert.deepEqual(
        headers.fields.map(({ name, value }) => `${name}: ${value}`),
        [line],
      );
      assert.equal(decoder.tableBytes, tableBytes);
      assert.equal(headers.fields[0]?.known?.neverIndexed, neverIndexed);
    }
  });

  const requests = [[...get], [...get, 'cache-control: no-cache'], [...getIndex, 'custom-key: custom-value']];
  const responses = [[':status: 302', ...redirect], [':status: 307', ...redirect], ok];
  const sequences: [section: string, blocks: string[], lists: (string | undefined)[][], tableBytes: number[]][] = [
    [
      'C.3',
      [
        '828684410f7777772e6578616d706c652e636f6d',
        '828684be58086e6f2d6361636865',
        '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
      ],
      requests,
      [57, 110, 164],
    ],
    [
      'C.4',
      [
        '828684418cf1e3c2e5f23a6ba0ab90f4ff',
        '828684be5886a8eb10649cbf',
        '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
      ],
      requests,
      [57, 110, 164],
    ],
    [
      'C.5',
      [
        '3fe101 4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d',
        '4803333037c1c0bf',
        '88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31',
      ],
      responses,
      [222, 222, 215],
    ],
    [
      'C.6',
      [
        '3fe101 488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3',
        '4883640effc1c0bf',
        '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
      ],
      responses,
      [222, 222, 215],
    ],
  ];
  for (const [section, blocks, lists, tableBytes] of sequences) {
    it(`decodes the blocks of RFC 7541 ${section}`, () => {
      const decoder = open();
      for (const [at, block] of blocks.entries()) {
        // The authority of C.3 stands before the fields that come after it.
        assert.deepEqual(list(decoder, block).toSorted(), lists[at]?.toSorted());
        assert.equal(decoder.tableBytes, tableBytes[at]);
      }
    });
  }

  const refused: [why: string, hex: string][] = [
    ['index 0', '80'],
    ['an index behind the tables', 'be'],
    ['a name by an index behind the tables', '7e0161'],
    ['an index that is cut off', 'ff'],
    ['an index of more than four octets', 'ff8080808000'],
    ['a literal without a name', '40'],
    ['a literal without a value', '0001 61'],
    ['a name that is cut off', '000361 62'],
    ['a value that is cut off', '000161 0362'],
    ['a length that is cut off', '00 7f'],
    ['a length that is an attack', '00 7fffffffff0f 61'],
    ['EOS in a string', '00 84ffffffff 0161'],
    ['padding of a whole byte', '00 8df1e3c2e5f23a6ba0ab90f4ffff 0161'],
    ['padding of exactly a byte', '00 82f8ff 0161'],
    ['padding that is not EOS', '00 8cf1e3c2e5f23a6ba0ab90f4fe 0161'],
    ['a table size above the limit', '3fe21f'],
    ['three updates of the table size', '202020'],
    ['an update of the table size behind a field', '8220'],
  ];
  for (const [why, hex] of refused) {
    it(`refuses ${why}`, () => {
      const error = decode(open(), hex);
      assert.ok(error instanceof Http2Error, hex);
      assert.deepEqual([error.code, error.scope], [9, 'connection']);
    });
  }

  it('takes the nearest that may be: the last index, padding of seven bits, two updates, the whole table', () => {
    assert.deepEqual(list(open(), 'bd'), ['www-authenticate: ']);
    assert.deepEqual(list(open(), '00 8cf1e3c2e5f23a6ba0ab90f4ff 0161'), ['www.example.com: a']);
    assert.deepEqual(list(open(), '00 81f8 0161'), ['&: a']);
    assert.deepEqual(list(open(), '203fe11f 82'), [':method: GET']);
    assert.deepEqual(list(open(), ''), []);
  });

  it('wants to hear of a smaller table once the limit is acknowledged', () => {
    const told = open();
    told.limitTable(100);
    assert.deepEqual(list(told, '3f45 82'), [':method: GET']);
    assert.deepEqual(list(told, '82'), [':method: GET']);
    for (const hex of ['82', '', '3f46 82']) {
      const silent = open();
      silent.limitTable(100);
      assert.ok(decode(silent, hex) instanceof Http2Error, hex);
    }
    const more = open();
    more.limitTable(8192);
    assert.deepEqual(list(more, '3fe13f 82'), [':method: GET']);
  });

  it('evicts what does not fit, and everything for an entry that is larger than the table', () => {
    const decoder = open();
    const entry = (letter: string, bytes: number): string =>
      `40 01${Buffer.from(letter).toString('hex')} 7f${integer(bytes - 33 - 127)} ${'78'.repeat(bytes - 33)}`;
    list(decoder, entry('a', 2000) + entry('b', 2000));
    assert.equal(decoder.tableBytes, 4000);
    list(decoder, entry('c', 2000));
    assert.deepEqual([decoder.tableBytes, list(decoder, 'bebf').map((line) => line[0])], [4000, ['c', 'b']]);
    assert.ok(decode(decoder, 'c0') instanceof Http2Error);
    const other = open();
    list(other, entry('a', 2000));
    list(other, entry('d', 4097));
    assert.equal(other.tableBytes, 0);
    list(other, entry('e', 4096));
    assert.equal(other.tableBytes, 4096);
  });

  it('finds every entry of a table that is full of small ones', () => {
    const decoder = open({ listBytes: 100_000, fieldCount: 1000 });
    for (let at = 0; at < 500; at++)
      list(decoder, `40 00 02${Buffer.from(String(at % 100).padStart(2, '0')).toString('hex')}`);
    assert.equal(decoder.tableBytes, 120 * 34);
    const indexes = Array.from({ length: 120 }, (_, age) =>
      age < 65 ? (0xbe + age).toString(16) : `ff${integer(62 + age - 127)}`,
    );
    assert.deepEqual(
      list(decoder, indexes.join('')),
      Array.from({ length: 120 }, (_, age) => `: ${String((499 - age) % 100).padStart(2, '0')}`),
    );
  });
});

describe('the limits of a header list', () => {
  it('count fields and bytes, and keep the compression in step', () => {
    const decoder = open({ listBytes: 123, fieldCount: 3 });
    assert.deepEqual(list(decoder, '828684'), [':method: GET', ':scheme: http', ':path: /']);
    const many = decode(decoder, '82868440 0161 0162');
    assert.ok(!(many instanceof Http2Error));
    assert.deepEqual([many.excess, many.fields.length, many.count], ['more than 123 bytes of fields', 3, 4]);
    assert.deepEqual(list(decoder, 'be'), ['a: b']);
    const counted = decode(open({ listBytes: 1000, fieldCount: 3 }), '82868484');
    assert.ok(!(counted instanceof Http2Error));
    assert.deepEqual([counted.excess, counted.fields.length], ['more than 3 fields', 3]);
  });

  it('hold against a block whose indexes stand for much more than itself', () => {
    const decoder = open();
    list(decoder, `40 0161 7f${integer(3000 - 127)} ${'78'.repeat(3000)}`);
    const large = decode(decoder, 'be'.repeat(44));
    assert.ok(!(large instanceof Http2Error));
    assert.deepEqual([large.count, large.fields.length], [44, 10]);
    assert.equal(large.excess, 'more than 32768 bytes of fields');
    assert.deepEqual(list(decoder, '82'), [':method: GET']);
    // Far too much is not decoded to its end, so the compression is lost, and the connection with it.
    const bomb = decode(decoder, 'be'.repeat(16_000));
    assert.ok(bomb instanceof Http2Error);
    assert.deepEqual([bomb.code, bomb.scope], [11, 'connection']);
  });

  it('hold against a block of thousands of small fields', () => {
    const many = decode(open(), '0001610162'.repeat(512));
    assert.ok(!(many instanceof Http2Error));
    assert.deepEqual([many.count, many.fields.length], [512, 128]);
    const tooMany = decode(open(), '0001610162'.repeat(514));
    assert.ok(tooMany instanceof Http2Error);
    assert.deepEqual([tooMany.code, tooMany.scope, tooMany.reason], [11, 'connection', 'more than 128 fields']);
  });
});

describe('blocks that come again', () => {
  it('give the same list, as long as they mean the same', () => {
    const decoder = open();
    list(decoder, '40 0161 0162');
    const seen = ['82be', '82be', '82be'].map((hex) => decode(decoder, hex));
    assert.equal(seen[1], seen[2]);
    list(decoder, '40 0161 0163');
    assert.deepEqual(list(decoder, '82be'), [':method: GET', 'a: c']);
    assert.deepEqual(list(decoder, '82be'), [':method: GET', 'a: c']);
    list(decoder, '20');
    assert.ok(decode(decoder, '82be') instanceof Http2Error);
  });

  it('share fields with other connections, but no secrets', () => {
    const fieldOf = (hex: string) => {
      const headers = decode(open(), hex);
      return headers instanceof Http2Error ? assert.fail(headers.toString()) : headers.fields[0];
    };
    for (const hex of ['00 0161 0162', '40 0161 0163', '0f10 0164']) {
      const [, second, third] = [fieldOf(hex), fieldOf(hex), fieldOf(hex)];
      assert.notEqual(second, undefined);
      assert.equal(fieldOf(hex), fieldOf(hex), hex);
      assert.deepEqual(second, third);
    }
    const [first, second, third] = Array.from({ length: 3 }, () => fieldOf('10 0161 0162'));
    assert.ok(first !== second && second !== third && first !== third);
    assert.equal(third?.known?.neverIndexed, true);
  });

  it('insert nothing that another block inserted', () => {
    const decoder = open();
    for (const hex of ['82', '82', '82', '40 0161 0162', '82', '82']) list(decoder, hex);
    assert.equal(decoder.tableBytes, 34);
  });

  it('are not kept where a field of theirs never came before', () => {
    const decoder = open();
    const repeated = Array.from({ length: 3 }, () => decode(decoder, '82 84'));
    for (let at = 0; at < 1000; at++)
      list(decoder, `82 84 0f10 04 ${Buffer.from(String(at).padStart(4, '0')).toString('hex')}`);
    assert.equal(decode(decoder, '82 84'), repeated[2]);
  });

  it('insert again what they insert', () => {
    const decoder = open();
    const block = '88 40 0161 0162 5f 0163';
    const seen = Array.from({ length: 6 }, () => decode(decoder, block));
    assert.equal(seen[4], seen[5]);
    assert.equal(decoder.tableBytes, 6 * (34 + 'content-type'.length + 33));
    assert.deepEqual(list(decoder, 'bebfc0c1'), ['content-type: c', 'a: b', 'content-type: c', 'a: b']);
    // A table of 48 bytes has room for one of the two.
    list(decoder, '3f11');
    assert.deepEqual(list(decoder, block), [':status: 200', 'a: b', 'content-type: c']);
    assert.equal(decoder.tableBytes, 45);
    assert.deepEqual(list(decoder, 'be'), ['content-type: c']);
    assert.ok(decode(decoder, 'bf') instanceof Http2Error);
  });
});

/** The octets of an integer behind its prefix. */
function integer(rest: number): string {
  let out = '';
  for (; rest > 127; rest >>>= 7) out += ((rest & 127) | 128).toString(16);
  return out + rest.toString(16).padStart(2, '0');
}
