import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FieldNames } from '../http/field.ts';
import { HpackContext } from './hpack-context.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { BlockMemory, HpackEncoder } from './hpack-encoder.ts';
import { Http2Error } from './http2-error.ts';

const context = new HpackContext(new FieldNames());

type Line = readonly [name: string, value: string, isSensitive?: boolean];

function encode(encoder: HpackEncoder, lines: readonly Line[]): string {
  encoder.begin();
  for (const [name, value, isSensitive] of lines) encoder.field(name, value, isSensitive);
  return encoder.block.toString('latin1', 0, encoder.length);
}

/** An encoder and a decoder that has to understand it. */
class Pair {
  readonly encoder = new HpackEncoder();
  readonly decoder = new HpackDecoder(context, { listBytes: 1_000_000, fieldCount: 10_000 });

  /** Sends the lines, checks that they arrive, and gives the octets. */
  send(...lines: Line[]): string {
    const text = encode(this.encoder, lines);
    const block = Buffer.from(text, 'latin1');
    const headers = this.decoder.decode(block, 0, block.length);
    if (headers instanceof Http2Error) assert.fail(headers.toString());
    const arrived = headers.fields.map(({ name, value }) => [name, value]);
    assert.deepEqual(
      arrived,
      lines.map(([name, value]) => [name.toLowerCase(), value]),
    );
    assert.equal(this.encoder.tableBytes, this.decoder.tableBytes);
    return text;
  }
}

describe('an HpackEncoder', () => {
  it('uses the static table, for whole fields and for names', () => {
    const { encoder } = new Pair();
    assert.equal(
      encode(encoder, [
        [':method', 'GET'],
        [':status', '200'],
        ['accept-encoding', 'gzip, deflate'],
      ]),
      '\x82\x88\x90',
    );
    assert.equal(
      encode(encoder, [
        [':path', '/a'],
        ['content-length', '7'],
      ]),
      '\x14\x02/a\x0f\x0d\x017',
    );
  });

  it('puts a field into the table, and refers to it from then on', () => {
    const pair = new Pair();
    assert.equal(pair.send(['Server', 'nginx'], ['x-a', 'b']), '\x76\x05nginx\x40\x03x-a\x01b');
    assert.equal(pair.send(['server', 'nginx'], ['x-a', 'b'], ['SERVER', 'nginx']), '\xbf\xbe\xbf');
  });

  it('writes integers of more than one octet', () => {
    const pair = new Pair();
    pair.send(['x-long', 'x'.repeat(127)], ['x-longer', 'y'.repeat(1337)], [':path', `/${'z'.repeat(60_000)}`]);
    for (let at = 0; at < 100; at++) pair.send([`x-${at}`, 'v']);
    assert.equal(pair.send(['x-0', 'v']), '\xff\x22');
  });

  it('never lets a secret into a table', () => {
    const pair = new Pair();
    const secrets: Line[] = [
      ['authorization', 'Bearer x'],
      [':path', '/a?token=x'],
      ['Cookie', 'a=b'],
      ['X-Forwarded-Client-Cert', 'Hash=1'],
      ['client-cert', ':x:'],
      ['x-anything', 'y', true],
    ];
    for (const line of secrets) {
      for (let time = 0; time < 5; time++) assert.equal(pair.send(line).charCodeAt(0) & 0xf0, 0x10, line[0]);
    }
    const named = new HpackEncoder(undefined, new Set(['x-key']));
    assert.equal(encode(named, [['X-Key', 'k']]), '\x10\x05x-key\x01k');
    assert.equal(named.tableBytes, 0);
  });

  it('shares the memory of its blocks with others, and nothing else', () => {
    const memory = new BlockMemory();
    const [one, other] = [new HpackEncoder(memory), new HpackEncoder(memory)];
    const line: Line = ['x-name', 'v'.repeat(900)];
    const first = encode(one, [line]);
    assert.equal(encode(other, [line]), first);
    assert.equal(one.block, other.block);
    // A block that needs more room gives it to both; what either has said before stays its own.
    const long: Line = ['x-long', 'w'.repeat(3000)];
    assert.equal(encode(one, [long, line]).length, encode(new HpackEncoder(), [long]).length + 1);
    assert.equal(one.block, other.block);
    assert.equal(encode(other, [line]).length, 1);
  });

  it('finds each of several values of a name, and again once the first was driven out', () => {
    const pair = new Pair();
    const values = ['a', 'b', 'c'];
    for (const value of values) pair.send(['x-kind', value]);
    for (const value of values) assert.equal(pair.send(['x-kind', value]).length, 1, value);
    for (let at = 0; at < 3; at++) for (let n = 0; n < 20; n++) pair.send([`x-${n}`, String(at).repeat(200)]);
    for (const value of [...values, ...values]) pair.send(['x-kind', value]);
    for (const value of values) assert.equal(pair.send(['x-kind', value]).length, 1, value);
  });

  it('does not fill the table with what never repeats', () => {
    const pair = new Pair();
    pair.send(['server', 'nginx']);
    for (let at = 0; at < 300; at++)
      pair.send(['x-trace', `trace ${at}`], [':path', `/${at}`], ['content-length', String(at)]);
    assert.equal(pair.send(['server', 'nginx']).length, 1);
    assert.ok(pair.encoder.tableBytes < 200, String(pair.encoder.tableBytes));
    // A value that comes twice running is worth it again.
    pair.send(['x-trace', 'steady']);
    pair.send(['x-trace', 'steady']);
    assert.equal(pair.send(['x-trace', 'steady']).length, 1);
  });

  it('leaves out what would take more than a quarter of the table', () => {
    const pair = new Pair();
    pair.send(['x-a', 'x'.repeat(1024 - 3 - 32 + 1)]);
    assert.equal(pair.encoder.tableBytes, 0);
    pair.send(['x-b', 'x'.repeat(1024 - 3 - 32)]);
    assert.equal(pair.encoder.tableBytes, 1024);
  });

  it('follows the limit of the peer, and says the smallest size and the last one', () => {
    const pair = new Pair();
    pair.send(['x-a', 'b'], ['x-c', 'd']);
    pair.encoder.limitTable(35);
    assert.equal(pair.send(['x-c', 'd']), '\x3f\x04\x00\x03x-c\x01d');
    pair.encoder.limitTable(0);
    pair.encoder.limitTable(65_536);
    assert.equal(pair.send(['x-c', 'd']), '\x20\x3f\xe1\x1f\x40\x03x-c\x01d');
    assert.equal(pair.send(['x-c', 'd']), '\xbe');
    pair.encoder.limitTable(4096);
    assert.equal(pair.send(['x-c', 'd']), '\xbe');
    pair.encoder.limitTable(0);
    assert.equal(pair.send(['x-c', 'd']), '\x20\x00\x03x-c\x01d');
  });

  it('remembers no more names than it may', () => {
    const pair = new Pair();
    for (let at = 0; at < 1000; at++) pair.send([`x-${at}`, 'v']);
    assert.equal(pair.send(['x-999', 'v']), '\x00\x05x-999\x01v');
    assert.equal(pair.send([':method', 'GET']), '\x82');
  });

  it('stays in step with its decoder through thousands of evictions', () => {
    const pair = new Pair();
    for (let at = 0; at < 5000; at++) {
      pair.send(
        [':status', '200'],
        ['server', `x${at % 7}`],
        ['date', `D${at >> 3}`],
        ['x-long', String(at % 50).repeat(20)],
      );
    }
  });
});
